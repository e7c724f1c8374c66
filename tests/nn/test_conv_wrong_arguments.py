"""Settings and inputs that a convolutional layer refuses, by name."""

from typing import Any

import pytest
import torch

import elman
from elman.errors import SettingsError, SettingTypeError


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"in_channels": 0}, SettingsError, "in_channels must be at least 1, got 0"),
        ({"hidden_channels": 2.0}, SettingTypeError, "hidden_channels must be an int, got float"),
        ({"kernel_size": 2}, SettingsError, "kernel_size must be odd"),
        ({"kernel_size": (3, 3, 3)}, SettingTypeError, "kernel_size must be an int, or one for"),
        ({"kernel_size": "3"}, SettingTypeError, "kernel_size must be an int, or one for"),
        ({"recurrent_kernel_size": (3, 4)}, SettingsError, "recurrent_kernel_size must be odd"),
        ({"stride": 0}, SettingsError, "stride must be at least 1, got 0"),
        ({"dilation": True}, SettingTypeError, "dilation must be an int"),
        ({"map_size": (4, -1)}, SettingsError, "map_size must be at least 1"),
        ({"dropout": 1.5}, SettingsError, "dropout must be a share from 0 to 1"),
        ({"group_norm": 2}, SettingsError, "group_norm=2 does not divide hidden_channels=3"),
        ({"group_norm": True}, SettingTypeError, "group_norm must be the number of groups"),
        ({"group_norm": 3, "layer_norm": True}, SettingsError, "exclude each other"),
        ({"bidirectional": 2}, SettingTypeError, "bidirectional must be True or False"),
        ({"forget_bias": 1.0, "bias": False}, SettingsError, "no biases"),
        ({"zoneout": {"d": 0.1}}, SettingsError, "zoneout names"),
        ({"backend": "fast"}, SettingsError, "backend must be one of"),
        ({"cell": "lstmm"}, SettingsError, 'cell "lstmm" is unknown'),
    ],
)
def test_settings(options: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"cell": "lstm", "in_channels": 2, "hidden_channels": 3} | options
    with pytest.raises(error, match=message):
        elman.conv_layer(**given)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 2, 4), {}, r"x must have shape \(T, B, C, H, W\) or \(T, C, H, W\) without a batch"),
        ((3, 1, 2, 0, 4), {}, "x must have maps of a row and a column at least"),
        ((3, 1, 5, 4, 4), {}, "x must have in_channels=2 channels, got 5"),
        ((3, 1, 2, 4, 4), {"state": torch.zeros(1, 1, 3, 4, 5)}, "state h must have shape"),
        ((3, 1, 2, 4, 4), {"state": torch.zeros(3)}, "state h must have shape"),
        ((3, 1, 2, 4, 4), {"lengths": [4]}, "lengths must lie between 0 and the 3 steps"),
        ((3, 1, 2, 4, 4), {"resets": torch.zeros(3, 1)}, "resets must be bool"),
    ],
)
def test_inputs(shape: tuple[int, ...], options: dict[str, Any], message: str) -> None:
    layer = elman.conv_layer("gru", 2, 3)
    with pytest.raises(SettingsError, match=message):
        layer(torch.zeros(shape), **options)


def test_map_size_is_held_to() -> None:
    layer = elman.conv_layer("peephole_lstm", 2, 3, stride=2, map_size=(4, 5))
    assert layer(torch.zeros(2, 1, 2, 8, 9))[0].shape == (2, 1, 3, 4, 5)
    with pytest.raises(SettingsError, match=r"map_size=\(4, 5\), got \(4, 4\)"):
        layer(torch.zeros(2, 1, 2, 8, 8))


def test_step_refuses_what_it_cannot_do() -> None:
    layer = elman.conv_layer("gru", 2, 3)
    with pytest.raises(SettingsError, match="x_t must have shape"):
        layer.step(torch.zeros(2, 4, 4))
    with pytest.raises(SettingsError, match="cannot step"):
        elman.conv_layer("gru", 2, 3, bidirectional=True).step(torch.zeros(1, 2, 4, 4))


def test_dtypes_must_agree() -> None:
    with pytest.raises(SettingsError, match="x is float64, but the layer's weights are float32"):
        elman.conv_layer("gru", 2, 3)(torch.zeros(2, 1, 2, 4, 4, dtype=torch.float64))
