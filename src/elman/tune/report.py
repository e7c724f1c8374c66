"""The report of a search: what came of its trials, and which settings matter."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman import html

if TYPE_CHECKING:
    from elman.tune.search import Search

_SHOWN = 200  # trials
_ENOUGH = 4  # trials that ended, to tell which settings matter


def write(search: "Search", path: Path) -> Path:
    """Write the page; gives its path."""
    trials = search.study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if trial.state.name == "COMPLETE"]
    counts = {state: sum(t.state.name == state for t in trials) for state in ("PRUNED", "FAIL")}
    lead = (
        f"{len(trials)} trials of the task {search.kind.name}: {len(ended)} trained to their end,"
        f" {counts['PRUNED']} pruned, {counts['FAIL']} failed."
    )
    best = search.best
    sections = [
        html.Section(
            "Best settings",
            [
                html.facts({search.metric: f"{best.value:.6g}", "trial": best.number}),
                html.preformatted(
                    "\n".join(f"{name}: {v}" for name, v in search.best_settings().items())
                ),
            ],
        ),
        html.Section("Trials one after the other", [_history(search, ended)]),
        html.Section("Which settings matter", [_importance(search)]),
        html.Section("All trials", [_table(search, trials)]),
    ]
    title = f"Tuning {search.kind.name}"
    return html.write_page(path, html.page(title, sections, lead=lead, generator="elman tune"))


def importances(search: "Search") -> Mapping[str, float]:
    """The share of each setting in what makes trials good, by PED-ANOVA (Watanabe et al. 2023).

    Empty where too few trials have ended to tell.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    complete = [t for t in search.study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    if len(complete) < _ENOUGH or len({t.value for t in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Mapping[str, float] = get_param_importances(
            search.study, evaluator=PedAnovaImportanceEvaluator()
        )
    return found


def _importance(search: "Search") -> str:
    found = importances(search)
    if not found:
        return html.text(f"To tell this, {_ENOUGH} trials with different results are needed.")
    ax = html.axes("share of the importance", "", height=0.7 + 0.4 * len(found))
    names = [*found][::-1]
    ax.barh(names, [found[name] for name in names], color=html.SERIES[0])
    return html.chart(ax, "How much each setting decides whether a trial is among the best")


def _history(search: "Search", ended: list[Any]) -> str:
    ax = html.axes("trial", search.metric)
    better = max if search.maximize else min
    best: list[float] = []
    for trial in ended:
        best.append(better(trial.value, best[-1]) if best else trial.value)
    numbers = [trial.number for trial in ended]
    ax.plot(numbers, [t.value for t in ended], "o", color=html.SERIES[0], label="trial")
    ax.step(numbers, best, where="post", color=html.SERIES[1], label="best so far")
    return html.chart(ax, f"{search.metric} of each trial that was trained to its end")


def _table(search: "Search", trials: list[Any]) -> str:
    sign = -1 if search.maximize else 1
    worst = float("inf")
    ranked = sorted(trials, key=lambda t: worst if t.value is None else sign * t.value)
    names = [*search.space]
    rows = [
        [t.number, t.state.name.lower(), "" if t.value is None else f"{t.value:.5g}"]
        + [_short(t.params.get(name, "")) for name in names]
        for t in ranked[:_SHOWN]
    ]
    left_out = f"; the best {_SHOWN} of {len(trials)}" if len(trials) > _SHOWN else ""
    return html.table(
        ["trial", "state", search.metric, *names], rows, caption=f"Best first{left_out}"
    )


def _short(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value
