"""Chunks of bidirectional layers: each direction of each layer is one run of its own."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from elman.nn.chunks import Sequences, States
from elman.nn.lengths import mask_of
from elman.nn.shooting import Probe, ShootingReport

if TYPE_CHECKING:
    from elman.nn.parallel_time import Runner
    from elman.nn.recurrent import Recurrent

Found: TypeAlias = tuple[list[Tensor], States]


def run(
    layer: "Recurrent",
    given: Sequences,
    initial: States | None,
    runner: Callable[["Recurrent"], "Runner"],
) -> tuple[Found | None, ShootingReport]:
    """The output with every state if these are wanted, and the last states.

    A direction that does not forget is run as a whole; with several threads the other direction of
    its layer, too, since a layer run as a whole computes both at the same time. None where the
    first layer's forward direction, or with several threads either of them, does not forget.
    """
    x, lengths, resets = given
    if lengths is not None and resets is not None:
        resets = resets & mask_of(lengths, len(x))
    if lengths is not None and layer.residual:
        x = x.masked_fill(~mask_of(lengths, len(x)).unsqueeze(-1), 0)
    together = torch.get_num_threads() > 1
    reports: list[ShootingReport] = []
    everything: list[Found] = []
    for index in range(layer.num_layers):
        at = 2 * index
        here = [Sequences(x, lengths, resets)]
        runners = [runner(part(layer, at + turn)) for turn in range(2)]
        probes: list[Probe] = []
        for turn, own in enumerate(runners):
            here += [_turned_all(x, lengths, resets)] if turn else []
            probes.append(own.probe(here[turn]))
            if probes[-1].refusal is not None and (together or index == 0):
                break
        refusals = [each.refusal for each in probes if each.refusal is not None]
        if refusals and index == 0 and (together or probes[0].refusal is not None):
            return None, refusals[0]
        if refusals and together:
            first = _states(initial, at, 2)
            results, ends = runner(part(layer, at, both=True))(here[0], first)
            outputs = [results[0]]
            reports += refusals
            everything.append((results[1:], ends))
        else:
            outputs = []
            for turn in range(2):
                first = _states(initial, at + turn, 1)
                found, report = runners[turn].shot(here[turn], first, probes[turn])
                results, ends = found or runners[turn](here[turn], first)
                results = [turned(each, lengths) for each in results] if turn else results
                outputs.append(results[0])
                reports.append(report)
                everything.append((results[1:], ends))
        x = layer._between(outputs, x, index)
    histories = [torch.cat(parts, 1) for parts in zip(*(h for h, _ in everything), strict=True)]
    last = tuple(torch.cat(parts) for parts in zip(*(e for _, e in everything), strict=True))
    return ([x, *histories], last), _summary(reports)


def part(layer: "Recurrent", at: int, *, both: bool = False) -> "Recurrent":
    """Direction number `at` of all layers, as a layer forwards, or both from there on, as a
    bidirectional layer; with the same parameters."""
    from elman.nn.recurrent import Recurrent

    found = Recurrent(
        layer.cell,
        layer.output_size if at > 1 else layer.input_size,
        layer.hidden_size,
        bias=layer.bias,
        bidirectional=both,
        proj_size=layer.proj_size,
        device="meta",
        backend=layer.backend,
        zoneout=dict(zip(layer.cell.state, layer.zoneout, strict=True)),
        layer_norm=layer.layer_norm,
        learn_initial_state=layer.learn_initial_state,
    )
    for turn in range(2 if both else 1):
        suffix = found._suffix(turn)
        for name in [each for each in found._names if each.endswith(suffix)]:
            own = name.removesuffix(suffix) + layer._suffix(at + turn)
            found._parameters[name] = layer._parameters[own]
    return found.train(layer.training)


def _states(initial: States | None, at: int, count: int) -> States | None:
    return None if initial is None else tuple(each[at : at + count] for each in initial)


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
