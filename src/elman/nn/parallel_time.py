"""A layer run over chunks of its sequences at the same time, where that is possible and pays."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elman.compiler.differentiable import Flat
from elman.errors import SettingsError
from elman.messages import shown
from elman.nn import both_directions
from elman.nn.both_directions import Found
from elman.nn.chunks import Sequences, States
from elman.nn.inputs import Input, to_batch, to_state
from elman.nn.precision import low_precision
from elman.nn.recording import in_graph, recorded
from elman.nn.shooting import Probe, ShootingReport, probe, refused, shoot
from elman.nn.shooting_gradient import Link, linked
from elman.nn.torch_kernels import inside_transform

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent

# As benchmarks/parallel_time.py measured it on one thread of a processor with AVX2, GRU and LSTM.
_ROWS = 8  # to run at once: more are no faster, since by then the multipliers are busy
_STEPS = 2048
_PRODUCTS = 4e8  # of the recurrent matrix with a sequence's states, below which the probe weighs
_SMALLEST = {1: 3 * 128**2, 2: 3 * 256**2}  # matrix, by the sequences of a batch


class Runner:
    """Runs a layer over sequences, time first and states always as a tuple: as a whole, or as
    chunks."""

    def __init__(
        self, layer: "Recurrent", *, every_state: bool, count: int, tolerance: float
    ) -> None:
        self.layer, self.every_state = layer, every_state
        self.count, self.tolerance = count, tolerance

    def __call__(self, given: Sequences, state: States | None) -> Found:
        """The output, every state at every step if these are wanted, and the last states, of the
        sequences as a whole."""
        return self._parts(self._call(self.layer.forward, given, state))

    def initial(self, x: Tensor) -> States:
        """The state before the first step, if none is given."""
        layer = self.layer
        each = [layer._initial(at, x) for at in range(layer.num_layers)]
        return tuple(torch.stack(part) for part in zip(*each, strict=True))

    def probe(self, given: Sequences) -> Probe:
        """Whether the layer forgets fast enough for the chunks."""
        return probe(self, given, self.count, self.tolerance)

    def shot(
        self, given: Sequences, initial: States | None, probed: Probe
    ) -> tuple[Found | None, ShootingReport]:
        """As the whole, by chunks of equally many steps and then the steps that remain."""
        first = self.initial(given.x) if initial is None else initial
        steps = len(given.x) // self.count * self.count
        even = given.steps(0, steps)
        parameters = dict(self.layer.named_parameters())
        operands = (even.x, *first, *parameters.values())
        training = torch.is_grad_enabled() and any(each.requires_grad for each in operands)
        found, report = shoot(
            self, even, first, self.count, self.tolerance, probed, training=training
        )
        if found is None:
            return None, report

        def again(flat: Flat) -> list[Tensor]:
            x, *rest = [each for each in flat if each is not None]
            named = dict(zip(parameters, rest[len(first) :], strict=True))
            return self.with_parameters(even._replace(x=x), tuple(rest[: len(first)]), named)

        link = Link(self, found, even.lengths, self.tolerance, tuple(parameters.values()), again)
        outputs, ends = linked(link, even.x, first)
        if steps < len(given.x):
            more, ends = self(given.steps(steps, len(given.x)), ends)
            outputs = [torch.cat(pair) for pair in zip(outputs, more, strict=True)]
        return (outputs, ends), report

    def with_parameters(
        self, given: Sequences, state: States, parameters: dict[str, Tensor]
    ) -> list[Tensor]:
        """All results with other parameters, as a graph that can be differentiated twice."""

        def run(*args: Any, **options: Any) -> Any:
            return functional_call(self.layer, parameters, args, options)

        outputs, ends = self._parts(self._call(run, given, state))
        return [*outputs, *ends]

    def _call(
        self, run: Callable[..., Any], given: Sequences, state: States | None
    ) -> tuple[Any, ...]:
        x, lengths, resets = given
        if self.layer.batch_first:
            x, resets = x.transpose(0, 1), None if resets is None else resets.T
        own = state[0] if state is not None and len(state) == 1 else state
        options = {"lengths": lengths, "resets": resets, "return_states": self.every_state}
        output, *rest = run(x, own, **options, chunks=1)
        return output.transpose(0, 1) if self.layer.batch_first else output, *rest

    @staticmethod
    def _parts(result: tuple[Any, ...]) -> tuple[list[Tensor], States]:
        output, *rest = result
        ends, *histories = [(r,) if isinstance(r, Tensor) else r for r in rest]
        return [output, *(h for each in histories for h in each)], ends


class ChunkedTime:
    """The settings of a layer that may run chunks of its sequences at the same time, and how its
    last run with chunks went."""

    _chunks: int | str = 1  # of layers saved by versions without it
    _tolerance: float = 1e-6
    shooting_report = ShootingReport()

    @property
    def chunks(self) -> int | str:
        """How many chunks of a sequence are run at the same time; `"auto"` where it pays."""
        return self._chunks

    @chunks.setter
    def chunks(self, value: int | str) -> None:
        self._chunks = check_chunks(value)

    @property
    def tolerance(self) -> float:
        """The largest difference at the chunks' borders, as a share of the largest value."""
        return self._tolerance

    @tolerance.setter
    def tolerance(self, value: float) -> None:
        self._tolerance = check_tolerance(value)


