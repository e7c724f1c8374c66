"""The recurrent layers of any model, caught at work: their inputs, and the gradients they get."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from elman.diagnose.calls import OUTPUT, STATE, STATES, Call, recurrent_modules
from elman.errors import SettingsError
from elman.nn import ConvRecurrent, Ragged
from elman.nn.inputs import to_batch


class Caught:
    """One call of a recurrent layer as it came. To catch it is cheap; `call` brings it to one form.

    - `watched`: the tensors that it returned, whose gradients are kept.
    """

    def __init__(self, name: str, module: nn.Module, args: Any, options: Any) -> None:
        self._name, self._module = name, module
        self._given = dict(zip(("x", "state"), args, strict=False)) | options
        self._gradients: dict[str, Tensor] = {}
        self._like: Any = None  # the output's form, if it is no tensor
        self._states = 0
        self.watched: list[Tensor] = []

    def watch(self, result: Any) -> Any:
        """Have the gradients of all that was returned kept; makes them where none would be."""
        output, state, *rest = result
        parts = list(state) if isinstance(state, tuple) else [state]
        every = [] if not rest else list(rest[0]) if isinstance(rest[0], tuple) else [rest[0]]
        flat = output if isinstance(output, Tensor) else _flat(output)
        frozen = not flat.requires_grad
        if frozen:  # its outputs become the places where gradients begin
            flat = flat.detach().requires_grad_()
            parts = [part.detach().requires_grad_() for part in parts]
            every = [part.detach().requires_grad_() for part in every]
        elif every:  # they may be made of the very output: one of its own tells the ways apart
            flat = flat.view_as(flat)
        if not isinstance(output, Tensor):
            self._like = _filled(output, flat.detach())
            output = _filled(output, flat)
        else:
            output = flat
        self._keep(flat, OUTPUT)
        for index, part in enumerate(parts):
            self._keep(part, f"{STATE} {index}")
        for index, part in enumerate(every):
            self._keep(part, f"{STATES} {index}")
        self.watched, self._states = [flat, *parts, *every], len(parts)
        if not frozen and not every:
            return None
        kept = [tuple(every) if isinstance(each, tuple) else every[0] for each in rest]
        return (output, tuple(parts) if isinstance(state, tuple) else parts[0], *kept)

    def _keep(self, value: Tensor, name: str) -> None:
        gradients = self._gradients  # what a tensor's hook holds must not hold the tensor

        def hook(g: Tensor | None) -> None:
            if g is not None:  # else the loss does not look at it
                gradients[name] = g

        value.register_hook(hook)  # type: ignore[no-untyped-call]

    def call(self) -> Call:
        """What was given and the gradients so far, all of the form (T, B, ...)."""
        values, known = self._given, self._module
        given: Any = values.get("x", values.get("input"))
        state = values.get("state", values.get("hx"))
        maps = isinstance(known, ConvRecurrent)
        sizes: Any = known.in_channels if maps else known.input_size, known.batch_first
        others = (values.get("lengths"), values.get("resets"))
        batch = to_batch(_detached(given), *others, *sizes, maps=maps)
        batched = not isinstance(given, Tensor) or given.dim() == (5 if maps else 3)
        parts = None if state is None else (state,) if isinstance(state, Tensor) else tuple(state)
        first = None if parts is None else parts[0]
        if parts is not None:
            parts = tuple(part.detach() for part in parts)
            parts = parts if batched else tuple(part.unsqueeze(1) for part in parts)
        return Call(
            self._name,
            known,
            batch.x,
            parts,
            batch.lengths,
            batch.resets,
            {name: self._formed(name, g.detach(), batched) for name, g in self._gradients.items()},
            returned=tuple(self.watched[1 : 1 + self._states]),
            given=first,
        )

    def _formed(self, name: str, g: Tensor, batched: bool) -> Tensor:
        kind = name.partition(" ")[0]
        if kind == OUTPUT and isinstance(self._like, PackedSequence):
            return pad_packed_sequence(_filled(self._like, g))[0]
        if kind == OUTPUT and isinstance(self._like, Ragged):
            return Ragged(g, self._like.lengths).pad()[0]
        if not batched:
            return g.unsqueeze(1)
        if kind == OUTPUT:
            return g.transpose(0, 1) if self._module.batch_first else g
        return g.transpose(1, 2) if kind == STATES else g


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Caught]]:
    """Within, every call of a recurrent layer of `model` is added to the list.

    Nothing that the model computes changes. After a backward pass each also holds the gradients
    that it got.

    >>> model = nn.Sequential(nn.LSTM(2, 3))
    >>> with watched(model) as caught:
    ...     model(torch.randn(5, 4, 2))[0].sum().backward()
    >>> call = caught[0].call()
    >>> call.name, call.gradients["output"].shape
    ('0', torch.Size([5, 4, 3]))
    """
    caught: list[Caught] = []
    modules = recurrent_modules(model)
    if not modules:
        raise SettingsError(
            f"{type(model).__name__} has no recurrent layer: looked for elman's layers and for"
            " torch.nn.RNN, LSTM and GRU"
        )
    handles = [
        module.register_forward_hook(_hook(name, caught), with_kwargs=True)
        for name, module in modules.items()
    ]
    try:
        with _uncompiled(model):
            yield caught
    finally:
        for handle in handles:
            handle.remove()


def _uncompiled(model: nn.Module) -> AbstractContextManager[Any]:
    """Within, what is compiled runs as it was written: hooks see nothing else."""
    if any(each._compiled_call_impl or "_orig_mod" in each._modules for each in model.modules()):
        stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return stance
    return nullcontext()


def gradients(
    model: nn.Module, loss: Callable[[], Tensor]
) -> tuple[list[Caught], Tensor, dict[str, Tensor | None]]:
    """Run `loss` forward and backward: the calls caught, its value and the gradients by parameter.

    No `grad` of a parameter is touched.
    """
    with torch.enable_grad(), watched(model) as caught:
        value = loss()
    if not value.requires_grad:
        raise SettingsError("the loss does not depend on the model: there is no gradient")
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    inputs = [*named.values(), *(each for one in caught for each in one.watched)]
    found = torch.autograd.grad(value, inputs, allow_unused=True)
    return caught, value.detach(), dict(zip(named, found, strict=False))


def _hook(name: str, caught: list[Caught]) -> Any:
    def hook(module: nn.Module, args: Any, options: Any, result: Any) -> Any:
        if not torch.is_grad_enabled():
            return None
        one = Caught(name, module, args, options)
        caught.append(one)
        return one.watch(result)

    return hook


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
