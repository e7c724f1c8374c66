"""Findings in plain words: what stands in the way of learning, on what evidence, what to try."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from elman.diagnose.layers import LayerReport
from elman.diagnose.truncation import Truncation

Level = Literal["error", "warning", "note"]

EXPLODED = 100.0  # times its start that a gradient may grow on its way back
SHORT = 0.1  # of the sequence: a shorter memory is a warning
SHUT = 0.08  # mean share kept a step below which a forgetting gate is shut
UNUSED = 1e-3  # of the largest gradient in the model: a layer below it hardly learns
MANY = 0.25  # share of dead or stuck units that is a warning
PINNED = 0.995  # share of a gate's values at one end
CUT = 0.3  # relative error of a truncated gradient


@dataclass(frozen=True)
class Remedy:
    """What to try, and the page of the docs that says how."""

    words: str
    page: str


@dataclass(frozen=True)
class Finding:
    """One thing found.

    - `kind`: "nan", "exploding", "vanishing", "depth", "forget", "saturated", "dead", "stuck" or
      "truncation". `level`: "error", "warning", or "note" for what may be as it should.
    - `where`: the layer. `words`: one sentence. `evidence`: the numbers it stands on, by name.
    """

    kind: str
    level: Level
    where: str
    words: str
    evidence: dict[str, float]
    remedies: tuple[Remedy, ...]


_OPTIONS = "docs/layers.md#what-torchnn-lacks"
_CLIPPING = "docs/training.md#exploding-and-vanishing-gradients"
_TRUNCATED = "docs/bptt.md#truncated"
CLIP = Remedy("clip the gradient's norm, clip=1", _CLIPPING)
SLOWER = Remedy("lower lr, or a longer warmup", "docs/training.md#settings")
GATED = Remedy('a gated cell: cell="lstm" or "gru"', "docs/cells.md#what-is-built-in")
FORGET_BIAS = Remedy("forget_bias=1 (Gers et al. 2000) or more", _OPTIONS)
CHRONO = Remedy(
    "chrono initialisation for the lags of the task (Tallec & Ollivier 2018)",
    "docs/diagnose.md#chrono-initialisation",
)
ORTHOGONAL = Remedy('init="orthogonal" (Saxe et al. 2014)', _OPTIONS)
IDENTITY = Remedy(
    'ReLU units that start from the identity: cell="rnn_relu", init="identity" (Le et al. 2015)',
    _OPTIONS,
)
NORM = Remedy("layer_norm=True (Ba et al. 2016)", _OPTIONS)
RESIDUAL = Remedy("residual=True, so that gradients pass the layers", _OPTIONS)
SHORTER = Remedy(
    "shorter sequences or truncated backpropagation",
    _TRUNCATED,
)
LONGER = Remedy("longer chunks: chunk_length", _TRUNCATED)
SCALE = Remedy("inputs of mean 0 and deviation 1, smaller first weights", "docs/layers.md")
DATA = Remedy("look for NaN and huge values in the data", "docs/data.md")


def of_layers(layers: Sequence[LayerReport]) -> list[Finding]:
    """What the layers' numbers say, one layer after the other.

    Of layers whose states are not finite only the first is named: the rest follows from it.
    """
    first = next((layer for layer in layers if layer.broken_what == "states"), None)
    told = [layer for layer in layers if first is None or layer is first or not layer.broken_what]
    found = [finding for layer in told for finding in of_layer(layer)]
    return [*found, *of_depth([layer for layer in layers if not layer.broken_what])]


def of_layer(layer: LayerReport) -> Iterator[Finding]:
    """What a layer's numbers say, the gravest first."""
    broken = _not_finite(layer)
    if broken is not None:
        yield broken
        return
    yield from filter(None, (_exploding(layer), _vanishing(layer), _forget(layer)))
    yield from _gates(layer)
    yield from _units(layer)


def of_depth(layers: Sequence[LayerReport]) -> Iterator[Finding]:
    """Layers that get hardly any of the gradient that others get."""
    most = max((layer.entering for layer in layers), default=0.0)
    if not math.isfinite(most):
        return
    for layer in layers:
        if layer.entering <= UNUSED * most:
            share = layer.entering / most if most else 0.0
            words = f"hardly any gradient enters {layer.name}: {share:.1g} of what others get"
            if not layer.entering:
                words = f"no gradient at all enters {layer.name}: the loss does not see it"
            evidence = {"share of the largest": share}
            yield Finding("depth", "warning", layer.name, words, evidence, (RESIDUAL, NORM, SCALE))


