"""Optimizers and learning-rate schedules."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from elman.errors import SettingsError
from elman.train.eager import eager
from elman.train.settings import OPTIMIZERS_WITH_MOMENTUM, TrainSettings

PLATEAU_EVALUATIONS = 2
RESTART_FACTOR = 1 / 3
PLATEAU_FACTOR = 0.5

_OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": eager(torch.optim.AdamW),
    "adam": eager(torch.optim.Adam),
    "nadam": eager(torch.optim.NAdam),
    "radam": eager(torch.optim.RAdam),
    "rmsprop": eager(torch.optim.RMSprop),
    "sgd": eager(torch.optim.SGD),
}
_FUSED_AND_FASTER = ("adamw", "adam")


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that learn at a share of the learning rate, or keep their values at first.

    Discriminative rates and gradual unfreezing (ULMFiT, Howard & Ruder 2018).

    **Arguments:** `rate`: a share of the learning rate; `frozen`: the share of the planned steps
    before which the parameters keep their values.
    """

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0
    frozen: float = 0.0


def make_optimizer(
    model: nn.Module, settings: TrainSettings, groups: Sequence[ParameterGroup] = ()
) -> torch.optim.Optimizer:
    """The optimizer of the settings over the trainable parameters of `model`.

    Parameters of no group learn as the settings say.

    Weight decay touches parameters with two or more dimensions only: biases, gains and per-unit
    weights (peepholes, time constants) keep their size. Raises `SettingsError` where nothing can
    be trained.

    >>> optimizer = make_optimizer(nn.Linear(2, 3), TrainSettings(weight_decay=0.1))
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.1, 0.0]
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise SettingsError("the model has no parameter with requires_grad=True to train")
    grouped = {id(p) for group in groups for p in group.parameters}
    others = ParameterGroup([p for p in trainable if id(p) not in grouped])
    parts = [
        {
            "params": [p for p in group.parameters if p.requires_grad and (p.dim() >= 2) == decays],
            "weight_decay": settings.weight_decay if decays else 0.0,
            "rate": group.rate,
            "frozen": group.frozen,
        }
        for group in (others, *groups)
        for decays in (True, False)
    ]
    options: dict[str, Any] = {"lr": settings.lr}
    if settings.optimizer in OPTIMIZERS_WITH_MOMENTUM:
        options["momentum"] = settings.momentum
    can_fuse = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in trainable)
    if settings.optimizer in _FUSED_AND_FASTER and can_fuse:
        options["fused"] = True
    else:
        options["foreach"] = True
    return _OPTIMIZERS[settings.optimizer]([part for part in parts if part["params"]], **options)


def freeze(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Drop the gradients of parameters that keep their values until later than this share of the
    planned steps, so that neither they nor what the optimizer remembers of them change."""
    for group in optimizer.param_groups:
        if share < group["frozen"]:
            for parameter in group["params"]:
                parameter.grad = None


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give each group its share of a learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["rate"]


def fresh_state(settings: TrainSettings, like: Tensor) -> dict[str, Any]:
    """The state that the optimizer has of one parameter, of the kind of `like`, after a step."""
    one = nn.Parameter(torch.zeros(1, 1, dtype=like.dtype, device=like.device))
    one.grad = torch.zeros_like(one)
    optimizer = make_optimizer(nn.ParameterList([one]), settings)
    optimizer.step()
    return dict(optimizer.state[one])


def load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Load a `state_dict`, every tensor in the dtype it was saved in.

    torch casts the state to its parameter's dtype: the float32 product that NAdam keeps beside
    float64 weights would go on as float64, and a resumed run would part from the unbroken one.
    All of the groups but their present rate is of the settings, not of the saved state.
    """
    groups = [
        {**own, "lr": kept["lr"]}
        for own, kept in zip(
            optimizer.state_dict()["param_groups"], saved["param_groups"], strict=True
        )
    ]
    optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, entries in saved["state"].items():
        state = optimizer.state[parameters[index]]
        for name, value in entries.items():
            if isinstance(value, Tensor):
                state[name] = value.to(state[name].device)


def rate(step: float, total: int, settings: TrainSettings) -> float:
    r"""The learning rate of the step that follows `step` finished ones, of `total` in all.

    With $w$ = warmup · total steps of warm-up, step $s < w$ has the rate lr · (s + 1) / w; then,
    with $u = (s - w) / (total - w)$, "cosine" has lr · (1 + cos πu) / 2 (Loshchilov & Hutter,
    *SGDR*, 2017, without restarts), "linear" lr · (1 - u), the others lr.

    >>> rate(50, 100, TrainSettings(lr=1.0, schedule="linear"))
    0.5
    """
    warmup = math.ceil(settings.warmup * total)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    if settings.schedule not in ("cosine", "linear"):
        return settings.lr
    share = min(1.0, (step - warmup) / max(1, total - warmup))
    if settings.schedule == "linear":
        return settings.lr * (1 - share)
    return settings.lr * (1 + math.cos(math.pi * share)) / 2


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """The Euclidean norm of all gradients taken as one vector, a scalar; 0 if there are none.

    >>> p = nn.Parameter(torch.zeros(2)); p.grad = torch.tensor([3.0, 4.0])
    >>> gradient_norm([p])
    tensor(5.)
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    return get_total_norm(gradients, foreach=True) if gradients else torch.zeros(())


def clip_gradients(parameters: Sequence[nn.Parameter], norm: Tensor, longest: float) -> None:
    """Scale all gradients, whose global norm is `norm`, in place so that it becomes `longest`."""
    clip_grads_with_norm_(parameters, longest, norm, foreach=True)
