"""Weights as a flat dict: copies, comparison, and their exponential average."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from elman.errors import SettingsError


def live_weights(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, not copied; a tied one only by its first name."""
    seen: set[int] = set()
    weights: dict[str, Tensor] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if isinstance(value, Tensor) and id(value) not in seen:
            seen.add(id(value))
            weights[name] = value.detach()
    return weights


def copied(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy that later steps do not change."""
    return {name: value.clone() for name, value in weights.items()}


def assign(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Write `weights` (all of them, or some by name) into the model in place."""
    live = live_weights(model)
    for name, value in weights.items():
        live[name].copy_(value)


def refuse_other_weights(model: nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Raise `SettingsError` naming what differs in name, shape or dtype from the model's."""

    def kinds(weights: Mapping[str, Tensor]) -> dict[str, str]:
        return {k: f"{str(v.dtype)[6:]} {tuple(v.shape)}" for k, v in weights.items()}

    ours, theirs = kinds(live_weights(model)), kinds(weights)
    names = [n for n in {**ours, **theirs} if ours.get(n) != theirs.get(n)]
    if names:
        shown = "; ".join(
            f"{n!r} is {theirs.get(n, 'missing')} there and {ours.get(n, 'missing')} in the model"
            for n in names[:3]
        )
        more = f" (and {len(names) - 3} more)" if len(names) > 3 else ""
        raise SettingsError(f"{source} is of another model: {shown}{more}")


class Average:
    """The exponential moving average of a model's trainable parameters.

    After n updates the decay is min(decay, (1 + n) / (10 + n)), so that a short run does not
    average its first, random weights in.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.updates = 0
        self.names = [n for n, p in model.named_parameters() if p.requires_grad]
        self.values = [p.clone() for p in self._live()]

    def _live(self) -> list[Tensor]:
        return [p.detach() for p in self.model.parameters() if p.requires_grad]

    def update(self) -> None:
        """Take the model's present weights into the average."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        get_ema_multi_avg_fn(decay)(self.values, self._live(), self.updates)  # type: ignore[no-untyped-call]
        self.updates += 1

    def begin_again(self) -> None:
        """From the model's present weights."""
        self.values = [p.clone() for p in self._live()]

    def weights(self) -> dict[str, Tensor]:
        """The averaged parameters by name."""
        return dict(zip(self.names, self.values, strict=True))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the model holds the average; afterwards its own weights again."""
        own = [value.clone() for value in self._live()]
        torch._foreach_copy_(self._live(), self.values)
        try:
            yield
        finally:
            torch._foreach_copy_(self._live(), own)
