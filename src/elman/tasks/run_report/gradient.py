"""The gradient through time of one batch, after training."""

from typing import TYPE_CHECKING

from elman import html
from elman.svg import Line, line_chart
from elman.tasks.ensemble import networks
from elman.tasks.run_report.run import Run

if TYPE_CHECKING:
    from elman.diagnose import Diagnosis

_SEQUENCES = 4  # that are followed
_COLOURS = 4


def parts(run: Run) -> list[str]:
    """The memory in a sentence, what was found, and how much of a gradient is left."""
    from elman.diagnose import diagnose
    from elman.diagnose.page import findings
    from elman.diagnose.tables import headline, memory_words
    from elman.train.tree import move

    task = run.task
    batch = move(task.batch_to_diagnose(task.preprocessing, run.train), task.device)
    found = diagnose(
        networks(task.model)[0],
        batch,
        loss=lambda model, batch: task.loss(model, batch, None),
        sequences=_SEQUENCES,
        chunk=task.chunk_length,
        quick=True,
    )
    rows = [
        (
            layer.name,
            layer.cell,
            layer.length,
            memory_words(layer.gradient.memory, layer.gradient.seen),
            f"{layer.gradient.rate:.3f}",
        )
        for layer in found.layers
    ]
    header = ["layer", "cell", "steps of the sequences", "memory", "gradient's factor a step"]
    return [
        html.strong(headline(found)),
        html.text(
            "The gradient of one training batch is followed back through the recurrence. The lag"
            " at which less than 1 % of it is left is the memory: what happened before hardly"
            " changes the weights. elman diagnose shows more."
        ),
        html.table(header, rows, stacked=True),
        *(findings(found.findings) if found.findings else ()),
        *_chart(found),
    ]


def _chart(found: "Diagnosis") -> list[str]:
    layers = [layer for layer in found.layers if len(layer.gradient.lags) > 1][:_COLOURS]
    if not layers:
        return []
    lines = [
        Line(range(len(layer.gradient.lags)), layer.gradient.lags.tolist(), layer.name, i)
        for i, layer in enumerate(layers, 1)
    ]
    caption = "The share of a gradient that is left, so many steps back."
    return [html.charts(line_chart("steps back", "share left", lines, caption, from_zero=True))]
