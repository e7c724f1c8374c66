"""torch's optimizers without the decorators that import torch.compile's machinery.

`torch.optim.Optimizer` wraps some of its methods so that `torch.compile` leaves them alone. The
wrappers import `torch._dynamo` when they are first called, which takes seconds. Each keeps the
method that it wraps as `__wrapped__`, as `functools.wraps` has it.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K", bound=Optimizer)
_UNCOMPILED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def eager(kind: type[K]) -> type[K]:
    """The optimizer as a class whose methods do not import the compiler.

    >>> optimizer = eager(torch.optim.SGD)([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> isinstance(optimizer, torch.optim.SGD)
    True
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in _UNCOMPILED}
    methods["step"] = _without_gradients(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


def _without_gradients(step: F) -> F:
    """A step as torch's own wrapper makes it: no gradient of the update is kept."""

    @wraps(step)
    def wrapped(self: Optimizer, *args: Any, **keywords: Any) -> Any:
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            return step(self, *args, **keywords)

    return wrapped  # type: ignore[return-value]
