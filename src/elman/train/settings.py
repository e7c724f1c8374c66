"""Settings of a training run; every field is a flag of the command line."""

import re
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from elman.data.validation import Settings
from elman.errors import SettingsError

if TYPE_CHECKING:
    import torch

_SECONDS = {"s": 1, "m": 60, "h": 3600}
OPTIMIZERS_WITH_MOMENTUM = ("sgd", "rmsprop")


class TrainSettings(Settings):
    """Settings of `elman.train.fit`. A task inherits from it and adds its own fields.

    An unknown name or a value out of bounds raises `SettingsError`.

    >>> TrainSettings(epochs=3, lr=0.01).schedule
    'cosine'
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over the training data; by default enough for 1,000 steps, from 5 to"
        " 100.",
    )
    max_steps: int | None = Field(
        None, ge=1, description="Stop after this many optimizer steps, even within an epoch."
    )
    budget: float | None = Field(
        None,
        gt=0,
        description="Longest time of the whole run, such as 30s, 5m or 2h (a number: seconds);"
        " the number of steps is reduced to fit.",
    )
    restarts: int = Field(
        0,
        ge=0,
        le=10,
        description="How often a run starts again, with a third of the learning rate, if it"
        " diverges or if after a tenth of its steps it is no better than a constant"
        " prediction.",
    )
    batch_size: int = Field(32, ge=1, description="Sequences in a batch.")
    shards: int | None = Field(
        None,
        ge=1,
        le=2**12,
        description="Parts of each batch whose gradients are computed separately; with equal"
        " shards, any number of workers gives equal weights. none: one for each"
        " worker.",
    )
    optimizer: Literal["adamw", "adam", "nadam", "radam", "rmsprop", "sgd"] = Field(
        "adamw", description="The optimizer, as in torch.optim."
    )
    lr: float = Field(1e-3, gt=0, description="Highest learning rate, reached after the warm-up.")
    weight_decay: float = Field(
        0.0,
        ge=0,
        description="Weight decay of parameters with two or more dimensions; biases have none."
        " Decoupled for adamw, an L2 penalty for the others.",
    )
    momentum: float = Field(
        0.0, ge=0, lt=1, description="Momentum, from 0 to 1, for sgd and rmsprop."
    )
    clip: float | None = Field(
        1.0,
        gt=0,
        description="Maximum global gradient norm; larger gradients are scaled down to it.",
    )
    schedule: Literal["cosine", "linear", "plateau", "constant"] = Field(
        "cosine",
        description="Learning rate after the warm-up: decreases to 0 along a cosine or a line, is"
        " halved after every two evaluations without improvement, or is constant.",
    )
    warmup: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share (0 to 1) of all steps in which the learning rate rises to lr.",
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many evaluations in a row without improvement."
    )
    cooldown: int | None = Field(
        None,
        ge=1,
        description="After this many evaluations in a row without improvement, or two with a"
        " metric that cannot be better, continue from the best weights and decrease the learning"
        " rate to 0 within half of the steps that led to them.",
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay per step (0 to 1) of the moving average of the weights, which is"
        " evaluated and saved instead of the last weights; 0 for none.",
    )
    evaluate_every: int | None = Field(
        None, ge=1, description="Steps between evaluations; none: once after every epoch."
    )
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints.")
    log_every: int = Field(50, ge=1, description="Steps between lines of metrics.jsonl.")
    monitor: Literal["gradients"] | None = Field(
        None,
        description="gradients: log the gradient through time, and warn if it vanishes or"
        " explodes.",
    )
    monitor_every: int | None = Field(
        None,
        ge=1,
        description="Steps between measurements of the monitor; none: so that they take 1 % of"
        " the time.",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of all random numbers.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto (cuda if available, otherwise cpu), cpu, mps, cuda or cuda:N.",
    )
    tensorboard: bool = Field(
        False, description="Also write TensorBoard event files (needs elman[tensorboard])."
    )

    @field_validator("budget", mode="before")
    @classmethod
    def _seconds(cls, value: Any) -> Any:
        return seconds_of(value) if isinstance(value, str) and value != "none" else value

    @model_validator(mode="before")
    @classmethod
    def _none_is_a_word(cls, values: Any) -> Any:
        """A flag or a line of a file turns a setting off by the word none."""
        if not isinstance(values, dict):
            return values
        optional = {n for n, f in cls.model_fields.items() if type(None) in get_args(f.annotation)}
        return {
            n: None if n in optional and isinstance(v, str) and v == "none" else v
            for n, v in values.items()
        }

    @model_validator(mode="after")
    def _cooldown_has_a_rate_to_bring_down(self) -> Self:
        if self.cooldown is not None and self.schedule not in ("cosine", "linear"):
            raise ValueError(
                f"cooldown={self.cooldown} needs schedule='cosine' or 'linear', not"
                f" {self.schedule!r}"
            )
        return self

    @model_validator(mode="after")
    def _momentum_is_used(self) -> Self:
        if self.momentum and self.optimizer not in OPTIMIZERS_WITH_MOMENTUM:
            raise ValueError(
                f"momentum={self.momentum} has no effect with optimizer={self.optimizer!r}; "
                f"choose one of {', '.join(OPTIMIZERS_WITH_MOMENTUM)} or leave momentum at 0"
            )
        return self


def seconds_of(text: str) -> float:
    """The seconds of a duration: a number with s, m or h after it, or several of these.

    >>> seconds_of("5m"), seconds_of("1h30m"), seconds_of("45")
    (300.0, 5400.0, 45.0)
    """
    parts = re.findall(r"([\d.]+)\s*([smh]?)", text)
    is_whole = re.fullmatch(r"\s*(\d+(\.\d+)?\s*[smh]\s*)+|\s*\d+(\.\d+)?\s*", text)
    if not is_whole:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 2h")
    return sum(float(number) * _SECONDS[unit or "s"] for number, unit in parts)


def usual_epochs(batches: int) -> int:
    """How many epochs of so many batches there are if none are asked for.

    >>> [usual_epochs(batches) for batches in (3, 30, 3000)]
    [100, 34, 5]
    """
    return min(max(-(-1000 // batches), 5), 100)


def resolve_device(name: str, local_rank: int = 0) -> "torch.device":
    """The torch device that `name` ("auto", "cpu", "mps", "cuda", "cuda:1") means here.

    **Arguments:** `local_rank`: of several workers on this machine, which "auto" and "cuda" give
    GPUs in turn.

    Raises `SettingsError` where this machine has no such device.

    >>> resolve_device("cpu")
    device(type='cpu')
    """
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and local_rank and (count := torch.cuda.device_count()):
        name = f"cuda:{local_rank % count}"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(
            f"device={name!r}: torch finds {torch.cuda.device_count()} CUDA devices here; "
            "choose device='cpu' or 'auto'"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SettingsError("device='mps': torch finds none here; choose device='cpu' or 'auto'")
    return device
