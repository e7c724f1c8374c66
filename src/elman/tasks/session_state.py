"""The state of a session as a flat mapping of tensors and plain values by name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from elman.errors import ElmanError, SettingsError
from elman.tasks.start import weights_hash

if TYPE_CHECKING:
    from elman.tasks.task import Task

_DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


def prefixed(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The same values, the names with a prefix and a dot before them.

    >>> prefixed("decoder", {"frames": 3})
    {'decoder.frames': 3}
    """
    return {f"{prefix}.{name}": value for name, value in state.items()}


def part(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `prefixed`: what is under a prefix.

    >>> part("decoder", {"decoder.frames": 3, "seconds": 0.5})
    {'frames': 3}
    """
    start = f"{prefix}."
    return {
        name.removeprefix(start): value for name, value in state.items() if name.startswith(start)
    }


def origin(task: "Task") -> dict[str, str]:
    """Which model a state belongs to: the task's name and a hash of the weights."""
    return {"task": task.name, "weights": weights_hash(task)}


@contextmanager
def restoring(task: "Task", state: Any) -> Iterator[None]:
    """Within it a session takes over a state; whatever does not fit is a `SettingsError`."""
    if not isinstance(state, Mapping):
        raise SettingsError(f"state must be that of a session, not a {type(state).__name__}")
    if any(state.get(name) != value for name, value in origin(task).items()):
        raise SettingsError(
            f"state is not of a session of this {type(task).__name__}: only a model"
            " with the same weights can continue it"
        )
    try:
        yield
    except (*_DAMAGED, ElmanError) as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise SettingsError(f"state is not that of a session: {what}") from None
