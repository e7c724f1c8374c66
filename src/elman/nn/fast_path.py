"""A layer's usual runs, with weights packed and arguments prepared from call to call."""

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from elman.compiler import equations
from elman.compiler.operands import Operands
from elman.nn.compiled import obstacle, target_of
from elman.nn.lengths import check_lengths
from elman.nn.precision import low_precision
from elman.nn.recording import in_graph, recorded
from elman.nn.reference import Extras, State, Weights
from elman.nn.torch_kernels import inside_transform, is_fastest

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent

_MOST_SHAPES = 16
_FEW = 16  # rows of input that do not pay for packing weights and comparing them


class Prepared:
    """Runs all layers and directions, with and without gradients, for whatever shapes come.

    The weights are those that the layer has at the call, however they came to be so. For few rows
    the kernels read them where they are stored; for many they are packed, and packed anew if they
    are no longer equal to a copy.
    """

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def __call__(
        self,
        layer: "Recurrent",
        x: Tensor,
        state: Tensor | State | None,
        lengths: Tensor | None,
    ) -> tuple[Tensor, Any] | None:
        """The output and last state of x, (T, B, I), or of one step, (B, I); None where no kernel
        can do it, or where the layer is more than its equations."""
        if not layer._compiles or layer.backend == "reference" or in_graph() or recorded():
            return None
        if layer.layer_norm or any(layer.zoneout) or layer.proj_size:
            return None
        if target_of(x) != "cpu":
            return None
        if layer.training and (layer.recurrent_dropout or layer.weight_dropout):
            return None
        steps, (batch, features) = (1 if x.dim() == 2 else len(x)), x.shape[-2:]
        if features != layer.input_size or not x.numel():
            return None
        if state is None and layer.learn_initial_state:
            return None
        parts = (state,) if isinstance(state, Tensor) else state
        if parts is not None and not isinstance(parts, tuple | list):
            return None
        if parts is not None:
            count = layer.num_layers * (2 if layer.bidirectional else 1)
            shape = (count, batch, layer.hidden_size)
            if len(parts) != len(layer.cell.state):
                return None
            for part in parts:
                if type(part) is not Tensor or part.shape != shape:
                    return None
        if lengths is not None:
            lengths = check_lengths(lengths, steps, batch)
            least = int(lengths.min())
            if layer.residual or not least or not lengths.is_cpu:
                return None
            lengths = None if least == steps else lengths
        if layer.backend == "auto" and is_fastest(layer.cell, x, steps, Extras(lengths)):
            return None
        found = self._run(layer, x, parts, lengths)
        if found is None:
            return None
        if layer.backend_used != "compiled":
            layer.backend_used = "compiled"
        return found[0], found[1] if len(found[1]) > 1 else found[1][0]

    def _run(
        self, layer: "Recurrent", x: Tensor, state: State | None, lengths: Tensor | None
    ) -> tuple[Tensor, State] | None:
        if low_precision(x) is not None or inside_transform():
            return None
        trains = torch.is_grad_enabled()
        kept = self._kept
        if kept is None or not kept.fits(layer):
            kept = self._kept = _keep(layer, x)
            if kept is None:
                return None
        if type(x) is not Tensor or x.dtype is not kept.dtype:
            return None
        for part in state or ():
            if part.dtype is not kept.dtype:
                return None
        shape = (1, len(x)) if x.dim() == 2 else x.shape[:2]
        direct = shape[0] * shape[1] < _FEW
        if not direct:
            kept.refresh()
        if lengths is None and (x.dim() == 2 or len(x) == 1) and not trains:
            singles = kept.singles_for(layer, x.shape[-2])
            if singles is not None:
                return _step(singles, x, state)
        sessions = kept.sessions_for(layer, shape, lengths, direct=direct)
        if trains and _any_gradient(x, *kept.weights, *(state or ())):
            return _train(layer, kept, sessions, x, state)
        return _infer(layer, kept, sessions, x, state)

    def __deepcopy__(self, memo: Any) -> "Prepared":
        return Prepared()

    def __reduce__(self) -> tuple[type["Prepared"], tuple[()]]:
        return Prepared, ()


