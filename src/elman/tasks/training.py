"""One fit of a task: its parts put together, the run, and what the record says of it."""

import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from elman.files import is_file
from elman.folders import CHECKPOINT
from elman.progress import stage
from elman.tasks.comparison import with_baselines
from elman.tasks.ensemble import build, folders, networks, seeds_of
from elman.tasks.hooks import Hooks
from elman.tasks.part_hashes import hashes_of
from elman.tasks.plan import time_words
from elman.tasks.start import take_weights, weights_hash
from elman.train import Result, TrainingInterrupted, fit
from elman.train.duration import peak_memory, seconds_a_step
from elman.train.inference import infer
from elman.train.pace import run_improves
from elman.train.settings import usual_epochs
from elman.train.workers.one_process import OneProcess

if TYPE_CHECKING:
    from elman.tasks.task import Task

REPORT = "report.html"
_PROGRESS = ("step", "epoch", "training_loss")


class Training:
    """A task's data, network and batches; the task has its preprocessing and model from here on.

    `start` is the trained task whose weights and preprocessing it begins with, None for none; one
    of another task gives what `settings_from` and `take_from` take of it, and the rest is planned.
    """

    def __init__(
        self,
        task: "Task",
        start: "Task | None",
        data: Any,
        validation: Any,
        *,
        progress: bool = False,
        workers: OneProcess | None = None,
        after_evaluation: Callable[[Mapping[str, float]], None] | None = None,
    ) -> None:
        self.task, self.start, self.progress = task, start, progress
        self.workers = workers or OneProcess()
        self.after_evaluation = after_evaluation
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(task.settings.seed)
            goes_on = start is not None and start.name == task.name
            known = start.preprocessing if start is not None and goes_on else None
            task._start, task._preprocessing = start, known
            with self._stage("reading the data"):
                train = self.whole = task.read(data, labelled=True)
                if validation is None:
                    train, self.held_out = task.split(train)
            if not goes_on:
                with self._stage("choosing settings"):
                    self._plan(train)
            with self._stage("preprocessing"):
                preprocessing = task.fit_preprocessing(train, known)
            task._preprocessing = preprocessing
            if validation is not None:
                with self._stage("reading the validation data"):
                    self.held_out = task.read(validation, labelled=True)
            self.train = train
            task._model = build(task, preprocessing)
            with self._stage("making batches"):
                self.batches = task.batches(preprocessing, train, training=True)
                self.unseen = task.batches(preprocessing, self.held_out, training=False)
            self.facts = task.facts(train, self.held_out)
            if why := self.facts.get("chosen"):
                task.planned = [*task.planned, f"Chosen: {why}"]
            task.model.to(dtype=task.precision(preprocessing))
            if start is None:
                said = [task.initialise(network) for network in networks(task.model)]
                task.planned = [*task.planned, *said[0]]
            elif goes_on:
                take_weights(task, start)
            else:
                for network in networks(task.model):
                    task.take_from(start, network)

        if self.workers.size > 1:
            learnt = hashes_of(task.preprocessing)
            self.workers.check_same({"data": self.facts["training_sha256"], **learnt})

    def _stage(self, name: str) -> AbstractContextManager[None]:
        return stage(name, shown=self.progress)

    def _plan(self, train: Any) -> None:
        """Take the plan's settings, but for those that were given."""
        task = self.task
        plan = task.plan(train)
        chosen = plan.without(task.asked)
        task.settings = task.settings.model_copy(update=chosen)
        task.planned = plan.words(chosen)

    def evaluate(self, model: Any) -> dict[str, float]:
        """The metrics of what is held out; preprocessing may be calibrated meanwhile."""
        task = self.task
        output = infer(model, self.unseen, task.answers)
        return task.metrics(output, task.preprocessing, self.held_out)

    def announce(self) -> None:
        """Print the plan, and how long it will take here."""
        with self._stage("measuring the speed"):
            duration = self._duration()
        for line in [*self.task.planned, duration]:
            self._say(line)

    def _say(self, line: str) -> None:
        if self.progress:
            print(line, file=sys.stderr, flush=True)

    def _duration(self) -> str:
        """In words, from a few steps and one evaluation of a copy of the model."""
        task, an_epoch = self.task, len(self.batches)
        settings = task.settings
        steps = (settings.epochs or usual_epochs(an_epoch)) * an_epoch
        steps = min(steps, settings.max_steps or steps)
        model, *others = networks(task.model)
        seconds = steps * seconds_a_step(model, self.batches, task.loss, settings)
        seconds /= self.workers.size
        began = time.monotonic()
        with torch.random.fork_rng(devices=[]):
            self.evaluate(deepcopy(model).eval())
        looks = 1 + steps // (settings.evaluate_every or an_epoch)
        seconds += looks * (time.monotonic() - began)
        steps, seconds = steps * (1 + len(others)), seconds * (1 + len(others))
        text = f"Time: {steps:,} steps in about {time_words(seconds)} on this machine"
        if (most := peak_memory()) is not None:
            text += f", with about {most / 1e9:.1f} GB of memory"
        if settings.budget is not None and seconds > settings.budget:
            text += f"; fewer, as the budget is {time_words(settings.budget)}"
        return text

    def run(self, *, folder: Path | None, resume: bool, began: float, unit: str) -> None:
        """Train; each network then holds its best weights."""
        task, seeds = self.task, seeds_of(self.task)
        places = [None] * len(seeds) if folder is None else folders(folder, task)
        self.results: list[Result] = []
        whole = task.settings
        for number, network in enumerate(networks(task.model)):
            if len(seeds) > 1:
                budget = None if whole.budget is None else whole.budget / len(seeds)
                update = {"seed": seeds[number], "budget": budget}
                task.settings = whole.model_copy(update=update)
                self._say(f"Network {number + 1} of {len(seeds)}, seed {seeds[number]}")
            try:
                result = self._train(network, number, places[number], resume, began, unit)
            except TrainingInterrupted as error:
                words = str(error).replace(str(places[number]), str(folder))
                raise TrainingInterrupted(words, error.result, error.signum) from None
            finally:
                task.settings = whole
            self.results.append(result)
            began = time.monotonic()

    def _train(
        self, model: Any, number: int, folder: Path | None, resume: bool, began: float, unit: str
    ) -> Result:
        task, objective, batches = self.task, self.task.objective, self.batches
        if number > 0:
            batches = task.batches(task.preprocessing, self.train, training=True)
            resume = resume and folder is not None and is_file(folder / CHECKPOINT)
        return fit(
            model,
            batches,
            task.loss,
            settings=task.settings,
            folder=folder,
            evaluate=self.evaluate,
            metric=objective.name,
            maximize=objective.maximize,
            progress=self.progress,
            unit=unit,
            data=self.facts["training_sha256"],
            start=None if self.start is None else weights_hash(self.start),
            resume=resume,
            began=began,
            chance=task.chance(self.train),
            workers=self.workers,
            after_evaluation=self.after_evaluation,
            groups=task.parameter_groups(model),
        )

    def record(self) -> dict[str, Any]:
        """What the card says, after the last calibration of the best weights."""
        task, objective, results = self.task, self.task.objective, self.results
        models = networks(task.model)
        alone = [self._metrics(*pair) for pair in zip(models, results, strict=True)]
        metrics = alone[0] if len(alone) == 1 else self.evaluate(task.model)
        improves = any(
            run_improves(each.history, objective.name, maximize=objective.maximize)
            for each in results
        )
        started = {} if self.start is None else _origin(self.start)
        several = {name: [round(each[name], 6) for each in alone] for name in metrics}
        return {
            "data": self.facts,
            **({"plan": task.planned} if task.planned else {}),
            "metrics": {name: round(value, 6) for name, value in metrics.items()},
            **({"ensemble": several} if len(alone) > 1 else {}),
            "training": {
                "steps": sum(each.step for each in results),
                "best_step": results[0].best_step,
                "stopped_because": results[-1].stopped_because,
                "seconds": round(sum(each.seconds for each in results), 1),
                "clipped_share": round(sum(each.clipped for each in results) / len(results), 4),
                **({"still_improving": True} if improves else {}),
                **started,
            },
        }

    def _metrics(self, model: Any, result: Result) -> dict[str, float]:
        """Of one network's best weights, once they are calibrated."""
        task = self.task
        found = [entry for entry in result.history if entry["step"] == result.best_step]
        if not found:
            warnings.warn(
                f"{task.objective.name} was NaN at every evaluation: the last weights are kept",
                stacklevel=4,
            )
        if type(task).calibrate is not Hooks.calibrate:
            known = len(task.planned)
            task.calibrate(model, self.held_out)
            for line in task.planned[known:]:
                self._say(line)
            if task.calibration_changes_metrics:
                return self.evaluate(model)
        best = (found or result.history)[-1]
        return {name: value for name, value in best.items() if name not in _PROGRESS}

    def baselines(self) -> list[dict[str, Any]]:
        """Simple methods on the same data, beside the model."""
        with self._stage("training the baselines"):
            return with_baselines(self.task, self.train, self.held_out)

    def learnt_again(self) -> Any:
        """The task's preprocessing after it has learnt from what was split off to validate, too,
        which the record then says; None where it does not. Validation data of the user's own stay
        unseen."""
        if self.whole is self.train:
            return None
        with self._stage("training on the held-out data"):
            found = self.task.learn_again(self.whole)
        if found is None:
            return None
        words = "was trained on the validation data, too, after the metrics were computed"
        self.task.record["training"][self.task.learns_again] = words
        self._say(f"the {self.task.learns_again} {words}")
        return found

    def write_report(self, folder: Path) -> Path | None:
        """Write the report page of the run; None, with a warning, where that fails."""
        from elman.tasks.run_report.page import write

        with self._stage("writing the report"):
            return write(self.task, self.train, self.held_out, folder / REPORT)


def _origin(start: "Task") -> dict[str, str]:
    return {
        "started_from": weights_hash(start),
        "started_from_model": f"{start.name}: {start.description()}",
    }
