"""What a convolutional layer's settings must be."""

from typing import TYPE_CHECKING, Any

from elman.errors import SettingsError, SettingTypeError
from elman.messages import shown
from elman.nn.conv_geometry import Pair
from elman.nn.probe import probe
from elman.nn.recording import recorded
from elman.nn.validation import check_flag, check_forget_bias, check_share, check_size

if TYPE_CHECKING:
    from elman.nn.conv_recurrent import ConvRecurrent

_FLAGS = ("bias", "batch_first", "bidirectional", "layer_norm", "residual", "learn_initial_state")


def pair(name: str, value: Any, *, odd: bool = False) -> Pair:
    """Two numbers, of rows and of columns, from one for both or from two.

    >>> pair("stride", 2)
    (2, 2)
    """
    values = (value, value) if isinstance(value, int) else value
    whole = isinstance(values, tuple | list) and len(values) == 2
    if not whole or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise SettingTypeError(
            f"{name} must be an int, or one for the rows and one for the columns, got"
            f" {type(value).__name__} {shown(value)}"
        )
    if min(values) < 1:
        raise SettingsError(f"{name} must be at least 1, got {shown(value)}")
    if odd and not all(v % 2 for v in values):
        raise SettingsError(
            f"{name} must be odd, so that maps keep their size when they are padded evenly; got"
            f" {shown(value)}"
        )
    return values[0], values[1]


def check(layer: "ConvRecurrent") -> None:
    """Errors that name the setting, what came and what would do."""
    for name in ("in_channels", "hidden_channels", "num_layers"):
        check_size(name, getattr(layer, name))
    for name in _FLAGS:
        check_flag(name, getattr(layer, name))
    for name in ("dropout", "recurrent_dropout"):
        check_share(name, getattr(layer, name))
    groups = layer.group_norm
    if not isinstance(groups, int) or isinstance(groups, bool) or groups < 0:
        raise SettingTypeError(
            "group_norm must be the number of groups of each gate's channels, 0 for none; got"
            f" {type(groups).__name__} {shown(groups)}"
        )
    if groups and layer.hidden_channels % groups:
        raise SettingsError(
            f"group_norm={groups} does not divide hidden_channels={layer.hidden_channels}"
        )
    if groups and layer.layer_norm:
        raise SettingsError("layer_norm and group_norm exclude each other: leave one out")
    if layer.forget_bias is not None:
        check_forget_bias(layer.cell, layer.forget_bias, bias=layer.bias)
    if not recorded():  # else no values are known
        probe(layer.cell)