def _step(singles: list[Any], x: Tensor, state: State | None) -> tuple[Tensor, State]:
    x = x.contiguous()
    whole = x.dim() == 3  # the output then, too
    ends = []
    for at, single in enumerate(singles):
        first = None
        if state is not None:
            parts = state if len(singles) == 1 else [part[at] for part in state]
            first = [part.contiguous() for part in parts]
        x, last = single(x, first)
        ends.append(last)
    x = x.unsqueeze(0) if whole else x
    if len(ends) == 1:
        return x, tuple(ends[0])
    return x, tuple([torch.cat(each) for each in zip(*ends, strict=True)])


def _infer(
    layer: "Recurrent", kept: "_Kept", sessions: list[list[Any]], x: Tensor, state: State | None
) -> tuple[Tensor, State]:
    side_by_side, shape = kept.side_by_side(layer), (*x.shape[:-1], layer.hidden_size)
    nothing = [None] * len(layer.cell.state)
    last: list[list[Tensor]] = []
    for index, directions in enumerate(sessions):
        given, tasks = x.contiguous(), []
        for turn, session in enumerate(directions):
            at = len(last) + turn
            first = nothing if state is None else [part[at] for part in state]
            tasks.append(session.infer(given, first, shape))
        found = kept.run(tasks) if side_by_side else [kept.run([t])[0] for t in tasks]
        outputs = [output for output, _ in found]
        last += [ends for _, ends in found]
        x = layer._between(outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), x, index)
    x = x if x.dim() == len(shape) else x.squeeze(0)
    if len(last) == 1:
        return x, tuple(last[0])
    return x, tuple(torch.cat(each) for each in zip(*last, strict=True))


def _train(
    layer: "Recurrent", kept: "_Kept", sessions: list[list[Any]], x: Tensor, state: State | None
) -> tuple[Tensor, State]:
    side_by_side = kept.side_by_side(layer)
    single = x.dim() == 2
    x = x.unsqueeze(0) if single else x
    last: list[list[Tensor]] = []
    for index, directions in enumerate(sessions):
        parts: list[list[Tensor | None]] = []
        for turn, session in enumerate(directions):
            at = len(last) + turn
            w = kept.directions[at]
            first = [session.zeros] * len(layer.cell.state)
            if state is not None:
                first = [part[at] for part in state]
            fixed = (x, w.ih, w.hh, w.bias_ih, w.bias_hh, None, None)
            parts.append([*fixed, *w.params, *first])
        if side_by_side:
            found = kept.train(directions, [each for part in parts for each in part])
        else:
            found = [kept.train([s], part)[0] for s, part in zip(directions, parts, strict=True)]
        outputs = [output for output, *_ in found]
        last += [ends for _, *ends in found]
        x = layer._between(outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1), x, index)
    x = x.squeeze(0) if single else x
    if len(last) == 1:
        return x, tuple([each.unsqueeze(0) for each in last[0]])
    return x, tuple(torch.stack(each) for each in zip(*last, strict=True))


def _any_gradient(*tensors: Tensor) -> bool:
    return any(each.requires_grad for each in tensors)


