"""A layer's usual runs, with arguments prepared from call to call."""

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
from elman.nn.recording import alone, in_graph
from elman.nn.reference import Extras, State, Weights
from elman.nn.torch_kernels import is_fastest

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent

_MOST_SHAPES = 16
_bytes_of = operator.attrgetter("nbytes")
# A layer's settings on which its usual runs depend, as they stand among its attributes.
_settings_of = operator.itemgetter(
    "_backend",
    "training",
    "cell",
    "num_layers",
    "input_size",
    "hidden_size",
    "bidirectional",
    "proj_size",
    "layer_norm",
    "_zoneout_rates",
    "dropout",
    "recurrent_dropout",
    "weight_dropout",
    "residual",
    "learn_initial_state",
)


class Prepared:
    """Runs all layers and directions, with and without gradients, for whatever shapes come.

    The weights are those that the layer has at the call, however they came to be so: every call
    reads them where they are stored, and nothing is kept of their values.
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
        """The output and last state of x, (T, B, I); None where no kernel can do it, or where the
        layer is more than its equations."""
        if in_graph() or not alone() or not _is_usual(layer, x):
            return None
        steps, batch = x.shape[:2]
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
        if steps == 1 and lengths is None and not torch.is_grad_enabled():
            one = self.step(layer, x.squeeze(0), state)
            if one is not None:
                return one[0].unsqueeze(0), one[1]
        if layer.backend == "auto" and is_fastest(layer.cell, x, steps, Extras(lengths)):
            return None
        found = self._run(layer, x, parts, lengths)
        if found is None:
            return None
        if layer.backend_used != "compiled":
            layer.backend_used = "compiled"
        return found[0], found[1] if len(found[1]) > 1 else found[1][0]

    def step(
        self, layer: "Recurrent", x: Tensor, state: Tensor | State | None
    ) -> tuple[Tensor, Any] | None:
        """As `__call__` of one step, (B, I), without gradients, by what earlier steps prepared."""
        if in_graph() or not alone() or type(x) is not Tensor:
            return None
        kept = self._kept
        steps = None if kept is None else kept.steps.get(x.shape)
        if kept is None or steps is None or not (steps.fits(layer) and kept.fits(layer)):
            kept = self._kept_for(layer, x) if _is_usual(layer, x, normed=True) else None
            steps = None if kept is None else kept.steps_for(layer, x)
            if kept is None or steps is None:
                return None
        dtype = kept.dtype
        if x.dtype is not dtype or not x.is_cpu:
            return None
        parts = None
        if state is None:
            if layer.learn_initial_state:
                return None
        else:
            parts = (state,) if type(state) is Tensor else state
            if not isinstance(parts, (tuple, list)) or len(parts) != steps.states:
                return None
            shape = steps.shape
            for part in parts:
                if type(part) is not Tensor or part.dtype is not dtype:
                    return None
                if part.shape != shape or not part.is_cpu:
                    return None
        output, last = steps.run(x, parts)
        if layer.backend_used != "compiled":
            layer.backend_used = "compiled"
        return output, tuple(last) if len(last) > 1 else last[0]

    def _run(
        self, layer: "Recurrent", x: Tensor, state: State | None, lengths: Tensor | None
    ) -> tuple[Tensor, State] | None:
        if low_precision(x) is not None:
            return None
        trains = torch.is_grad_enabled()
        kept = self._kept_for(layer, x)
        if kept is None:
            return None
        if type(x) is not Tensor or x.dtype is not kept.dtype:
            return None
        for part in state or ():
            if part.dtype is not kept.dtype:
                return None
        sessions = kept.sessions_for(layer, x.shape[:2], lengths)
        if trains and _any_gradient(x, *kept.weights, *(state or ())):
            return _train(layer, kept, sessions, x, state)
        return _infer(layer, kept, sessions, x, state)

    def _kept_for(self, layer: "Recurrent", x: Tensor) -> "_Kept | None":
        if self._kept is None or not self._kept.fits(layer):
            self._kept = _keep(layer, x)
        return self._kept

    def __deepcopy__(self, memo: Any) -> "Prepared":
        return Prepared()

    def __reduce__(self) -> tuple[type["Prepared"], tuple[()]]:
        return Prepared, ()


def _is_usual(layer: "Recurrent", x: Tensor, *, normed: bool = False) -> bool:
    """Whether a layer is no more than its equations, and x something that they can be run on.

    With `normed` it may be normalised, as single steps can be where there is a recurrent product.
    """
    if not layer._compiles or layer.backend == "reference":
        return False
    if layer.layer_norm and not (normed and layer.cell.recurrent):
        return False
    if any(layer.zoneout) or layer.proj_size:
        return False
    if layer.training and (layer.recurrent_dropout or layer.weight_dropout):
        return False
    return target_of(x) == "cpu" and x.shape[-1] == layer.input_size and x.numel() > 0


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
        last += [ends for _, ends in found]
        x = layer._between([output for output, _ in found], x, index)
    if len(last) == 1:
        return x, tuple(last[0])
    return x, tuple(torch.cat(each) for each in zip(*last, strict=True))


def _train(
    layer: "Recurrent", kept: "_Kept", sessions: list[list[Any]], x: Tensor, state: State | None
) -> tuple[Tensor, State]:
    side_by_side = kept.side_by_side(layer)
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
        last += [ends for _, *ends in found]
        x = layer._between([output for output, *_ in found], x, index)
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
    normed: bool
    names: tuple[str, ...]
    weights: list[nn.Parameter]
    directions: list[Weights]
    sources: list[Any]  # the directions' weights as the compiler has them
    run: Any  # of the compiler, which is loaded late
    train: Any

    def __post_init__(self) -> None:
        self.sessions: dict[tuple[Any, ...], list[list[Any]]] = {}
        self.steps: dict[tuple[int, ...], _Steps] = {}  # by the shape of x
        # Held, so that nothing else comes to lie at the addresses that are compared.
        self._memory = [each.detach() for each in self.weights]
        self._places = self._lie()

    def fits(self, layer: "Recurrent") -> bool:
        """Whether the layer's weights, where they lie, and its cell are the same ones."""
        own = layer._parameters
        return (
            all(map(operator.is_, self.weights, map(own.get, self.names)))
            and self._lie() == self._places
            and layer.__dict__.keys().isdisjoint(self.names)
            and self.settings == layer.cell.__dict__
            and self.normed == layer.layer_norm
        )

    def _lie(self) -> list[Any]:
        """Where the weights lie, how, and how much there is of them."""
        own = self.weights
        return [*map(Tensor.data_ptr, own), *map(Tensor.stride, own), *map(_bytes_of, own)]

    def side_by_side(self, layer: "Recurrent") -> bool:
        """Whether both directions are run at the same time."""
        return torch.get_num_threads() > 1 or not layer.bidirectional

    def sessions_for(
        self, layer: "Recurrent", shape: tuple[int, ...], lengths: Tensor | None
    ) -> list[list[Any]]:
        """Of each layer its directions' sessions for a batch of this shape, (T, B)."""
        threads = torch.get_num_threads()
        key = (*shape, threads, None if lengths is None else lengths.numpy().tobytes())
        found = self.sessions.get(key)
        if found is None:
            if len(self.sessions) >= _MOST_SHAPES:
                self.sessions.clear()
            found = _sessions(layer, self.sources, shape, threads, lengths)
            self.sessions[key] = found
        return found

    def steps_for(self, layer: "Recurrent", x: Tensor) -> "_Steps | None":
        """The steps of batches such as x, None where there are none so short."""
        if layer.bidirectional or layer.residual or (layer.training and layer.dropout):
            return None
        from elman.compiler.cpu.stepper import Stepper

        batch = len(x)
        sessions = [each for (each,) in self.sessions_for(layer, (1, batch), None)]
        if len(self.steps) >= _MOST_SHAPES:
            self.steps.clear()
        shape = (layer.num_layers, batch, layer.hidden_size)
        found = _Steps(
            _settings_of(layer.__dict__),
            torch.get_num_threads(),
            Stepper(sessions),
            len(layer.cell.state),
            shape,
        )
        self.steps[x.shape] = found
        return found