def run(
    layer: "Recurrent",
    given: Input,
    state: Tensor | States | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    *,
    every_state: bool,
    chunks: int | str,
    tolerance: float,
) -> tuple[Any, ...] | None:
    """As the layer's `forward`; None where it has to be run over the sequences as a whole.

    Leaves the layer's `shooting_report`.
    """
    if in_graph() or recorded():
        return None
    count, tolerance = check_chunks(chunks), check_tolerance(tolerance)
    batch = Sequences(*to_batch(given, lengths, resets, layer.input_size, layer.batch_first))
    batched = not isinstance(given, Tensor) or given.dim() == 3
    shapes = layer._state_shapes(batch.x.shape[1])
    initial = to_state(state, layer.cell.state, shapes, batched=batched)
    if count == "auto":
        count = worthwhile(layer, batch.x)
    if count == 1:
        layer.shooting_report = ShootingReport()
        return None
    reason = obstacle(layer, batch.x, int(count))
    if reason is not None:
        layer.shooting_report = refused(reason)
        return None

    def runner(part: "Recurrent") -> Runner:
        return Runner(part, every_state=every_state, count=int(count), tolerance=tolerance)

    if layer.bidirectional:
        found, report = both_directions.run(layer, batch, initial, runner)
    else:
        own = runner(layer)
        found, report = own.shot(batch, initial, own.probe(batch))
    layer.shooting_report = report
    if found is None:
        return None
    (output, *histories), ends = found
    runs = range(len(ends[0]))  # a direction of a layer each
    last = [tuple(end[at] for end in ends) for at in runs]
    every = [tuple(h[:, at] for h in histories) for at in runs] if histories else []
    return layer._returned(output, given, last, every, batched=batched)


def worthwhile(layer: "Recurrent", x: Tensor) -> int:
    """How many chunks have been measured to pay, 1 if none."""
    steps, batch, _ = x.shape
    products = (
        len(layer.cell.recurrent) * layer.hidden_size * (layer.proj_size or layer.hidden_size)
    )
    if not x.is_cpu or layer.bidirectional or batch not in _SMALLEST:
        return 1
    if steps < _STEPS or steps * products < _PRODUCTS:
        return 1
    if products < _SMALLEST[batch]:
        return 1
    count = _ROWS // batch
    return count if obstacle(layer, x, count) is None else 1


def obstacle(layer: "Recurrent", x: Tensor, count: int) -> str | None:
    """Why so many chunks cannot be run at the same time, None if they can."""
    if len(x) < 2 * count or not x.shape[1]:
        return f"{count} chunks need {2 * count} steps and a sequence, got {tuple(x.shape[:2])}"
    if layer.training:
        if layer.dropout and layer.num_layers > 1:
            return "dropout is drawn again in each run"
        for name in ("recurrent_dropout", "weight_dropout"):
            if getattr(layer, name):
                return f"{name} is drawn again in each run"
        if any(layer.zoneout):
            return "zoneout is drawn again in each run"
    if low_precision(x) is not None:
        return "the numbers are too short for the tolerance"
    if inside_transform():
        return "torch.func and forward-mode derivatives need sequences without chunks"
    own = [layer._parameters.get(name) for name in layer._names if name not in layer.__dict__]
    if len(own) < len(layer._names) or any(type(each) is not nn.Parameter for each in own):
        return "a weight is no parameter of the layer"
    return None


def check_chunks(value: object) -> int | str:
    """A number of chunks, or "auto"; an error else."""
    if value == "auto":
        return "auto"
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SettingsError(f'chunks must be a number from 1 on or "auto", got {shown(value)}')
    return value


def check_tolerance(value: object) -> float:
    """A tolerance; an error else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise SettingsError(f"tolerance must be a number between 0 and 1, got {shown(value)}")
    return float(value)