@dataclass
class _Kept:
    """What is kept of a layer as it is."""

    dtype: torch.dtype
    settings: dict[str, Any]  # of the cell
    names: tuple[str, ...]
    weights: list[nn.Parameter]
    directions: list[Weights]
    packed: list[Any]
    run: Any  # of the compiler, which is loaded late
    train: Any

    def __post_init__(self) -> None:
        self.sessions: dict[tuple[Any, ...], list[list[Any]]] = {}
        self.singles: dict[tuple[int, int], list[Any] | None] = {}  # by batch and threads
        # Held, so that nothing else comes to lie at the addresses that are compared.
        self._memory = [each.detach() for each in self.weights]
        self._places = [w.data_ptr() for w in self.weights]
        self._strides = [w.stride() for w in self.weights]
        self._sizes = [w.nbytes for w in self.weights]

    def fits(self, layer: "Recurrent") -> bool:
        """Whether the layer's weights, where they lie, and its cell are the same ones."""
        own = layer._parameters
        return (
            all(map(operator.is_, self.weights, map(own.get, self.names)))
            and not any(map(layer.__dict__.__contains__, self.names))
            and [w.data_ptr() for w in self.weights] == self._places
            and [w.stride() for w in self.weights] == self._strides
            and [w.nbytes for w in self.weights] == self._sizes
            and self.settings == layer.cell.__dict__
        )

    def refresh(self) -> None:
        """See to it that the weights' present values are packed."""
        for each in self.packed:
            each.refresh()

    def side_by_side(self, layer: "Recurrent") -> bool:
        """Whether both directions are run at the same time."""
        return torch.get_num_threads() > 1 or not layer.bidirectional

    def sessions_for(
        self, layer: "Recurrent", shape: tuple[int, ...], lengths: Tensor | None, *, direct: bool
    ) -> list[list[Any]]:
        """Of each layer its directions' sessions for a batch of this shape, (T, B)."""
        threads = torch.get_num_threads()
        key = (*shape, threads, None if lengths is None else lengths.numpy().tobytes())
        found = self.sessions.get(key)
        if found is None:
            if len(self.sessions) >= _MOST_SHAPES:
                self.sessions.clear()
            found = _sessions(layer, self.packed, shape, threads, lengths, direct=direct)
            self.sessions[key] = found
        return found

    def singles_for(self, layer: "Recurrent", batch: int) -> list[Any] | None:
        """Of each layer the quick way of one step, None where there is none."""
        key = batch, torch.get_num_threads()
        if key not in self.singles:
            from elman.compiler.cpu.session import Single

            found = None
            if not layer.bidirectional and not (layer.residual or layer.dropout):
                whole = self.sessions_for(layer, (1, batch), None, direct=batch < _FEW)
                sessions = [each for (each,) in whole]
                found = [Single(each) for each in sessions if Single.fits(each)]
                found = found if len(found) == len(sessions) else None
            if len(self.singles) >= _MOST_SHAPES:
                self.singles.clear()
            self.singles[key] = found
        return self.singles[key]


def _keep(layer: "Recurrent", x: Tensor) -> _Kept | None:
    from elman.compiler.cpu.autograd import train
    from elman.compiler.cpu.packed_weights import Packed
    from elman.compiler.cpu.runtime import run

    own = [layer._parameters.get(name) for name in layer._names]
    if any(name in layer.__dict__ for name in layer._names):
        return None
    weights = [each for each in own if type(each) is nn.Parameter and each.is_contiguous()]
    if len(weights) < len(own):
        return None
    directions, packed = [], []
    for at in range(layer.num_layers * (2 if layer.bidirectional else 1)):
        w = layer._weights(at)
        like = x.new_empty(0, 0, w.ih.shape[1])
        s = tuple(x.new_empty(0, layer.hidden_size) for _ in layer.cell.state)
        some = x.new_empty(1, 1, w.ih.shape[1])
        if obstacle(layer.cell, w, some, s, Extras()) is not None:
            return None
        rest = (w.bias_ih, w.bias_hh, None, None, w.params, s, (), ())
        packed.append(Packed(equations(layer.cell), Operands(like, w.ih, w.hh, *rest)))
        directions.append(w)
    settings = dict(layer.cell.__dict__)
    return _Kept(x.dtype, settings, layer._names, weights, directions, packed, run, train)


def _sessions(
    layer: "Recurrent",
    packed: list[Any],
    shape: tuple[int, ...],
    threads: int,
    lengths: Tensor | None,
    *,
    direct: bool,
) -> list[list[Any]]:
    from elman.compiler.cpu.session import Session

    steps, batch = shape
    count = 2 if layer.bidirectional else 1
    threads = max(1, threads // count)
    each = [
        Session(p, steps, batch, threads, reverse=at % count == 1, lengths=lengths, direct=direct)
        for at, p in enumerate(packed)
    ]
    return [each[at : at + count] for at in range(0, len(each), count)]