def of_truncation(name: str, found: Sequence[Truncation], chunk: int | None) -> Iterator[Finding]:
    """Whether the chunk length in use cuts off too much."""
    for each in found:
        if each.length == chunk and each.error > CUT:
            words = (
                f"chunks of {chunk} steps change the gradient of {name} by {each.error:.0%}"
                f" (cosine {each.cosine:.2f} to the whole one)"
            )
            evidence = {"relative error": each.error, "cosine": each.cosine}
            yield Finding("truncation", "warning", name, words, evidence, (LONGER,))


def _not_finite(layer: LayerReport) -> Finding | None:
    if layer.broken_at is None:
        return None
    words = f"the {layer.broken_what} of {layer.name} are not finite from step {layer.broken_at} on"
    if layer.broken_what == "gradients":
        words = f"the gradients of {layer.name} are not finite at step {layer.broken_at} and before"
    evidence = {"step": float(layer.broken_at)}
    return Finding("nan", "error", layer.name, words, evidence, (DATA, CLIP, SLOWER, SCALE))


def _exploding(layer: LayerReport) -> Finding | None:
    g = layer.gradient
    if not len(g.lags) or not g.growth >= EXPLODED:
        return None
    words = (
        f"the gradient of {layer.name} explodes: it grows {g.growth:.3g} times over"
        f" {int(g.lags.argmax())} steps ({g.rate:.3g} a step)"
    )
    evidence = {"growth": g.growth, "rate": g.rate, **_radius(layer)}
    gated = () if layer.gated else (GATED,)
    return Finding(
        "exploding",
        "warning",
        layer.name,
        words,
        evidence,
        (CLIP, ORTHOGONAL, *gated, SHORTER, SLOWER),
    )


def _vanishing(layer: LayerReport) -> Finding | None:
    g = layer.gradient
    length = layer.length
    if not g.seen or length < 8 or g.memory >= length:
        return None
    words = (
        f"the gradient of {layer.name} vanishes: your memory is {g.memory:.0f} steps long,"
        f" the sequences {length} ({g.rate:.3g} a step)"
    )
    evidence = {"memory": g.memory, "steps": float(length), "rate": g.rate, **_radius(layer)}
    remedies: tuple[Remedy, ...]
    if layer.gated:
        remedies = (FORGET_BIAS, CHRONO) if layer.can_forget else (GATED,)
    else:
        remedies = (GATED, ORTHOGONAL, IDENTITY)
    short = g.memory < max(SHORT * length, 4)
    level: Level = "warning" if short else "note"
    return Finding("vanishing", level, layer.name, words, evidence, remedies)


def _forget(layer: LayerReport) -> Finding | None:
    for unit in layer.states:
        kept = float(unit.kept.mean()) if len(unit.kept) else math.nan
        if unit.gated and kept < SHUT and layer.can_forget:
            words = (
                f"the forget gate of {layer.name} is shut: {unit.name} keeps {kept:.2g} of itself"
                " a step"
            )
            evidence = {"kept a step": kept}
            return Finding("forget", "warning", layer.name, words, evidence, (FORGET_BIAS, CHRONO))
    return None


def _gates(layer: LayerReport) -> Iterator[Finding]:
    for gate in layer.gates:
        if gate.name == layer.forget or gate.function == "relu":
            continue
        both = gate.function == "tanh"
        share = gate.low + gate.high if both else max(gate.low, gate.high)
        if share > (0.9 if both else PINNED):
            end = "at their ends" if both else "shut" if gate.low > gate.high else "wide open"
            words = (
                f"gate {gate.name} of {layer.name} is saturated: {share:.0%} of its values {end}"
            )
            evidence = {"low": gate.low, "high": gate.high}
            yield Finding(
                "saturated", "warning", layer.name, words, evidence, (NORM, SCALE, SLOWER)
            )


def _units(layer: LayerReport) -> Iterator[Finding]:
    for unit in layer.states:
        size = max(1, layer.hidden_size)
        for kind, units, what in (
            ("dead", unit.dead, "never change"),
            ("stuck", unit.stuck, "are stuck at ±1"),
        ):
            share = len(units) / size
            if not units or (kind == "dead" and layer.length < 2):
                continue
            level: Level = "warning" if share >= MANY else "note"
            words = f"{len(units)} of {size} units ({unit.name}) of {layer.name} {what}"
            remedies = (SLOWER, SCALE, NORM) if kind == "dead" else (NORM, SCALE, SLOWER)
            yield Finding(kind, level, layer.name, words, {"share": share}, remedies)


def _radius(layer: LayerReport) -> dict[str, float]:
    return {f"spectral radius {name}": value for name, value in layer.radii.items()}
