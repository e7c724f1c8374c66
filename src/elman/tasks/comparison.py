"""A trained model beside its baselines: what the record, the card and the terminal say of them."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from elman.errors import ElmanError

if TYPE_CHECKING:
    from elman.tasks.task import Task

_FEWEST = 30  # held-out examples from which a model is warned of
_FAILURES = (ElmanError, ArithmeticError, LookupError, MemoryError, RuntimeError, ValueError)

Row = Mapping[str, Any]


def with_baselines(task: "Task", train: Any, held_out: Any) -> list[dict[str, Any]]:
    """A row for each baseline of a task, by the same held-out data as the model.

    `name`, `metric`, the `baseline`'s and the `model`'s value of it, `low` and `high` of their
    difference (model less baseline, 95 %), `winner`, `metrics`, `examples`, `seconds`, `note`.
    A baseline that fails is a warning: the trained model is worth more.
    """
    from elman.baselines import compare
    from elman.train.inference import infer

    if not getattr(task.settings, "baselines", True):
        return []
    try:
        found = task.baselines(train, held_out)
        if not found:
            return []
        unseen = task.batches(task.preprocessing, held_out, training=False)
        output = infer(task.model, unseen, task.answers)
        scores = task.scores(output, task.preprocessing, held_out)
        compared = [compare(scores, each, seed=task.settings.seed) for each in found]
    except _FAILURES as error:
        reason = " ".join(str(error).split())[:200]
        warnings.warn(f"the baselines failed: {type(error).__name__}: {reason}", stacklevel=3)
        return []
    return [
        {
            "name": baseline.name,
            "metric": baseline.metric,
            "baseline": round(each.baseline_value, 6),
            "model": round(each.model_value, 6),
            "low": round(each.low, 6),
            "high": round(each.high, 6),
            "winner": each.winner,
            "metrics": {name: round(value, 6) for name, value in baseline.metrics.items()},
            "maximize": baseline.maximize,
            "examples": len(baseline.scores),
            "seconds": round(baseline.seconds, 2),
            "note": baseline.note,
        }
        for baseline, each in zip(found, compared, strict=True)
    ]


def no_better(rows: Sequence[Row]) -> str:
    """Why a model is not worth its training, and what to try; "" if it beats all baselines.

    Of fewer than 30 held-out examples only a baseline that wins counts.
    """
    ahead = [
        row
        for row in rows
        if row["winner"] == "baseline"
        or (row["examples"] >= _FEWEST and not _gain(row) > 0 and not _is_perfect(row))
    ]
    if not ahead:
        return ""
    best = min(ahead, key=_gain)
    return (
        f"the model is no better than the baseline {best['name']}: {best['metric']}"
        f" {best['model']:.4f} against {best['baseline']:.4f}; try more epochs, another lr,"
        " less dropout or more hidden units, or more data"
    )


def line(row: Row) -> str:
    """One baseline beside the model, for the terminal.

    >>> line({"name": "most frequent class", "metric": "accuracy", "baseline": 0.5, "model": 0.8,
    ...     "low": 0.25, "high": 0.35, "winner": "model", "note": ""})
    'baseline most frequent class: accuracy 0.5000, ... +0.2500 to +0.3500): the model wins'
    """
    metric = row["metric"].replace("_", " ")
    note = f"; {row['note']}" if row["note"] else ""
    return (
        f"baseline {row['name']}: {metric} {row['baseline']:.4f}, the model {row['model']:.4f}"
        f" (difference {row['low']:+.4f} to {row['high']:+.4f}): {outcome(row)}{note}"
    )


def together(record: Mapping[str, Any]) -> list[str]:
    """By metric what the networks reach together and alone, of a trained task's `record`.

    >>> together({"metrics": {"accuracy": 0.85}, "ensemble": {"accuracy": [0.8, 0.84]}})
    ['2 networks together: accuracy 0.8500, alone 0.8200 on average (0.8000 to 0.8400): +0.0300']
    """
    found = []
    for name, alone in record.get("ensemble", {}).items():
        together, mean = record["metrics"][name], sum(alone) / len(alone)
        found.append(
            f"{len(alone)} networks together: {name.replace('_', ' ')} {together:.4f}, alone"
            f" {mean:.4f} on average ({min(alone):.4f} to {max(alone):.4f}): {together - mean:+.4f}"
        )
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """The lines of the card's table."""
    if not rows:
        return []
    metric = rows[0]["metric"].replace("_", " ")
    lines = [
        "",
        "## Against baselines",
        "",
        f"| baseline | {metric} | of the model | difference, 95 % interval | |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        name = f"{row['name']} ({row['note']})" if row["note"] else row["name"]
        interval = f"{row['low']:+.4f} to {row['high']:+.4f}"
        values = f"{row['baseline']:.4f} | {row['model']:.4f} | {interval}"
        lines.append(f"| {name} | {values} | {outcome(row)} |")
    lines += [
        "",
        "Intervals are of the paired bootstrap over the validation examples. The result is",
    ]
    lines[-1] += " undecided if they contain 0, or if the two differ on fewer than six examples."
    if warning := no_better(rows):
        lines += ["", f"**Warning:** {warning}."]
    return lines


_OUTCOMES = {"model": "the model wins", "baseline": "the baseline wins", "undecided": "undecided"}


def outcome(row: Row) -> str:
    """Who wins, in words."""
    if row["winner"] == "undecided" and (row["low"] > 0 or row["high"] < 0):
        return "undecided, as they differ on fewer than six examples"
    return _OUTCOMES[row["winner"]]


def _gain(row: Row) -> float:
    """How much better the model is."""
    difference: float = row["model"] - row["baseline"]
    return difference if row["maximize"] else -difference


def _is_perfect(row: Row) -> bool:
    return bool(row["model"] == (1 if row["maximize"] else 0))
