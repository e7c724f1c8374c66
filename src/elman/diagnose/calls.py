"""Calls of recurrent layers: what each was given and the gradients that it got, in one form."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from elman.cells import GRU, LSTM, RNN, ReLURNN
from elman.diagnose.trajectory import Track, run
from elman.errors import SettingsError
from elman.nn import ConvRecurrent, Recurrent

Layer = Recurrent | ConvRecurrent

OUTPUT, STATE, STATES = "output", "state", "states"


@dataclass
class Call:
    """One call of a recurrent layer, all brought to the form (T, B, ...).

    - `name`: the module's in its model; `module`: itself.
    - `x` (T, B, I), or (T, B, C, H, W) of a convolutional layer, `state`, `lengths`, `resets`:
      what it was given, detached.
    - `gradients`: the loss's derivative by the output, (T, B, P), by each final state, (L, B, S),
      and by each state at every step, (T, B, L, S), as far as the loss looked at them; there after
      the backward pass. L counts layers and directions.
    """

    name: str
    module: nn.Module
    x: Tensor
    state: tuple[Tensor, ...] | None
    lengths: Tensor | None
    resets: Tensor | None
    gradients: dict[str, Tensor] = field(default_factory=dict)
    returned: tuple[Tensor, ...] = ()
    given: Tensor | None = None  # the first state as it came, to see who continues whom

    def first(self, sequences: int) -> "Call":
        """The same with only so many of the sequences."""
        if self.x.shape[1] <= sequences:
            return self

        def some(value: Tensor | None) -> Tensor | None:
            return None if value is None else value[:, :sequences]

        return Call(
            self.name,
            self.module,
            self.x[:, :sequences],
            None if self.state is None else tuple(part[:, :sequences] for part in self.state),
            None if self.lengths is None else self.lengths[:sequences],
            some(self.resets),
            {name: value[:, :sequences] for name, value in self.gradients.items()},
        )

    def gradients_of(self, kind: str) -> list[Tensor | None]:
        """By each of the cell's states: the final ones (STATE), or those of all steps (STATES)."""
        count = len(as_layer(self.module).cell.state)
        return [self.gradients.get(f"{kind} {index}") for index in range(count)]

    def options(self, layer: Layer) -> dict[str, Any]:
        """What `run` and `truncation` take besides the layer, in the layer's own order."""
        flip = layer.batch_first
        output, resets = self.gradients.get(OUTPUT), self.resets
        state: Any = self.state
        if state is not None and len(state) == 1:
            state = state[0]
        return {
            "x": self.x.transpose(0, 1) if flip else self.x,
            "state": state,
            "lengths": self.lengths,
            "resets": resets.T if flip and resets is not None else resets,
            "output_gradient": output.transpose(0, 1) if flip and output is not None else output,
            "state_gradient": self.gradients_of(STATE),
            "states_gradient": [
                None if g is None else g.transpose(1, 2) for g in self.gradients_of(STATES)
            ],
        }

    def tracks(self, backend: str | None = None) -> list[Track]:
        """What each layer and direction went through, see `elman.diagnose.trajectory.run`."""
        layer = as_layer(self.module)
        return run(layer, **self.options(layer), backend=backend)


def recurrent_modules(model: nn.Module) -> dict[str, nn.Module]:
    """By name the modules that can be looked into: elman's layers and torch's RNN, LSTM, GRU.

    >>> list(recurrent_modules(nn.ModuleDict({"a": nn.GRU(2, 3), "b": nn.Linear(2, 3)})))
    ['a']
    """
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, Layer | nn.RNN | nn.LSTM | nn.GRU)
    }


def as_layer(module: nn.Module) -> Layer:
    """An elman layer: the module itself, or one with the very parameters of a torch.nn layer.

    >>> theirs = nn.LSTM(2, 3, batch_first=True)
    >>> ours = as_layer(theirs)
    >>> ours.weight_hh_l0 is theirs.weight_hh_l0, ours.batch_first
    (True, False)
    """
    if isinstance(module, Layer):
        return module
    if not isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        raise SettingsError(f"{type(module).__name__} is not a known recurrent layer")
    cell: Any = {nn.LSTM: LSTM, nn.GRU: GRU}.get(type(module))
    if cell is None:
        kinds = ((nn.LSTM, LSTM), (nn.GRU, GRU))
        cell = next((ours for theirs, ours in kinds if isinstance(module, theirs)), None)
    if cell is None:
        cell = ReLURNN if module.nonlinearity == "relu" else RNN
    with torch.device("meta"):
        layer = Recurrent(
            cell,
            module.input_size,
            module.hidden_size,
            module.num_layers,
            bias=module.bias,
            bidirectional=module.bidirectional,
            proj_size=module.proj_size,
        )
    for name, _ in list(layer.named_parameters()):
        value = getattr(module, name)
        if not isinstance(value, nn.Parameter):  # computed from others: parametrised or pruned
            delattr(layer, name)
        setattr(layer, name, value)
    return layer.train(module.training)


def joined(calls: Sequence[Call]) -> list[Call]:
    """Calls of a layer step by step, each given the state that the last returned, as one call.

    The gradients that reach the states in between come through time, so that they are left out.
    """
    result: list[Call] = []
    for call in calls:
        last = next((c for c in reversed(result) if c.module is call.module), None)
        plain = call.lengths is None and call.resets is None
        if (
            last is not None
            and plain
            and last.lengths is None
            and last.resets is None
            and call.given is not None
            and last.returned
            and call.given is last.returned[0]
        ):
            last.gradients = _followed(last, call)
            last.x = torch.cat([last.x, call.x])
            last.returned = call.returned
        else:
            result.append(call)
    return result


def _followed(last: Call, call: Call) -> dict[str, Tensor]:
    """The gradients of two calls as those of one: the second's by the final states, else both's."""
    found = {name: g for name, g in call.gradients.items() if name.startswith(f"{STATE} ")}
    for name in {*last.gradients, *call.gradients}:
        if name == OUTPUT or name.startswith(f"{STATES} "):
            found[name] = torch.cat([_or_zeros(each, name, last, call) for each in (last, call)])
    return found


def _or_zeros(call: Call, name: str, *like: Call) -> Tensor:
    """A call's gradient, or zeros of the form that it has in one of the others."""
    if name in call.gradients:
        return call.gradients[name]
    known = next(other.gradients[name] for other in like if name in other.gradients)
    return known.new_zeros(len(call.x), *known.shape[1:])
