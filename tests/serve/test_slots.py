"""Slots and their generations."""

import pytest

from elman.serve.errors import ServerError
from elman.serve.slots import Slots


def test_a_slot_is_used_again_under_another_generation() -> None:
    slots: Slots[str] = Slots(2)
    first, second = slots.take("first"), slots.take("second")
    assert slots.release(first)
    third = slots.take("third")
    assert third.number == first.number
    assert third.generation != first.generation
    assert slots.get(first) is None
    assert (slots.get(second), slots.get(third)) == ("second", "third")


def test_an_old_handle_cannot_release_the_next_user() -> None:
    slots: Slots[str] = Slots(1)
    first = slots.take("first")
    slots.release(first)
    second = slots.take("second")
    assert not slots.release(first)
    assert slots.require(second) == "second"
    with pytest.raises(ServerError, match="has ended"):
        slots.require(first)


def test_a_full_table_says_so_and_counts() -> None:
    slots: Slots[int] = Slots(3)
    handles = [slots.take(i) for i in range(3)]
    with pytest.raises(ServerError, match="all 3 sessions") as caught:
        slots.take(3)
    assert (caught.value.code, caught.value.status, caught.value.close) == ("too_many", 429, 1013)
    slots.release(handles[1])
    assert len(slots) == 2
    assert sorted(value for _, value in slots) == [0, 2]
