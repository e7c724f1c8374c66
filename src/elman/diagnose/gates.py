"""Gates and states: what each gate does over time, what they let a state remember, dead units.

A gate's value is read off the cell's own equations: the squashing function (sigmoid, tanh, relu)
that its sum goes through. What a state keeps from step to step is the derivative of the new state
by the old one beside the recurrent matrix: an LSTM's forget gate, a GRU's z, a leaky unit's
1 - pace.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.compiler import UntraceableError, equations
from elman.compiler.expression import Node, evaluate, read
from elman.diagnose.linear import Steps, Trajectory
from elman.nn.reference import product

Curve = NDArray[np.float64]

SQUASHING = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
SATURATED = 0.05  # this near to its ends, as a share of its range, a gate is shut or wide open
BINS = 20


@dataclass(frozen=True)
class Gate:
    """The values of one gate, over sequences, steps and units.

    - `function`: what squashes it. `mean`: (T,), over sequences and units.
    - `low`, `high`: shares of all values within 5 % of the range's lower and upper end; for relu
      `low` is the share of zeros and `high` is 0.
    - `histogram`, `edges`: shares of all values in 20 equal bins.
    """

    name: str
    function: str
    mean: Curve
    low: float
    high: float
    histogram: Curve
    edges: Curve


@dataclass(frozen=True)
class Unit:
    """One state (h, c) of all units.

    - `gated`: whether it keeps something beside the recurrent matrix at all.
    - `norm`: (T,), mean over the sequences of |s_t|.
    - `kept`: (T,), what it keeps a step beside the recurrent matrix, a mean over sequences and
      units. `kept_by_unit`: (H,), each unit's geometric mean over sequences and steps.
    - `half_life`: (H,) steps until half of a unit is left; 0 where it keeps nothing, infinite
      where it keeps all.
    - `dead`: units that never change, over all sequences and steps. `stuck`: units that lie
      within 1 % of ±1 in more than 95 % of the steps (only for states that tanh bounds).
    """

    name: str
    gated: bool
    norm: Curve
    kept: Curve
    kept_by_unit: Curve
    half_life: Curve
    dead: list[int]
    stuck: list[int]


def gates(track: Trajectory) -> list[Gate]:
    """Each gate of a trajectory that a squashing function bounds.

    Empty where the cell's step is no fixed expression that the compiler could read.

    >>> import elman
    >>> from elman.diagnose.trajectory import run
    >>> found = gates(run(elman.LSTM(3, 5), torch.randn(7, 2, 3))[0])
    >>> [(gate.name, gate.function) for gate in found]
    [('i', 'sigmoid'), ('f', 'sigmoid'), ('g', 'tanh'), ('o', 'sigmoid')]
    """
    cell, w = track.cell, track.weights
    try:
        step = equations(cell)
    except UntraceableError:
        return []
    found: dict[str, Node] = {}
    for node in _nodes(step.new):
        if node.op in SQUASHING:
            names = {cell.gates[index] for index in _sums(node.args[0], step.recurrent)}
            if len(names) == 1:
                found.setdefault(names.pop(), node)
    values: dict[Node, Tensor] = {}
    for index, part in enumerate(track.gates.detach().chunk(len(cell.gates), -1)):
        values[read("x", index)] = part
    for index, part in enumerate(track.before):
        values[read("s", index)] = part.detach()
    if w.hh is not None:
        raw = product(track.before[0], w.hh, w.bias_hh, w.norm_hh).detach()
        for index, part in enumerate(raw.chunk(len(cell.recurrent), -1)):
            values[read("r", index)] = part
    for index, part in enumerate(w.params):
        values[read("p", index)] = part.detach().expand_as(track.before[-1])
    order = [name for name in cell.gates if name in found]
    results = evaluate([found[name] for name in order], values)
    mask = _mask(track)
    return [
        _gate(name, found[name].op, value, mask, flipped=getattr(track, "reverse", False))
        for name, value in zip(order, results, strict=True)
    ]


def states(track: Trajectory, steps: Steps) -> list[Unit]:
    """Each state of a trajectory, h first.

    >>> import elman
    >>> from elman.diagnose.trajectory import run
    >>> track = run(elman.LSTM(3, 5, forget_bias=2.0), torch.randn(7, 2, 3))[0]
    >>> h, c = states(track, Steps(track))
    >>> float(h.half_life.max()), bool(c.half_life.min() > 1)
    (0.0, True)
    """
    mask = _mask(track)
    flip = getattr(track, "reverse", False)
    found = []
    retained = zip(track.cell.state, track.after, steps.retention(), strict=True)
    for index, (name, value, kept) in enumerate(retained):
        real = value.detach()[mask].double()
        own = kept.detach()[mask].abs() if kept.shape[-1] == value.shape[-1] else real.new_zeros(0)
        by_unit = _array(own.clamp(min=1e-30).log().mean(0).exp()) if len(own) else np.zeros(0)
        by_unit[by_unit < 1e-20] = 0.0
        with np.errstate(divide="ignore"):
            half = np.where(by_unit >= 1, math.inf, math.log(0.5) / np.log(by_unit.clip(0, 1)))
        spread = real.amax(0) - real.amin(0) if len(real) else real.new_zeros(0)
        bounded = bool(len(real)) and bool((real.abs() <= 1).all())
        high = (real.abs() > 0.99).double().mean(0) if bounded else torch.zeros_like(spread)
        dead = spread < 1e-7
        stuck = (high > 0.95) & ~dead
        found.append(
            Unit(
                name,
                steps.of_states[index][index] is not None or bool(steps.zoneout[index]),
                _over_time(value.detach().norm(dim=-1), mask, flip),
                _over_time(kept.mean(-1), mask, flip),
                by_unit,
                np.abs(half),
                dead.nonzero().flatten().tolist(),
                stuck.nonzero().flatten().tolist(),
            )
        )
    return found


def _nodes(roots: tuple[Node, ...]) -> Iterator[Node]:
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(node.args)


def _sums(node: Node, recurrent: tuple[int, ...]) -> set[int]:
    """The gates whose sums reach a node without another squashing function on the way."""
    if node.op in SQUASHING:
        return set()
    if node.op == "input":
        kind, index = node.leaf.kind, node.leaf.index  # type: ignore[union-attr]
        return {index} if kind == "x" else {recurrent[index]} if kind == "r" else set()
    return set().union(*(_sums(arg, recurrent) for arg in node.args))


def _gate(name: str, function: str, value: Tensor, mask: Tensor, *, flipped: bool) -> Gate:
    real = value[mask].double().flatten()
    low_end, high_end = SQUASHING[function]
    if function == "relu":
        high_end = float(real.amax()) if real.numel() else 1.0
    high_end = high_end if high_end > low_end else low_end + 1.0
    margin = 0.0 if function == "relu" else SATURATED * (high_end - low_end)
    counts, edges = np.histogram(_array(real), BINS, (low_end, high_end))
    size = max(1, real.numel())
    return Gate(
        name,
        function,
        _over_time(value.mean(-1), mask, flipped),
        float((real <= low_end + margin).sum()) / size,
        0.0 if function == "relu" else float((real >= high_end - margin).sum()) / size,
        counts / size,
        edges,
    )


def _mask(track: Trajectory) -> Tensor:
    value = track.after[0]
    if track.mask is not None:
        return track.mask
    return torch.ones(value.shape[:2], dtype=torch.bool, device=value.device)


def _over_time(value: Tensor, mask: Tensor, flipped: bool) -> Curve:
    """The mean over the real sequences of (T, B), in the order of time."""
    count = mask.sum(1).double()
    mean = torch.where(mask, value.double(), 0.0).sum(1) / count
    return _array(mean.flip(0) if flipped else mean)


def _array(value: Tensor) -> Curve:
    array: Curve = value.detach().cpu().double().numpy()
    return array
