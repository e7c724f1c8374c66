"""Chunks of bidirectional layers: each direction of each layer is one run of its own."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from elman.nn.chunks import Sequences, States
from elman.nn.lengths import mask_of
from elman.nn.shooting import ShootingReport

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent

Found: TypeAlias = tuple[list[Tensor], States]
Direction: TypeAlias = Callable[
    ["Recurrent", Sequences, States | None], tuple[Found | None, ShootingReport]
]


def run(
    layer: "Recurrent",
    given: Sequences,
    initial: States | None,
    shot: Direction,
    whole: Callable[["Recurrent", Sequences, States | None], Found],
) -> tuple[Found | None, ShootingReport]:
    """The output with every state if these are wanted, and the last states, by `shot`, which runs
    chunks of a layer of one direction; where it cannot, that direction is run by `whole`. None
    where it cannot from the first direction on.
    """
    x, lengths, resets = given
    if lengths is not None and resets is not None:
        resets = resets & mask_of(lengths, len(x))
    if lengths is not None and layer.residual:
        x = x.masked_fill(~mask_of(lengths, len(x)).unsqueeze(-1), 0)
    reports: list[ShootingReport] = []
    everything: list[Found] = []
    for index in range(layer.num_layers):
        outputs = []
        for turn in range(2):
            at = 2 * index + turn
            one = direction(layer, at)
            first = None if initial is None else tuple(each[at : at + 1] for each in initial)
            here = _turned_all(x, lengths, resets) if turn else Sequences(x, lengths, resets)
            found, report = shot(one, here, first)
            if found is None and not at:
                return None, report
            reports.append(report)
            results, ends = found or whole(one, here, first)
            if turn:
                results = [turned(each, lengths) for each in results]
            outputs.append(results[0])
            everything.append((results[1:], ends))
        x = layer._between(torch.cat(outputs, -1), x, index)
    histories = [torch.cat(parts, 1) for parts in zip(*(h for h, _ in everything), strict=True)]
    last = tuple(torch.cat(parts) for parts in zip(*(e for _, e in everything), strict=True))
    return ([x, *histories], last), _summary(reports)


def direction(layer: "Recurrent", at: int) -> "Recurrent":
    """Direction number `at` of all layers, as a layer forwards with the same parameters."""
    from elman.nn.recurrent import Recurrent

    found = Recurrent(
        layer.cell,
        layer.output_size if at > 1 else layer.input_size,
        layer.hidden_size,
        bias=layer.bias,
        proj_size=layer.proj_size,
        device="meta",
        backend=layer.backend,
        zoneout=dict(zip(layer.cell.state, layer.zoneout, strict=True)),
        layer_norm=layer.layer_norm,
        learn_initial_state=layer.learn_initial_state,
    )
    for name in found._names:
        own = name.removesuffix("_l0") + layer._suffix(at)
        found._parameters[name] = layer._parameters[own]
    return found.train(layer.training)


def turned(each: Tensor, lengths: Tensor | None) -> Tensor:
    """Steps (T, ..., B, features) in reverse, those of each sequence among themselves.

    >>> turned(torch.arange(4).view(4, 1, 1), torch.tensor([3])).flatten()
    tensor([2, 1, 0, 3])
    """
    if lengths is None:
        return each.flip(0)
    steps = torch.arange(len(each), device=each.device).unsqueeze(1)
    order = torch.where(steps < lengths, lengths - 1 - steps, steps)
    middle = [1] * (each.dim() - 3)
    order = order.view(len(each), *middle, each.shape[-2], 1)
    return each.gather(0, order.expand_as(each))


def _turned_all(x: Tensor, lengths: Tensor | None, resets: Tensor | None) -> Sequences:
    """The sequences backwards; a new one begins on the other side of the same border."""
    if resets is not None:
        after = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
        resets = turned(after.unsqueeze(-1), lengths).squeeze(-1)
    return Sequences(turned(x, lengths), lengths, resets)


def _summary(reports: Sequence[ShootingReport]) -> ShootingReport:
    """Of all directions the most of each number, and the mean of the extra work."""
    return ShootingReport(
        chunks=max(each.chunks for each in reports),
        warm_up=max(each.warm_up for each in reports),
        passes=max(each.passes for each in reports),
        gap=max(each.gap for each in reports if not each.fell_back),
        extra_work=sum(each.extra_work for each in reports) / len(reports),
        fell_back=any(each.fell_back for each in reports),
        reason=next((each.reason for each in reports if each.fell_back), None),
    )
