"""What is differentiated: the caller's loss, or one that needs nothing but the output."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from elman.errors import SettingsError
from elman.nn import ConvRecurrent, Ragged, Recurrent

Loss = Callable[[nn.Module, Any], Tensor]


def loss_of(given: Callable[..., Any] | None) -> Loss:
    """A loss as `loss(model, batch)`, of one that may be written for `elman.train.fit`.

    `given` is called with (model, batch), or (model, batch, None) where it takes a state, too. It
    returns a scalar tensor or a `Step`.
    """
    if given is None:
        return default_loss
    wants = _positional(given)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        value = given(model, batch, None) if wants >= 3 else given(model, batch)
        value = getattr(value, "loss", value)
        if not isinstance(value, Tensor) or value.dim() != 0:
            raise SettingsError(f"loss must return a scalar tensor or a Step, got {_kind(value)}")
        return value

    return loss


def default_loss(model: nn.Module, batch: Any) -> Tensor:
    """The loss of (inputs, targets), or of inputs alone a random projection of the output.

    Whole numbers as targets: cross entropy, the classes in the output's last dimension. Else the
    mean square error. Of a recurrent layer alone, without targets, its state after the last step
    is projected: a loss that looks at the end of each sequence.
    """
    inputs, target = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
    result = model(inputs)
    layer = isinstance(model, Recurrent | ConvRecurrent | nn.RNN | nn.LSTM | nn.GRU)
    output = result[0] if isinstance(result, tuple | list) else result
    if target is None:
        if layer:
            state = result[1]
            output = state[0] if isinstance(state, tuple) else state
        return _projected(output)
    output = output.data if isinstance(output, PackedSequence) else output
    output = output.values if isinstance(output, Ragged) else output
    if not target.is_floating_point():
        if output.shape[:-1] != target.shape:
            raise SettingsError(
                f"targets of shape {tuple(target.shape)} do not fit the output of shape"
                f" {tuple(output.shape)}: one class for each row of scores; or pass loss="
            )
        return F.cross_entropy(output.flatten(0, -2), target.flatten().long())
    if output.shape != target.shape:
        raise SettingsError(
            f"targets of shape {tuple(target.shape)} do not fit the output of shape"
            f" {tuple(output.shape)}; or pass loss="
        )
    return F.mse_loss(output, target)


def _projected(output: Any) -> Tensor:
    if isinstance(output, PackedSequence):
        output = output.data
    elif isinstance(output, Ragged):
        output = output.values
    if not isinstance(output, Tensor):
        raise SettingsError(
            f"the model returns a {type(output).__name__}: pass loss=, a function of model and"
            " batch that returns a scalar"
        )
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(output.shape, generator=generator).to(output)
    return (output * direction).sum()


def _positional(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 2
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    return len(needed)


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return type(value).__name__
