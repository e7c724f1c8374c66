"""Every state that a layer goes through, with the gradient that reaches each from outside."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from elman.diagnose.feature_maps import gates_and_weights
from elman.diagnose.linear import Trajectory
from elman.nn import ConvRecurrent, Recurrent
from elman.nn.lengths import mask_of
from elman.nn.reference import State


@dataclass(frozen=True)
class Track(Trajectory):
    """A `Trajectory` with its place in the layer and the gradient that enters it.

    - `at`: number of the direction, layer by layer; `layer`, `reverse`: the same in words.
    - `entering`: (T, B, S), the loss's derivative by every state along all ways but the
      recurrence of this layer: by the output and by the states that were returned at that step,
      and at the last real step also by the final state. Zero on padding. Like all else in the
      order in which the steps are read.
    """

    at: int = 0
    layer: int = 0
    reverse: bool = False
    entering: Tensor | None = None


@dataclass
class _Raw:
    at: int
    x: Tensor
    initial: State
    mask: Tensor | None
    resets: Tensor | None
    reverse: bool
    history: State
    nodes: State  # stand-ins of the history and of the final state in the graph
    final: State


def run(
    layer: Recurrent | ConvRecurrent,
    x: Tensor,
    state: Any = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    output_gradient: Tensor | None = None,
    state_gradient: Sequence[Tensor | None] | None = None,
    states_gradient: Sequence[Tensor | None] | None = None,
    backend: str | None = None,
) -> list[Track]:
    """Run a layer as it runs after training (no dropout), and keep all that it went through.

    **Arguments:** as the layer's `forward`, x as one tensor of the layer's form.
    `output_gradient` has the form of the output, `state_gradient` that of the state, one a state,
    `states_gradient` that of all states, (T, L, B, S), as `return_states` has them: the loss's
    derivatives by them. Without any the tracks have no `entering`. `backend` is for this run; by
    default the layer's own.

    **Returns:** a track for each layer and direction.

    >>> import elman
    >>> [(track.layer, track.reverse) for track in run(elman.LSTM(3, 5, 2), torch.randn(7, 2, 3))]
    [(0, False), (1, False)]
    """
    found: list[_Raw] = []
    training, own_backend = layer.training, layer.backend
    layer.eval()
    layer.backend = backend or own_backend
    try:
        with torch.enable_grad(), _watched(layer, found):
            asked = any(g is not None for g in states_gradient or ())
            output, *several = layer.forward(
                x, state, lengths=lengths, resets=resets, return_states=asked
            )
            parts = [p for each in several for p in (each if isinstance(each, tuple) else (each,))]
            given = [output_gradient, *(state_gradient or [None] * len(layer.cell.state))]
            if asked:
                given += states_gradient or []
            pairs = zip((output, *parts), given, strict=True)
            terms = [(head * g.to(head.dtype)).sum() for head, g in pairs if g is not None]
            entering: list[Tensor | None] = [None] * sum(2 * len(raw.final) for raw in found)
            if terms:
                inputs = [each for raw in found for each in (*raw.nodes, *raw.final)]
                value = torch.stack(terms).sum()
                entering = list(torch.autograd.grad(value, inputs, allow_unused=True))
        tracks = []
        for raw in found:
            count = 2 * len(raw.final)
            own, entering = entering[:count], entering[count:]
            tracks.append(_track(layer, raw, own if terms else None))
        return tracks
    finally:
        layer.backend = own_backend
        layer.train(training)


@contextmanager
def _watched(layer: Recurrent | ConvRecurrent, found: list[_Raw]) -> Iterator[None]:
    """Within, each direction of `layer` that runs is added to `found`."""
    original = layer._run

    def watching(
        at: int,
        x: Tensor,
        starts: list[State],
        lengths: Tensor | None,
        resets: Tensor | None,
        every_state: bool,  # noqa: ARG001
    ) -> list[tuple[State, State]]:
        mask = None if lengths is None else mask_of(lengths, len(x))
        results = []
        for turn, (history, last) in enumerate(original(at, x, starts, lengths, resets, True)):
            # nodes of their own in the graph, so that each way of a gradient is told apart
            nodes, final = (tuple(_node(part) for part in each) for each in (history, last))
            reverse = turn == 1
            raw = _Raw(at + turn, x, starts[turn], mask, resets, reverse, history, nodes, final)
            found.append(raw)
            results.append((nodes, final))
        return results

    prepared = layer.__dict__.get("_prepared")
    layer.__dict__ |= {"_run": watching, "_prepared": lambda *_: None}  # every run goes this way
    try:
        yield
    finally:
        del layer.__dict__["_run"], layer.__dict__["_prepared"]
        if prepared is not None:
            layer.__dict__["_prepared"] = prepared


def _node(value: Tensor) -> Tensor:
    if value.requires_grad:
        return value.view_as(value)
    return value.detach().requires_grad_()


@torch.no_grad()
def _track(
    layer: Recurrent | ConvRecurrent, raw: _Raw, gradients: Sequence[Tensor | None] | None
) -> Track:
    """One direction in the order in which it reads, its first step first."""
    mask, resets = raw.mask, raw.resets
    x, history = raw.x, tuple(part.flatten(2) for part in raw.history)
    if raw.reverse:
        if resets is not None:
            resets = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
        x, history = x.flip(0), tuple(part.flip(0) for part in history)
        mask = None if mask is None else mask.flip(0)
        resets = None if resets is None else resets.flip(0)
    before: list[Tensor] = []
    after: list[Tensor] = []
    fresh = layer._initial(raw.at, x) if resets is not None else raw.initial
    firsts = (tuple(part.flatten(1) for part in each) for each in (raw.initial, fresh))
    for part, initial, new in zip(history, *firsts, strict=True):
        held = _held(part, initial, mask)
        old = torch.cat([initial.unsqueeze(0).to(part.dtype), held[:-1]])
        if resets is not None:
            old = torch.where(resets.unsqueeze(-1), new, old)
        before.append(old)
        after.append(held)
    if mask is not None:
        x = x.masked_fill(~mask.view(*mask.shape, *(1,) * (x.dim() - 2)), 0)
    gates, w = gates_and_weights(layer, raw.at, x)
    directions = 2 if layer.bidirectional else 1
    track = Track(
        layer.cell,
        w,
        gates,
        tuple(before),
        tuple(after),
        mask,
        resets,
        tuple(layer.zoneout),
        at=raw.at,
        layer=raw.at // directions,
        reverse=raw.reverse,
    )
    if gradients is None:
        return track
    dims = (2, 1)  # of steps and of ends: what follows the batch is one
    rows = [
        None if g is None else g.flatten(dims[i >= len(history)]) for i, g in enumerate(gradients)
    ]
    return replace(track, entering=_entering(track, rows))


def _held(part: Tensor, initial: Tensor, mask: Tensor | None) -> Tensor:
    """A state at every step, (T, B, H), that of the last real step on padding."""
    if mask is None:
        return part.detach()
    steps = torch.arange(len(part), device=part.device).unsqueeze(1)
    last = torch.where(mask, steps, -1).cummax(0).values
    index = last.clamp(min=0).unsqueeze(-1).expand_as(part)
    return torch.where((last >= 0).unsqueeze(-1), part.detach().gather(0, index), initial)


def _entering(track: Track, gradients: Sequence[Tensor | None]) -> Tensor:
    """Of the gradients by a state at every step, one a state, and by its last, one a state."""
    steps, batch = track.after[0].shape[:2]
    parts = [torch.zeros_like(part) for part in track.after]
    every, final = gradients[: len(parts)], gradients[len(parts) :]
    rows = torch.arange(steps, device=parts[0].device).unsqueeze(1)
    for part, gradient in zip(parts, every, strict=True):
        if gradient is not None:
            part += gradient.flip(0) if track.reverse else gradient
        if track.mask is not None:
            part.masked_fill_(~track.mask.unsqueeze(-1), 0)
    real = rows.expand(-1, batch) if track.mask is None else torch.where(track.mask, rows, -1)
    last = real.amax(0) if steps else rows.new_full((batch,), -1)
    columns = torch.arange(batch, device=parts[0].device)
    for part, gradient in zip(parts, final, strict=True):
        if gradient is not None:
            some = last >= 0
            part[last[some], columns[some]] += gradient[some]
    return torch.cat(parts, -1)
