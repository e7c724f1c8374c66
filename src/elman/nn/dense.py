"""A layer's inference on dense batches, its packed weights kept from call to call."""

import ctypes
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from elman.compiler import equations
from elman.compiler.operands import Operands
from elman.nn.compiled import obstacle
from elman.nn.fused import inside_transform
from elman.nn.precision import low_precision
from elman.nn.reference import Extras, State

if TYPE_CHECKING:
    from elman.nn.layer import Recurrent

_MOST_SHAPES = 16


class DenseInference:
    """Runs all layers and directions while their weights stay the same, for whatever shapes come.

    A change of the weights, be it in place or through `.data`, is noticed and they are packed
    anew.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def __call__(
        self, layer: "Recurrent", x: Tensor, state: State, steps: int, batch: int
    ) -> tuple[Tensor, State] | None:
        """The output and last states of x, (T, B, I) or of one step (B, I), from states
        (layers * directions, B, H); None where no kernel can do it."""
        if low_precision(x) is not None:
            return None
        kept = self._kept
        if kept is None or not kept.fits(layer):
            kept = self._kept = _keep(layer, x, state)
            if kept is None:
                return None
        for each in (x, *state):
            if type(each) is not Tensor or each.dtype is not kept.dtype:
                return None
        if inside_transform():
            return None
        threads = torch.get_num_threads()
        key = (steps, batch, threads)
        side_by_side = threads > 1 or not layer.bidirectional
        sessions = kept.sessions.get(key)
        if sessions is None:
            if len(kept.sessions) >= _MOST_SHAPES:
                kept.sessions.clear()
            sessions = kept.sessions[key] = _sessions(layer, kept.packed, steps, batch, threads)
        state = tuple([each.contiguous() for each in state])
        starts, apart = [each.data_ptr() for each in state], state[0].nbytes // len(state[0])
        shape = (*x.shape[:-1], layer.hidden_size)
        last: list[list[Tensor]] = []
        for directions in sessions:
            x = x.contiguous()
            tasks = []
            for turn, session in enumerate(directions):
                offset = (len(last) + turn) * apart
                tasks.append(session(x, [start + offset for start in starts], shape))
            found = kept.run(tasks) if side_by_side else [kept.run([t])[0] for t in tasks]
            outputs = [output for output, _ in found]
            last += [ends for _, ends in found]
            x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
        x = x if x.dim() == len(shape) else x.squeeze(0)
        if len(last) == 1:
            return x, tuple(last[0])
        return x, tuple(torch.cat(each) for each in zip(*last, strict=True))

    def __deepcopy__(self, memo: Any) -> "DenseInference":
        return DenseInference()

    def __reduce__(self) -> tuple[type["DenseInference"], tuple[()]]:
        return DenseInference, ()


class _Kept(NamedTuple):
    dtype: torch.dtype
    settings: dict[str, Any]  # of the cell
    weights: list[Tensor]  # held, so that no other one comes to lie at their addresses
    stamps: list[tuple[int, int]]
    probes: list[ctypes.c_int32]  # some of the weights' memory: `.data` hides changes from versions
    seen: list[int]
    packed: list[Any]
    run: Any  # of the compiler, which is loaded late
    sessions: dict[tuple[int, ...], list[list[Any]]]

    def fits(self, layer: "Recurrent") -> bool:
        """Whether neither the cell nor a weight has changed, be it in place."""
        return (
            all(map(operator.is_, self.weights, layer._parameters.values()))
            and [(w._version, w.data_ptr()) for w in self.weights] == self.stamps
            and [probe.value for probe in self.probes] == self.seen
            and self.settings == layer.cell.__dict__
        )


def _keep(layer: "Recurrent", x: Tensor, state: State) -> _Kept | None:
    from elman.compiler.cpu.runtime import run
    from elman.compiler.cpu.session import Packed

    own: list[Tensor] = [each for each in layer._parameters.values() if each is not None]
    if any(each.is_inference() for each in own):
        return None  # such a tensor does not tell when it is changed
    packed = []
    for at in range(len(state[0])):
        w, s = layer._weights(at), tuple(each[at] for each in state)
        if w.norm_ih is not None or obstacle(layer.cell, w, x, s, Extras()) is not None:
            return None
        width = w.ih.shape[1]
        o = Operands(
            x.new_empty(0, 0, width),
            *(w.ih, w.hh, w.bias_ih, w.bias_hh, None, None),
            w.params,
            s,
            (),
            (),
        )
        packed.append(Packed(equations(layer.cell), o))
    stamps = [(each._version, each.data_ptr()) for each in own]
    probes = [probe for each in own for probe in _probes(each)]
    seen = [probe.value for probe in probes]
    settings = dict(layer.cell.__dict__)
    return _Kept(x.dtype, settings, own, stamps, probes, seen, packed, run, {})


def _sessions(
    layer: "Recurrent", packed: list[Any], steps: int, batch: int, threads: int
) -> list[list[Any]]:
    from elman.compiler.cpu.session import Session

    count = 2 if layer.bidirectional else 1
    threads = max(1, threads // count)
    each = [
        Session(p, steps, batch, threads, reverse=at % count == 1) for at, p in enumerate(packed)
    ]
    return [each[at : at + count] for at in range(0, len(each), count)]


def _probes(weight: Tensor) -> list[ctypes.c_int32]:
    if not weight.is_contiguous():
        return []
    size, start = weight.element_size(), weight.data_ptr()
    places = {weight.numel() * part // 8 for part in range(8)} if weight.numel() else set()
    return [ctypes.c_int32.from_address(start + size * (place + 1) - 4) for place in places]
