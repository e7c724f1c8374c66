"""What a layer's settings must be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from elman.cells import Cell
from elman.errors import SettingsError, SettingTypeError
from elman.messages import shown
from elman.nn import parameters
from elman.nn.backends import backends
from elman.nn.precision import has_autocast
from elman.nn.probe import probe, uses_previous_output
from elman.nn.recording import in_graph, recorded
from elman.nn.reference import State, Weights

if TYPE_CHECKING:
    from elman.nn.recurrent import Recurrent

_MOST = {"num_layers": 10_000}  # of the other sizes what 32 bits hold
_FLAGS = (
    *("bias", "batch_first", "bidirectional", "variational", "layer_norm", "residual"),
    "learn_initial_state",
)
BACKENDS = ("auto", "reference", "compiled")


def check(layer: "Recurrent") -> None:
    """Errors that name the setting, what came and what would do."""
    for name, lowest in (("input_size", 0), ("hidden_size", 1), ("num_layers", 1)):
        check_size(name, getattr(layer, name), lowest)
    check_size("proj_size", layer.proj_size, None)
    for name in _FLAGS:
        check_flag(name, getattr(layer, name))
    for name in ("dropout", "recurrent_dropout", "weight_dropout"):
        check_share(name, getattr(layer, name))
    if layer.init not in parameters.INITS:
        raise SettingsError(
            f"init must be one of {', '.join(parameters.INITS)}, got {_shown(layer.init)}"
        )
    if not 0 <= layer.proj_size < layer.hidden_size:
        raise SettingsError(
            f"proj_size must be below hidden_size={layer.hidden_size}, got {layer.proj_size}"
        )
    if layer.forget_bias is not None:
        check_forget_bias(layer.cell, layer.forget_bias, bias=layer.bias)
    if not recorded():  # else no values are known
        probe(layer.cell)
    if layer.proj_size and not recorded() and uses_previous_output(layer.cell):
        raise SettingsError(
            f"proj_size cannot be used with {type(layer.cell).__name__}: its equations use the"
            f" previous {layer.cell.state[0]} elementwise, and a projection changes its size"
        )


def check_backend(value: str) -> None:
    """Errors unless it is a backend that is there."""
    if value not in BACKENDS:
        raise SettingsError(f"backend must be one of {', '.join(BACKENDS)}, got {_shown(value)}")
    if value == "compiled" and not backends()["compiled"].available:
        raise SettingsError(f'backend="compiled": {backends()["compiled"].note}')


def check_input(x: Tensor, state: State, w: Weights) -> None:
    """Errors unless the input and the state have the weights' dtype and device."""
    if in_graph() or has_autocast(x):
        return
    for name, tensor in (("x", x), *((f"state {i}", part) for i, part in enumerate(state))):
        if tensor.dtype != w.ih.dtype:
            raise SettingsError(
                f"{name} is {_short(tensor.dtype)}, but the layer's weights are"
                f" {_short(w.ih.dtype)}: pass {name}.to(torch.{_short(w.ih.dtype)}), or convert"
                f" the layer by layer.to(torch.{_short(tensor.dtype)})"
                if tensor.is_floating_point()
                else f"{name} is {_short(tensor.dtype)}, but the layer computes with"
                f" {_short(w.ih.dtype)}: pass {name}.to(torch.{_short(w.ih.dtype)})"
            )
        if tensor.device != w.ih.device:
            raise SettingsError(
                f"{name} is on {tensor.device}, but the layer's weights are on {w.ih.device}:"
                f' pass {name}.to("{w.ih.device}"), or move the layer by'
                f' layer.to("{tensor.device}")'
            )


def check_size(name: str, value: object, lowest: int | None = 1) -> None:
    """Errors unless it is a number of units, layers or the like; from `lowest` on if given."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingTypeError(f"{name} must be an int, got {_typed(value)}")
    if lowest is not None and value < lowest:
        raise SettingsError(f"{name} must be at least {lowest}, got {value}")
    if value > (most := _MOST.get(name, 2**31 - 1)):
        raise SettingsError(f"{name} must be at most {most}, got {str(value)[:40]}")


def check_flag(name: str, value: object) -> None:
    """Errors unless it is a truth value."""
    if not isinstance(value, bool | int) or value not in (0, 1):
        raise SettingTypeError(f"{name} must be True or False, got {_typed(value)}")


def check_forget_bias(cell: Cell, value: object, *, bias: bool) -> None:
    """Errors unless the cell has a forget gate that can have this bias."""
    if not isinstance(value, int | float) or not abs(value) < 1e30:
        raise SettingTypeError(f"forget_bias must be a finite number, got {_typed(value)}")
    if cell.forget is None or not bias:
        lacking = "no biases" if cell.forget else "no forget gate"
        raise SettingsError(
            f"forget_bias={value} was asked of {type(cell).__name__}, which has {lacking} here"
        )


def check_share(name: str, value: object) -> None:
    """Errors unless it is a share from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise SettingTypeError(f"{name} must be a number from 0 to 1, got {_typed(value)}")
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} must be a share from 0 to 1, got {value}")


def _shown(value: object) -> str:
    return f'"{value[:60]}"' if isinstance(value, str) else _typed(value)


def _typed(value: object) -> str:
    return f"{type(value).__name__} {shown(value)}"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def rates(
    zoneout: float | Mapping[str, float] | tuple[float, ...], cell: Cell
) -> tuple[float, ...]:
    """The share of each state that zoneout keeps."""
    if isinstance(zoneout, Mapping):
        if unknown := set(zoneout) - set(cell.state):
            names = sorted(map(str, unknown))
            raise SettingsError(f"zoneout names {names}, but the states are {cell.state}")
        shares: tuple[float, ...] = tuple(zoneout.get(name, 0.0) for name in cell.state)
    elif isinstance(zoneout, tuple | list):
        shares = tuple(zoneout)
        if len(shares) != len(cell.state):
            raise SettingsError(
                f"zoneout must have a share for each of {cell.state}, got {zoneout}"
            )
    else:
        shares = (zoneout,) * len(cell.state)
    for share in shares:
        check_share("zoneout", share)
    return shares
