"""How a run went: losses, the metric that chose the weights, and the learning rate."""

from elman import html
from elman.svg import Line, line_chart
from elman.tasks.run_report.run import Run

_SHOWN = ("accuracy", "bits_per_character", "wer")  # beside the loss, where this is the metric


def parts(run: Run) -> list[str]:
    """The charts, the best step marked."""
    training = run.task.record["training"]
    best = training["best_step"] or training["steps"]
    looks = len(run.task.history)
    words = (
        f"It ended after {training['steps']:,} steps ({training['stopped_because']}); the weights"
        f" of step {best:,} are kept, the best of {looks} evaluation{'s' if looks > 1 else ''}."
    )
    charts = [_losses(run, best)]
    metric = run.metric
    if metric == "loss":
        metric = next((n for n in _SHOWN if n in run.task.record["metrics"]), metric)
    if metric != "loss" and looks > 1:
        charts.append(_metric(run, metric, best))
    steps, rates = run.logged("lr")
    if len(steps) > 1:
        lines = [Line(steps, rates, colour=4)]
        rate = line_chart("step", "learning rate", lines, "The learning rate.", from_zero=True)
        charts.append(rate)
    return [html.text(words), html.charts(*charts)]


def _losses(run: Run, best: int) -> str:
    logged = run.logged("loss")
    training = logged if len(logged[0]) > 1 else run.evaluations("training_loss")
    lines = [Line(*training, name="training", colour=3)]
    held_out = run.evaluations("loss")
    if held_out[0]:
        lines.append(Line(*held_out, name="validation"))
    caption = (
        "The loss. That of training is measured with dropout and all other regularisation, so that"
        " it may lie above that of validation."
    )
    return line_chart("step", "loss", lines, caption, mark=(best, "best step"))


def _metric(run: Run, name: str, best: int) -> str:
    shown = name.upper() if name in ("wer", "cer") else name.replace("_", " ")
    caption = f"The {shown} on the validation data."
    mark = best, "best step"
    return line_chart("step", shown, [Line(*run.evaluations(name))], caption, mark=mark)
