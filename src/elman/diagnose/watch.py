"""The recurrent layers of any model, caught at work: their inputs, and the gradients they get."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.cells import GRU, LSTM, RNN, ReLURNN
from elman.diagnose.trajectory import Track, run
from elman.errors import SettingsError
from elman.nn import Ragged, Recurrent
from elman.nn.inputs import to_batch

OUTPUT, STATE = "output", "state"


@dataclass
class Call:
    """One call of a recurrent layer, all brought to the form (T, B, ...).

    - `name`: the module's in its model; `module`: itself.
    - `x` (T, B, I), `state`, `lengths`, `resets`: what it was given, detached.
    - `gradients`: the loss's derivative by the output, (T, B, P), and by each final state, as far
      as the loss looked at them; there after the backward pass.
    """

    name: str
    module: nn.Module
    x: Tensor
    state: tuple[Tensor, ...] | None
    lengths: Tensor | None
    resets: Tensor | None
    gradients: dict[str, Tensor] = field(default_factory=dict)
    watched: list[Tensor] = field(default_factory=list)
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

    def state_gradients(self) -> list[Tensor | None]:
        """One a state."""
        count = len(as_layer(self.module).cell.state)
        return [self.gradients.get(f"{STATE} {index}") for index in range(count)]

    def options(self, layer: Recurrent) -> dict[str, Any]:
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
            "state_gradient": self.state_gradients(),
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
        if isinstance(module, Recurrent | nn.RNN | nn.LSTM | nn.GRU)
    }


def as_layer(module: nn.Module) -> Recurrent:
    """An elman layer: the module itself, or one with the very parameters of a torch.nn layer.

    >>> theirs = nn.LSTM(2, 3, batch_first=True)
    >>> ours = as_layer(theirs)
    >>> ours.weight_hh_l0 is theirs.weight_hh_l0, ours.batch_first
    (True, False)
    """
    if isinstance(module, Recurrent):
        return module
    if not isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
        raise SettingsError(f"a {type(module).__name__} is no recurrent layer that is known")
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
        setattr(layer, name, getattr(module, name))
    return layer.train(module.training)


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Call]]:
    """Within, every call of a recurrent layer of `model` is added to the list.

    Nothing that the model computes changes. After a backward pass each call also holds the
    gradients that it got.

    >>> model = nn.Sequential(nn.LSTM(2, 3))
    >>> with watched(model) as calls:
    ...     model(torch.randn(5, 4, 2))[0].sum().backward()
    >>> calls[0].name, calls[0].gradients["output"].shape
    ('0', torch.Size([5, 4, 3]))
    """
    calls: list[Call] = []
    modules = recurrent_modules(model)
    if not modules:
        raise SettingsError(
            f"{type(model).__name__} has no recurrent layer: looked for elman's layers and for"
            " torch.nn.RNN, LSTM and GRU"
        )
    handles = [
        module.register_forward_hook(_hook(name, calls), with_kwargs=True)
        for name, module in modules.items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


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
            last.watched = [*last.watched, *call.watched]
        else:
            result.append(call)
    return result


def _followed(last: Call, call: Call) -> dict[str, Tensor]:
    gradients = {name: g for name, g in call.gradients.items() if name != OUTPUT}
    parts = []
    for each in (last, call):
        g = each.gradients.get(OUTPUT)
        width = as_layer(each.module).output_size
        parts.append(each.x.new_zeros(*each.x.shape[:2], width) if g is None else g)
    return {OUTPUT: torch.cat(parts), **gradients}


def _hook(name: str, calls: list[Call]) -> Any:
    def hook(module: nn.Module, args: Any, options: Any, result: Any) -> Any:
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return None
        values = dict(zip(("x", "state"), args, strict=False)) | options
        given = values.get("x", values.get("input"))
        state = values.get("state", values.get("hx"))
        lengths, resets = values.get("lengths"), values.get("resets")
        plain = _detached(given)
        known: Any = module
        batch = to_batch(plain, lengths, resets, known.input_size, known.batch_first)
        batched = not isinstance(given, Tensor) or given.dim() == 3
        parts = None if state is None else (state,) if isinstance(state, Tensor) else tuple(state)
        first = None if parts is None else parts[0]
        if parts is not None:
            parts = tuple(part.detach() for part in (parts if batched else _with_batch(parts)))
        call = Call(name, module, batch.x, parts, batch.lengths, batch.resets, given=first)
        calls.append(call)
        return _watch(call, result, batched, bool(known.batch_first))

    return hook


def _with_batch(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(part.unsqueeze(1) for part in parts)


def _watch(call: Call, result: Any, batched: bool, batch_first: bool) -> Any:
    """Have the output's and the final states' gradients kept; makes them where none would be."""
    output, state, *rest = result
    parts = list(state) if isinstance(state, tuple) else [state]
    flat = output if isinstance(output, Tensor) else _flat(output)
    changed = not flat.requires_grad
    if changed:  # a frozen model: its outputs become the places where gradients begin
        flat = flat.detach().requires_grad_()
        output = flat if isinstance(output, Tensor) else _filled(output, flat)
        parts = [part.detach().requires_grad_() for part in parts]

    def keep_output(g: Tensor | None) -> None:
        if g is None:  # the loss does not look at it
            return
        g = g.detach()
        if isinstance(output, PackedSequence):
            g = pad_packed_sequence(_filled(output, g))[0]
        elif isinstance(output, Ragged):
            g = Ragged(g, output.lengths).pad()[0]
        elif not batched:
            g = g.unsqueeze(1)
        elif batch_first:
            g = g.transpose(0, 1)
        call.gradients[OUTPUT] = g

    flat.register_hook(keep_output)  # type: ignore[no-untyped-call]
    for index, part in enumerate(parts):

        def keep(g: Tensor | None, name: str = f"{STATE} {index}") -> None:
            if g is not None:
                call.gradients[name] = g.detach() if batched else g.detach().unsqueeze(1)

        part.register_hook(keep)
    call.watched = [flat, *parts]
    call.returned = tuple(parts)
    if not changed:
        return None
    return (output, tuple(parts) if isinstance(state, tuple) else parts[0], *rest)


def _detached(given: Any) -> Any:
    if isinstance(given, Tensor):
        return given.detach()
    return _filled(given, _flat(given).detach())


def _flat(value: Any) -> Tensor:
    flat: Tensor = value.data if isinstance(value, PackedSequence) else value.values
    return flat


def _filled(like: Any, flat: Tensor) -> Any:
    if isinstance(like, Ragged):
        return Ragged(flat, like.lengths)
    return PackedSequence(flat, like.batch_sizes, like.sorted_indices, like.unsorted_indices)