@dataclass
class _Steps:
    """Steps of batches of one size, as the layer and the number of threads were."""

    settings: tuple[Any, ...]
    threads: int
    run: Any
    states: int
    shape: tuple[int, ...]

    def fits(self, layer: "Recurrent") -> bool:
        """Whether they still are so."""
        now = _settings_of(layer.__dict__)
        return self.settings == now and self.threads == torch.get_num_threads()


def _keep(layer: "Recurrent", x: Tensor) -> _Kept | None:
    from elman.compiler.cpu.autograd import train
    from elman.compiler.cpu.runtime import run
    from elman.compiler.cpu.weights import Weights as Source

    own = [layer._parameters.get(name) for name in layer._names]
    if any(name in layer.__dict__ for name in layer._names):
        return None
    weights = [each for each in own if type(each) is nn.Parameter and each.is_contiguous()]
    if len(weights) < len(own):
        return None
    directions, sources = [], []
    for at in range(layer.num_layers * (2 if layer.bidirectional else 1)):
        w = layer._weights(at)
        like = x.new_empty(0, 0, w.ih.shape[1])
        s = tuple(x.new_empty(0, layer.hidden_size) for _ in layer.cell.state)
        some = x.new_empty(1, 1, w.ih.shape[1])
        if obstacle(layer.cell, w, some, s, Extras()) is not None:
            return None
        rest = (w.bias_ih, w.bias_hh, None, w.norm_hh, w.params, s, (), ())
        step = equations(layer.cell, normed=w.norm_hh is not None)
        sources.append(Source(step, Operands(like, w.ih, w.hh, *rest), w.norm_ih))
        directions.append(w)
    settings = dict(layer.cell.__dict__)
    whole = (layer._names, weights, directions, sources, run, train)
    return _Kept(x.dtype, settings, layer.layer_norm, *whole)


def _sessions(
    layer: "Recurrent",
    sources: list[Any],
    shape: tuple[int, ...],
    threads: int,
    lengths: Tensor | None,
) -> list[list[Any]]:
    from elman.compiler.cpu.session import Session

    steps, batch = shape
    count = 2 if layer.bidirectional else 1
    threads = max(1, threads // count)
    each = [
        Session(source, steps, batch, threads, reverse=at % count == 1, lengths=lengths)
        for at, source in enumerate(sources)
    ]
    return [each[at : at + count] for at in range(0, len(each), count)]
