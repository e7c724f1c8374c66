"""`elman.diagnose(model, batch)`: everything measured, and what it means."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Group
from torch import Tensor, nn

from elman.diagnose.calls import Call, as_layer, joined
from elman.diagnose.findings import Finding, of_layers, of_truncation
from elman.diagnose.layers import LayerReport, measure
from elman.diagnose.losses import loss_of
from elman.diagnose.truncation import Truncation, truncation
from elman.diagnose.watch import gradients
from elman.errors import SettingsError
from elman.html import write_page
from elman.nn.modes import modes_kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEQUENCES = 16  # of each batch that are looked at
_LEVELS = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Diagnosis:
    """What `elman.diagnose` found.

    - `layers`: a `LayerReport` of each recurrent layer and direction.
    - `findings`: the gravest first. `healthy` is whether there is no error or warning.
    - `truncation`: of each one-way recurrent module, by name, the bias of some chunk lengths.
    - `loss`: of each batch. `parameters`: norm of each parameter's gradient, the last batch's.
    - `history`: of a training run that was monitored, a dict a measurement.
    """

    model: str
    layers: list[LayerReport]
    findings: list[Finding]
    truncation: dict[str, list[Truncation]]
    loss: list[float]
    parameters: dict[str, float]
    sequences: int
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether nothing was found but notes."""
        return all(finding.level == "note" for finding in self.findings)

    @property
    def memory(self) -> float:
        """The longest memory of any layer, in steps; NaN if no gradient could be followed."""
        known = [layer.gradient.memory for layer in self.layers]
        return max((m for m in known if not math.isnan(m)), default=math.nan)

    def summary(self) -> Group:
        """Tables for a terminal or a notebook; `print` of rich shows them."""
        from elman.diagnose.tables import summary

        return summary(self)

    def plot(self) -> "Figure":
        """The gradient through time, Jacobians and gates as one matplotlib figure."""
        from elman.diagnose.plot import plot

        return plot(self)

    def to_html(self, path: Path | str) -> Path:
        """Write one page that loads nothing, light and dark; returns its path.

        Raises `FileError` where another file than a page of elman's would be lost.
        """
        from elman.diagnose.page import page

        return write_page(path, page(self))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values that JSON can hold; what is not finite is None or a word."""
        plain: dict[str, Any] = _plain(asdict(self))
        return {"healthy": self.healthy, "memory": _plain(self.memory), **plain}

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __str__(self) -> str:
        found = "; ".join(f.words for f in self.findings if f.level != "note") or "no problem found"
        return f"Diagnosis of {self.model}: {found}"


def diagnose(
    model: Any,
    batch: Any = None,
    *,
    loss: Callable[..., Any] | None = None,
    sequences: int = SEQUENCES,
    chunk: int | None = None,
    history: Sequence[dict[str, Any]] = (),
    quick: bool = False,
) -> Diagnosis:
    """Say why a recurrent network learns or does not learn.

    The model runs once forward and backward on each batch, as after training (no dropout); its
    weights, gradients and mode are left as they were. Every elman layer and every `torch.nn.RNN`,
    `LSTM` and `GRU` in it is looked into.

    **Arguments:**

    - `model`: a torch module, a recurrent layer alone, or a trained task of `elman.tasks`.
    - `batch`: inputs, or (inputs, targets), as the model takes them, or whatever `loss` takes; a
      list of such for averages over several. Of a task: data, as its `evaluate` takes it.
    - `loss`: `loss(model, batch)` to a scalar, or the loss function of `elman.train.fit`. By
      default the cross entropy or square error of the targets; without targets a random projection
      of the output (of a layer alone: of its last state).
    - `sequences`: how many sequences of each batch are followed through time.
    - `chunk`: the chunk length of truncated backpropagation that is in use, to be judged.
    - `history`: a monitored run's `Result.gradients`, for the page to draw.
    - `quick`: measure the gradient through time alone: no Jacobians, exponents, gates, states or
      truncation.

    **Returns:** a `Diagnosis`, with `.summary()`, `.plot()`, `.to_html(path)` and `.to_dict()`.

    **Raises:** `SettingsError` where there is no recurrent layer, no batch, or no gradient.

    >>> import elman
    >>> found = diagnose(elman.RNN(3, 16), torch.randn(60, 8, 3))
    >>> [(finding.kind, finding.level) for finding in found.findings]
    [('vanishing', 'note')]
    """
    if hasattr(model, "examine"):
        model, batch, own, chunk_in_use = model.examine(batch)
        loss, chunk = loss or own, chunk or chunk_in_use
    if not isinstance(model, nn.Module):
        raise SettingsError(
            f"model must be a torch module or a trained task, got {type(model).__name__}"
        )
    batches = batch if isinstance(batch, list) else [batch]
    if not batches or any(each is None for each in batches):
        raise SettingsError("batch is missing: pass inputs, or (inputs, targets)")
    if sequences < 1:
        raise SettingsError(f"sequences must be 1 or more, got {sequences}")
    function = loss_of(loss)
    per_batch, losses = [], []
    norms: dict[str, float] = {}
    with _as_after_training(model):
        for each in batches:
            calls, value, norms = backward(model, each, function)
            per_batch.append([call.first(sequences) for call in calls])
            losses.append(value)
        found = _report(model, per_batch, losses, norms, chunk, quick=quick)
        return replace(found, history=list(history))


def backward(
    model: nn.Module, batch: Any, loss: Callable[[nn.Module, Any], Tensor]
) -> tuple[list[Call], float, dict[str, float]]:
    """Run forward and backward; the calls with their gradients, the loss, parameters' norms."""
    caught, value, found = gradients(model, lambda: loss(model, batch))
    if not caught:
        raise SettingsError("the loss ran none of the model's recurrent layers with gradients")
    norms = {name: 0.0 if g is None else float(g.double().norm()) for name, g in found.items()}
    return joined([one.call() for one in caught]), float(value), norms


