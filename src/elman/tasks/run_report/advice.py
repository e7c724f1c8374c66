"""What to try next: a few rules on how a run went."""

from collections.abc import Iterator, Sequence

from elman import html
from elman.tasks import comparison
from elman.tasks.run_report.run import Run

_MOST = 6  # pieces of advice
_GAIN = 0.01  # of the metric over the last quarter of a run that counts as improving still
_RISE = 1.1  # times its lowest value that the validation loss rises to by overfitting
_EVALUATIONS = 4  # that show a course
_FEW = 100  # validation examples


def parts(run: Run, own: Sequence[str]) -> list[str]:
    """The advice that the run gives reason for, the task's `own` after it; few sentences."""
    found = [*_of_run(run), *own][:_MOST]
    if not found:
        return [
            html.text(
                "Nothing stands out. More data of the same kind, or --preset best with a larger"
                " network trained for longer, may still help."
            )
        ]
    return [html.items(found)]


def _of_run(run: Run) -> Iterator[str]:
    record = run.task.record
    if comparison.no_better(record.get("baselines", ())):
        yield (
            "The model is no better than a baseline: use the baseline's method, or change the"
            " training (another --lr, less dropout, more steps) before anything else."
        )
    if improving := _improves(run):
        yield (
            f"The {improving} still improved at the end: continue with elman train"
            f" {run.task.name} --data DATA --from {run.folder} --out ANOTHER, or train longer from"
            " the beginning with more --epochs."
        )
    elif len(run.task.history) < _EVALUATIONS:
        yield (
            "So few evaluations do not show whether it was still improving: train longer, or"
            " evaluate more often with --evaluate-every."
        )
    elif _overfits(run):
        yield (
            "The validation loss rises again while the training loss falls (overfitting; the"
            " weights of the best step are kept): more dropout, a smaller network, or more data."
        )
    if record["training"]["clipped_share"] > 0.5:
        yield (
            f"{record['training']['clipped_share']:.0%} of the steps had their gradient clipped: a"
            " lower --lr may be steadier."
        )
    held_out = record["data"].get("validation_examples", _FEW)
    if held_out < _FEW:
        yield (
            f"Only {held_out} examples validate, so that the metrics are uncertain: give more with"
            " --validation or --held-out."
        )


def _improves(run: Run) -> str:
    """The validation metric, or else the loss, that is clearly better than a quarter of a run ago
    and best at the last evaluation; "" if none is."""
    if run.task.record["training"]["stopped_because"] != "finished":
        return ""
    for name in (run.metric, "loss"):
        _, values = run.evaluations(name)
        if name == run.metric and run.task.objective.maximize:
            values = [-value for value in values]
        if len(values) < _EVALUATIONS or values[-1] > min(values):
            continue
        before = values[-1 - max(1, len(values) // 4)]
        if before - values[-1] > _GAIN * abs(before):
            return name.replace("_", " ") if name == run.metric else "validation loss"
    return ""


def _overfits(run: Run) -> bool:
    _, losses = run.evaluations("loss")
    _, training = run.evaluations("training_loss")
    if len(losses) < _EVALUATIONS or len(training) < _EVALUATIONS or not min(losses) > 0:
        return False
    return losses[-1] > _RISE * min(losses) and training[-1] < training[len(training) // 2]
