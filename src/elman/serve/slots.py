"""A table of a fixed number of slots, whose users hold a number and a generation."""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from elman.serve.errors import EVICTED, TOO_MANY, ServerError

T = TypeVar("T")


class Handle(NamedTuple):
    """A place in the table, valid until it is released; the next user of it has another one."""

    number: int
    generation: int


class Slots(Generic[T]):
    """Objects by handles. What a handle named once, it never names again.

    >>> slots = Slots(1)
    >>> first = slots.take("a")
    >>> slots.release(first)
    True
    >>> second = slots.take("b")
    >>> slots.get(first) is None, slots.get(second), first.number == second.number
    (True, 'b', True)
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._held: list[T | None] = []
        self._generations: list[int] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._held) - len(self._free)

    def __iter__(self) -> Iterator[tuple[Handle, T]]:
        pairs = zip(self._held, self._generations, strict=True)
        return iter([(Handle(i, g), held) for i, (held, g) in enumerate(pairs) if held is not None])

    def take(self, value: T) -> Handle:
        """A slot for an object; `ServerError` if none is free."""
        self.check_free()
        if self._free:
            number = self._free.pop()
        else:
            number = len(self._held)
            self._held.append(None)
            self._generations.append(0)
        self._held[number] = value
        return Handle(number, self._generations[number])

    def check_free(self) -> None:
        """`ServerError` if no slot is free."""
        if len(self) >= self.capacity:
            raise ServerError(TOO_MANY, f"all {self.capacity} sessions are taken: try later")

    def get(self, handle: Handle) -> T | None:
        """The object, or None if the slot was released since."""
        number, generation = handle
        return self._held[number] if self._generations[number] == generation else None

    def require(self, handle: Handle) -> T:
        """The object; `ServerError` if the slot was released since."""
        found = self.get(handle)
        if found is None:
            raise ServerError(EVICTED, "the session has ended: open another one")
        return found

    def release(self, handle: Handle) -> bool:
        """Free the slot; False if it was free, or another one's, already."""
        if self.get(handle) is None:
            return False
        self._held[handle.number] = None
        self._generations[handle.number] += 1
        self._free.append(handle.number)
        return True
