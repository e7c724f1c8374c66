"""What a layer's settings must be."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from elman.cells import Cell
from elman.errors import SettingsError
from elman.nn import parameters
from elman.nn.backends import backends
from elman.nn.probe import probe, uses_previous_output

if TYPE_CHECKING:
    from elman.nn.layer import Recurrent

BACKENDS = ("auto", "reference", "compiled")


def check(layer: "Recurrent") -> None:
    """Errors that name the setting, what came and what would do."""
    for name in ("input_size", "hidden_size", "num_layers"):
        value = getattr(layer, name)
        if not isinstance(value, int):
            raise TypeError(f"{name} must be an int, got {type(value).__name__}")
        lowest = 0 if name == "input_size" else 1
        if value < lowest:
            raise ValueError(f"{name} must be at least {lowest}, got {value}")
    for name in ("dropout", "recurrent_dropout", "weight_dropout"):
        if not 0 <= getattr(layer, name) <= 1:
            raise ValueError(f"{name} must be a share from 0 to 1, got {getattr(layer, name)}")
    if layer.backend not in BACKENDS:
        raise ValueError(f'backend must be one of {", ".join(BACKENDS)}, got "{layer.backend}"')
    if layer.backend == "compiled" and not backends()["compiled"].available:
        raise SettingsError(f'backend="compiled": {backends()["compiled"].note}')
    if layer.init not in parameters.INITS:
        raise ValueError(f'init must be one of {", ".join(parameters.INITS)}, got "{layer.init}"')
    if not 0 <= layer.proj_size < layer.hidden_size:
        raise ValueError(
            f"proj_size must be below hidden_size={layer.hidden_size}, got {layer.proj_size}"
        )
    if layer.forget_bias is not None and (layer.cell.forget is None or not layer.bias):
        lack = "no biases" if layer.cell.forget else "no forget gate"
        raise SettingsError(
            f"forget_bias={layer.forget_bias} was asked of {type(layer.cell).__name__}, which has"
            f" {lack} here"
        )
    probe(layer.cell)
    if layer.proj_size and uses_previous_output(layer.cell):
        raise ValueError(
            f"proj_size cannot be used with {type(layer.cell).__name__}: its equations use the"
            f" previous {layer.cell.state[0]} elementwise, and a projection changes its size"
        )


def rates(zoneout: float | Mapping[str, float], cell: Cell) -> tuple[float, ...]:
    """The share of each state that zoneout keeps."""
    if isinstance(zoneout, Mapping):
        if unknown := set(zoneout) - set(cell.state):
            raise ValueError(f"zoneout names {sorted(unknown)}, but the states are {cell.state}")
        shares = tuple(zoneout.get(name, 0.0) for name in cell.state)
    else:
        shares = (zoneout,) * len(cell.state)
    if any(not 0 <= share <= 1 for share in shares):
        raise ValueError(f"zoneout must be a share from 0 to 1, got {zoneout}")
    return shares
