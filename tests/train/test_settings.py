"""Settings: bounds, unknown names, descriptions for the command line."""

import pytest
from pydantic import Field

from elman.errors import SettingsError
from elman.train import TrainSettings, resolve_device


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"max_steps": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"lr": float("inf")},
        {"weight_decay": -1e-9},
        {"clip": 0.0},
        {"warmup": 1.01},
        {"ema": 1.0},
        {"patience": 0},
        {"seed": -1},
        {"seed": 2**32},
        {"device": "gpu"},
        {"device": "cpu "},
        {"optimizer": "lion"},
        {"schedule": "step"},
        {"momentum": 0.9},
        {"momentum": 0.9, "optimizer": "adam"},
        {"learning_rate": 0.1},
    ],
)
def test_wrong_values_are_refused_by_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        TrainSettings(**wrong)


def test_every_field_is_described():
    for name, field in TrainSettings.model_fields.items():
        assert field.description, name


def test_tasks_add_fields():
    class Settings(TrainSettings):
        hidden_size: int = Field(8, ge=1)

    assert Settings(hidden_size=3, clip=None).model_dump()["hidden_size"] == 3
    with pytest.raises(SettingsError):
        Settings(hidden=3)


def test_devices():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type in ("cpu", "cuda")
    with pytest.raises(SettingsError, match="device='cuda:63'"):
        resolve_device("cuda:63")
