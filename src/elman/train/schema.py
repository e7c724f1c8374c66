"""What a checkpoint must hold, checked once before any of it is used."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from elman.errors import ModelError

Count = Annotated[int, Field(ge=0, le=2**62)]
Number = float  # may be NaN or infinite, as losses are
Weights = dict[str, Tensor]
_KEYS, _MT_STATE = 624, 625  # integers in the states of numpy's and Python's generators


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True)


class At(_Part):
    """`Position`."""

    step: Count
    epoch: Count
    in_epoch: Count
    seen: Count
    clipped: Count
    seconds: float = Field(ge=0, allow_inf_nan=False)
    evaluated_at: Count
    best: Number | None
    best_step: Count | None
    best_loss: Number | None = None  # missing in checkpoints of older versions
    stale: Count
    plateau_factor: float = Field(ge=0, le=1)
    restarts: Count = 0
    cooling_from: Count | None = None
    cooling_pace: float = Field(1.0, gt=0, allow_inf_nan=False)
    rounds: Count = Field(0, le=10)
    farthest: float = Field(0.0, ge=0, allow_inf_nan=False)
    earlier_sum: Number = 0.0
    earlier_count: Count = 0
    early_sum: Number = 0.0
    early_count: Count = 0
    log_lines: Count
    logged_sum: Number
    logged_count: Count
    entry_sum: Number
    entry_count: Count
    history: list[dict[str, Number]]
    gradients: list[dict[str, Any]]
    warnings: list[str]
    stopped: Literal["finished", "patience"] | None


class Watched(_Part):
    """What the gradients' monitor remembers."""

    recent: list[Number] = Field(max_length=10**4)
    since: dict[str, int]


class Watch(_Part):
    """`Guard`."""

    first: Number | None
    smoothed: Number
    best: Number
    above: Count
    recent: list[Number] = Field(max_length=100)


class Averaged(_Part):
    """The moving average of the weights."""

    updates: Count
    values: list[Tensor]


class Generators(_Part):
    """The states of the random number generators."""

    torch: Tensor
    python: tuple[int, tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], float | None]
    numpy: tuple[Literal["MT19937"], Tensor, int, int, float]
    cuda: Tensor | None = None


class Optimizer(_Part):
    """The state of the optimizer, as torch has it."""

    state: dict[Count, dict[str, Tensor | int | float | None]]
    param_groups: list[dict[str, Any]]


class Checkpoint(_Part):
    """All of a checkpoint. `state` is the model's own affair: see `Step.state`."""

    settings: dict[str, Any]
    batches: Count
    data: str | None
    start: str | None = None  # missing in checkpoints of older versions
    device: str
    at: At
    guard: Watch
    monitor: Watched | None = None
    weights: Weights
    best_weights: Weights | None
    average: Averaged | None
    optimizer: Optimizer
    state: Any
    rng: Generators


def check(saved: Any, source: str) -> None:
    """Raise `ModelError` where a checkpoint is not one, or its parts do not fit each other."""
    try:
        found = Checkpoint.model_validate(saved)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise damaged(source, f"{where}: {first['msg']}") from None
    weights = found.weights
    if found.best_weights is not None and _forms(found.best_weights) != _forms(weights):
        raise damaged(source, "best_weights are not of the sizes of weights")
    rng = found.rng
    if rng.torch.dtype != torch.uint8 or rng.torch.shape != torch.get_rng_state().shape:
        raise damaged(source, "rng.torch is not the state of a generator")
    if len(rng.python[1]) != _MT_STATE or rng.python[0] != 3 or rng.python[1][-1] > _KEYS:
        raise damaged(source, "rng.python is not the state of a generator")
    keys, position = rng.numpy[1:3]
    if keys.shape != (_KEYS,) or keys.dtype != torch.int64 or not 0 <= position <= _KEYS:
        raise damaged(source, "rng.numpy is not the state of a generator")


def check_optimizer(
    optimizer: torch.optim.Optimizer,
    fresh: Mapping[str, Any],
    saved: Mapping[str, Any],
    source: str,
) -> None:
    """Raise `ModelError` where a saved state of an optimizer does not fit this one.

    `fresh` is the state that such an optimizer has of one parameter after one step.
    """
    own = optimizer.state_dict()["param_groups"]
    if [g.get("params") for g in saved["param_groups"]] != [g["params"] for g in own]:
        raise damaged(source, "optimizer: it is of other parameters")
    if any(type(group.get("lr")) is not float for group in saved["param_groups"]):
        raise damaged(source, "optimizer: lr is not a number")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, entries in saved["state"].items():
        if index >= len(parameters):
            raise damaged(source, f"optimizer: it has no parameter {index}")
        if entries.keys() != fresh.keys():
            raise damaged(source, f"optimizer: of parameter {index} it holds {[*entries]}")
        for name, value in entries.items():
            wanted, parameter = fresh[name], parameters[index]
            is_one = isinstance(wanted, Tensor) and wanted.dim() == 0
            fits = type(value) is type(wanted)
            if fits and isinstance(value, Tensor):
                shape = () if is_one else tuple(parameter.shape)
                same_kind = value.is_floating_point() if is_one else value.dtype == parameter.dtype
                fits = same_kind and tuple(value.shape) == shape
            if not fits:
                raise damaged(source, f"optimizer: {name} of parameter {index} does not fit it")


def check_average(saved: Mapping[str, Any] | None, own: list[Tensor], source: str) -> None:
    """Raise `ModelError` where a saved average is not of the sizes of the present one."""
    found = [(each.shape, each.dtype) for each in saved["values"]] if saved else None
    if found != [(each.shape, each.dtype) for each in own]:
        raise damaged(source, "average is not of the sizes of weights")


def damaged(source: str, what: str) -> ModelError:
    """The error of a checkpoint that cannot be continued from."""
    return ModelError(
        f"{source}: the checkpoint is damaged ({what[:200]}); restore it, or train again elsewhere"
    )


def _forms(weights: Weights) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {name: (tuple(each.shape), each.dtype) for name, each in weights.items()}