@contextmanager
def _as_after_training(model: nn.Module) -> Iterator[None]:
    """In evaluation mode, of which cuDNN gives no gradients: torch's own kernels do."""
    with modes_kept(model), _without_cudnn():
        model.eval()
        yield


def _without_cudnn() -> AbstractContextManager[None]:
    known = torch.backends.cudnn
    kept = {name: getattr(known, name) for name in ("benchmark", "deterministic", "allow_tf32")}
    flags: AbstractContextManager[None] = known.flags(enabled=False, **kept)
    return flags


def _report(
    model: nn.Module,
    per_batch: Sequence[Sequence[Call]],
    losses: list[float],
    norms: dict[str, float],
    chunk: int | None,
    *,
    quick: bool,
) -> Diagnosis:
    if len({len(calls) for calls in per_batch}) > 1:
        raise SettingsError("the batches run the recurrent layers differently often: pass one")
    layers: list[LayerReport] = []
    cuts: dict[str, list[Truncation]] = {}
    for calls in zip(*per_batch, strict=True):
        tracks = list(zip(*(call.tracks() for call in calls), strict=True))
        layer, name = as_layer(calls[0].module), _called(calls[0])
        if any(name == known.name or known.name.startswith(f"{name},") for known in layers):
            name = f"{name} (again)"
        for each in tracks:
            words = [name]
            words += [f"layer {each[0].layer}"] if layer.num_layers > 1 else []
            words += ["backward" if each[0].reverse else "forward"] if layer.bidirectional else []
            layers.append(measure(", ".join(words), each, quick=quick))
        if not quick and not layer.bidirectional and layers[-1].broken_at is None:
            steps = calls[0].x.shape[0]
            lengths = sorted({*(1 << k for k in range(2, 20) if 1 << k < steps), chunk or 1})
            lengths = [k for k in lengths if 1 < k < steps]
            cuts[name] = truncation(layer, **calls[0].options(layer), chunks=lengths)
    findings = of_layers(layers)
    findings += [f for name, found in cuts.items() for f in of_truncation(name, found, chunk)]
    findings.sort(key=lambda finding: _LEVELS[finding.level])
    count = max(call.x.shape[1] for calls in per_batch for call in calls)
    return Diagnosis(
        type(model).__name__, layers, findings, cuts, losses, norms, count * len(per_batch)
    )


def _called(call: Call) -> str:
    return call.name or type(as_layer(call.module).cell).__name__


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "infinity" if value > 0 else "-infinity"
    return value
