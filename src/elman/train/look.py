"""What the monitor of gradients sees after a step, put into the records of the run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor

from elman.train.rng import preserved_rng

if TYPE_CHECKING:
    from elman.diagnose.monitor import Monitor
    from elman.train.run import Run


def look(run: "Run", monitor: "Monitor", step: int, norm: float, batch: Any) -> None:
    """Have the monitor look at the gradients, and record what it sees."""
    seen = monitor.look(step, norm, _again(run, batch))
    if seen is None:
        return
    run.at.gradients.append(seen.entry())
    run.at.warnings += seen.warnings
    flat = {
        f"{name}: {metric}": value
        for name, values in seen.layers.items()
        for metric, value in values.items()
    }
    run.log.write("gradients", {"step": step, **flat})
    for words in seen.warnings:
        run.log.write("warning", {"step": step, "text": words})
        run.display.warning(words)


@contextmanager
def _again(run: "Run", batch: Any) -> Iterator[Callable[[], Tensor]]:
    """A function of this step's loss; what it changes within is put back."""
    buffers = [(each, each.clone()) for each in run.model.buffers()]
    with preserved_rng(run.device):
        yield lambda: run.gradient.again(batch)
    for buffer, before in buffers:
        buffer.copy_(before)
