"""Models without values, which a saved model's tensors take the place of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_DRAWS = frozenset(
    (
        *("normal_", "trunc_normal_", "uniform_", "orthogonal_"),
        *("xavier_normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_"),
    )
)


class _NothingDrawn(TorchFunctionMode):
    """Functions that fill a tensor with random numbers leave it as it is."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__name__", "") in _DRAWS:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def without_values() -> Iterator[None]:
    """Within, modules are made without values: sizes that no saved weights have cost no memory.

    No random numbers are drawn for them: torch does that for tensors of the meta device in Python,
    and imports its compiler, a second and more, to do so.
    """
    with torch.device("meta"), _NothingDrawn():
        yield
