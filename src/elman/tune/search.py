"""A search for good settings: trials kept in a journal, so that any number of processes share it
and a later one continues with it."""

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from elman.errors import DataError, ElmanError, FileError, ModelError, SettingsError
from elman.files import write_atomic, writing
from elman.folders import path_of
from elman.tasks.registry import TASKS
from elman.tasks.search_space import Space, space_of
from elman.tasks.settings import validated
from elman.tune.sampler import NumberedSampler, rounded, suggested

JOURNAL, BEST, REPORT = "trials.journal", "best.yaml", "report.html"
_WITHOUT_PRUNING = 5  # trials that are trained to their end
_EVALUATIONS = 3  # of every trial, before it may be pruned
_MOST_FAILED = 5  # trials, where none succeeded
_FINISHED = ("COMPLETE", "PRUNED", "FAIL")


class Search:
    """Tunes the settings of a task that were not given.

    **Arguments:**

    - `task`: its name.
    - `folder`: gets trials.journal, best.yaml and report.html.
    - `settings`: those that are the same in all trials, by name; they are not tuned.
    - `seed`: of the suggestions, and of the training where `settings` has none.
    - `resume`: continue with the folder's trials; task, settings, space and seed must be the same.

    **Raises:** `SettingsError` for settings that cannot work or that have changed; `FileError` for
    a folder that holds something else.
    """

    def __init__(
        self,
        task: str,
        folder: Path | str,
        *,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        resume: bool = False,
    ) -> None:
        optuna = _optuna()
        self.folder = path_of(folder, "folder")
        self.kind = TASKS[task]
        given = dict(settings or {})
        self.fixed = {"seed": seed, "baselines": False, **given}
        known = self.kind.settings_type.model_fields
        self.fixed = {name: v for name, v in self.fixed.items() if name in known or name in given}
        validated(self.kind.settings_type, self.fixed)
        if self.fixed.get("seeds", 1) != 1:
            raise SettingsError(
                "seeds: a trial trains one network; use several for the final training"
            )
        whole = space_of(self.kind.settings_type)
        self.space: Space = {name: each for name, each in whole.items() if name not in given}
        if not self.space:
            raise SettingsError(f"nothing is left to tune: all of {', '.join(whole)} were given")
        objective = self.kind(**self.fixed).objective
        self.metric, self.maximize = objective.name, bool(objective.maximize)
        self._prepare(resume)
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        path = str(self.folder / JOURNAL)
        backend = JournalFileBackend(path, lock_obj=JournalFileOpenLock(path))
        self.study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=task,
            direction="maximize" if self.maximize else "minimize",
            sampler=NumberedSampler(seed),
            pruner=optuna.pruners.MedianPruner(_WITHOUT_PRUNING, _EVALUATIONS),
            load_if_exists=resume,
        )
        self._check_terms({"seed": seed, "settings": self.fixed, "space": _plain(self.space)})

    def _prepare(self, resume: bool) -> None:
        journal = self.folder / JOURNAL
        if resume and not journal.is_file():
            raise ModelError(f"{journal}: no such trials to continue")
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            held = sorted(each.name for each in self.folder.iterdir())
        if not resume and journal.name in held:
            raise SettingsError(
                f"{self.folder} holds trials: resume=True (--resume) continues them; or choose"
                " another folder"
            )
        if not resume and held:
            raise FileError(f"{self.folder} holds other files ({held[0]}): choose a new folder")

    def _check_terms(self, terms: dict[str, Any]) -> None:
        terms = yaml.safe_load(yaml.safe_dump(terms))
        known = self.study.user_attrs.get("terms")
        if known is None:
            self.study.set_user_attr("terms", terms)
            return
        for part, now in terms.items():
            then = known.get(part)
            if then == now:
                continue
            then, now = (v if isinstance(v, dict) else {part: v} for v in (then, now))
            name = next(n for n in {**then, **now} if then.get(n) != now.get(n))
            raise SettingsError(
                f"{self.folder}: the search began with other settings:"
                f" {name} was {then.get(name)!r:.80} and"
                f" is {now.get(name)!r:.80}; resume with the same, or choose another folder"
            )

    # -- trials

    def finished(self) -> int:
        """How many trials are done; those that a killed process left do not count."""
        return sum(
            trial.state.name in _FINISHED and "left" not in trial.user_attrs
            for trial in self.study.get_trials(deepcopy=False)
        )

    def take_up(self) -> None:
        """Queue once more what killed processes left; to be called while no process runs trials."""
        import optuna

        for trial in self.study.get_trials(deepcopy=False):
            if trial.state == optuna.trial.TrialState.RUNNING:
                self.study.enqueue_trial(trial.params)
                storage = self.study._storage
                storage.set_trial_user_attr(trial._trial_id, "left", True)
                self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def run(self, data: Any, validation: Any = None, *, trials: int, progress: bool = True) -> None:
        """Run so many trials more."""
        for _ in range(trials):
            trial = self.study.ask()
            words = self._run(trial, data, validation)
            if progress:
                chosen = ", ".join(f"{name} {_rounded(v)}" for name, v in trial.params.items())
                print(f"trial {trial.number}: {words}; {chosen}", file=sys.stderr, flush=True)

    def _run(self, trial: Any, data: Any, validation: Any) -> str:
        """Train once; in words, how well."""
        import optuna

        failed, pruned = optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED
        chosen = {name: suggested(trial, name, among) for name, among in self.space.items()}
        values: list[float] = []

        def after(metrics: Mapping[str, float]) -> None:
            values.append(metrics[self.metric])
            if not math.isnan(values[-1]):
                trial.report(values[-1], len(values))
            if trial.should_prune():
                raise _PrunedError

        try:
            task = self.kind(**{**self.fixed, **chosen})
            task.fit(data, validation, progress=False, after_evaluation=after)
            value = float(task.record["metrics"][self.metric])
            if math.isnan(value):
                raise SettingsError(f"{self.metric} is NaN")
        except _PrunedError:
            self.study.tell(trial, state=pruned)
            return f"pruned after {len(values)} evaluations, {self.metric} {values[-1]:.4g}"
        except (DataError, FileError):
            self.study.tell(trial, state=failed)
            raise
        except (ElmanError, MemoryError) as error:
            trial.set_user_attr("error", str(error)[:300])
            self.study.tell(trial, state=failed)
            if not self.best and self.finished() >= _MOST_FAILED:
                raise
            return f"failed: {error}"
        self._check_data(trial, task.record["data"]["training_sha256"])
        self.study.tell(trial, value)
        return f"{self.metric} {value:.4g}"

    def _check_data(self, trial: Any, sha256: str) -> None:
        known = self.study.user_attrs.setdefault("training_sha256", sha256)
        if known != sha256:
            import optuna

            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise DataError(f"{self.folder}: the trials so far were trained on other data")
        self.study.set_user_attr("training_sha256", sha256)

    # -- results

    @property
    def best(self) -> Any:
        """The best trial, None where none has ended."""
        import optuna

        complete = (optuna.trial.TrialState.COMPLETE,)
        return self.study.best_trial if self.study.get_trials(states=complete) else None

    def best_settings(self) -> dict[str, Any]:
        """Those of the best trial, with the ones that all have in common."""
        best = self.best
        if best is None:
            raise SettingsError(f"{self.folder}: no trial has finished")
        chosen = {name: _rounded(value) for name, value in best.params.items()}
        fixed = {name: v for name, v in self.fixed.items() if name != "baselines"}
        return {**fixed, **chosen}

    def write(self) -> Path:
        """Write best.yaml, which `elman train --config` reads, and the report; gives its path."""
        from elman.tune.report import write

        best = self.best
        text = yaml.safe_dump(self.best_settings(), allow_unicode=True, sort_keys=False)
        lead = f"# trial {best.number}: {self.metric} {best.value:.6g}\n"
        write_atomic(self.folder / BEST, lead + text)
        return write(self, self.folder / REPORT)


class _PrunedError(Exception):
    """A trial that does worse than others did at the same evaluation."""


def _rounded(value: Any) -> Any:
    """A suggested value as the trial takes it."""
    return rounded(value) if isinstance(value, float) else value


def _plain(space: Space) -> dict[str, Any]:
    return {
        name: {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(each).items()}
        for name, each in space.items()
    }


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise SettingsError(
            "tuning needs the package optuna: pip install 'elman[scale]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
