"""The batcher: who is computed together, in which order, and what a failure does."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.serve.batcher import Batcher
from elman.serve.metrics import Metrics
from elman.tasks.session import Update
from elman.tasks.steps import Ask, Run, Steps


class Counting(nn.Module):
    """Adds its input to its state, and notes the sizes of batches."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def forward(
        self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor]]:
        assert self.gate.wait(10)
        self.sizes.append(x.shape[1])
        real = torch.ones(x.shape[:2], dtype=torch.bool)
        if lengths is not None:
            real = torch.arange(len(x)).unsqueeze(1) < lengths
        x = x * real.unsqueeze(-1)
        total = x.cumsum(0) + (0 if state is None else state[0])
        return total, (total[-1:],)


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    made = Batcher("m", 4, 20, Metrics())
    yield made
    made.close()
    made.join(5)


def summed(network: nn.Module, parts: list[list[float]]) -> Steps[float]:
    state: Any = ()
    output = torch.zeros(1)
    for part in parts:
        x = torch.tensor(part).view(-1, 1, 1)
        output, state = yield Run(network, x, state)
    return float(output[-1])


async def together(batcher: Batcher, network: Counting, count: int, parts: Any) -> list[float]:
    """The results of streams that all wait when the first batch begins."""
    network.gate.clear()
    first = asyncio.create_task(batcher.run("first", summed(network, [[0.0]])))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(batcher.run(i, summed(network, parts(i)))) for i in range(count)]
    await asyncio.sleep(0.05)
    network.gate.set()
    await first
    return list(await asyncio.gather(*others))


def test_streams_of_odd_lengths_are_computed_together_and_right(batcher: Batcher) -> None:
    network = Counting()
    parts = {i: [[float(i)] * (i % 2 + 1), [1.0] * (i % 3 + 1)] for i in range(4)}
    found = asyncio.run(together(batcher, network, 4, parts.__getitem__))
    assert found == [sum(map(sum, parts[i])) for i in range(4)]
    assert max(network.sizes) > 1


def test_a_batch_has_no_more_than_so_many(batcher: Batcher) -> None:
    network = Counting()
    found = asyncio.run(together(batcher, network, 11, lambda i: [[float(i)]]))
    assert found == list(range(11))
    assert max(network.sizes) == 4


def test_the_one_due_first_is_first(batcher: Batcher) -> None:
    order: list[str] = []

    def noted(name: str) -> Steps[None]:
        order.append(name)
        yield Ask(list, [name])

    async def use() -> None:
        gate = threading.Event()

        def hold() -> Steps[None]:
            gate.wait(10)
            yield from ()

        first = asyncio.create_task(batcher.run("hold", hold()))
        await asyncio.sleep(0.05)
        slacks = {"late": 2.0, "soon": 0.1, "later": 3.0, "next": 0.5, "last": 9.0}
        others = [
            asyncio.create_task(batcher.run(name, noted(name), slack=slack))
            for name, slack in slacks.items()
        ]
        await asyncio.sleep(0.05)
        gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(use())
    assert order == ["soon", "next", "late", "later", "last"]


def test_a_stream_has_one_job_at_a_time(batcher: Batcher) -> None:
    async def use() -> None:
        network = Counting()
        network.gate.clear()
        first = asyncio.create_task(batcher.run("a", summed(network, [[1.0]])))
        await asyncio.sleep(0.05)
        with pytest.raises(RuntimeError, match="one job"):
            await batcher.run("a", summed(network, [[1.0]]))
        network.gate.set()
        assert await first == 1
        assert await batcher.run("a", summed(network, [[2.0]])) == 2

    asyncio.run(use())


def test_a_stream_that_is_alone_waits_for_nothing(batcher: Batcher) -> None:
    batcher.wait = 5.0

    async def use() -> float:
        network = Counting()
        began = time.perf_counter()
        for _ in range(5):
            await batcher.run("a", summed(network, [[1.0]]))
        return time.perf_counter() - began

    assert asyncio.run(use()) < 2.5


def test_one_that_fails_harms_no_other(batcher: Batcher) -> None:
    class Fragile(Counting):
        def forward(self, x: Tensor, *rest: Any, **more: Any) -> Any:
            if (x < 0).any():
                raise RuntimeError("negative")
            return super().forward(x, *rest, **more)

    async def use() -> list[Any]:
        network = Fragile()
        network.gate.clear()
        first = asyncio.create_task(batcher.run("first", summed(network, [[0.0]])))
        await asyncio.sleep(0.05)
        values = [3.0, -1.0, 5.0]
        others = [
            asyncio.create_task(batcher.run(i, summed(network, [[value]])))
            for i, value in enumerate(values)
        ]
        await asyncio.sleep(0.05)
        network.gate.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    good, bad, other = asyncio.run(use())
    assert (good, other) == (3.0, 5.0)
    assert isinstance(bad, RuntimeError)


def test_errors_of_steps_come_back_and_updates_on_the_way(batcher: Batcher) -> None:
    def steps() -> Steps[str]:
        yield Update("a", "a")
        yield Update("ab", "b")
        return "end"

    def broken() -> Steps[None]:
        yield from ()
        raise DataError("no such thing")

    async def use() -> list[Any]:
        came: list[Any] = []
        assert await batcher.run(1, steps(), on_update=lambda u: came.append(u.new)) == "end"
        with pytest.raises(DataError, match="no such thing"):
            await batcher.run(1, broken())
        return came

    assert asyncio.run(use()) == ["a", "b"]


def test_steps_that_nobody_waits_for_end(batcher: Batcher) -> None:
    ended = threading.Event()

    def endless() -> Steps[None]:
        try:
            while True:
                yield Ask(list, [0])
        finally:
            ended.set()

    async def use() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await batcher.run("a", endless(), seconds=0.05)
        assert await asyncio.to_thread(ended.wait, 5)
        assert await batcher.run("a", summed(Counting(), [[1.0]])) == 1

    asyncio.run(use())
    assert len(batcher) == 0


def test_a_long_text_does_not_hold_up_others(batcher: Batcher) -> None:
    """A job of many steps goes to the end of the queue after each of them."""

    def many() -> Steps[int]:
        for i in range(200):
            yield Ask(lambda values: [time.sleep(0.002) for _ in values], [i])
        return 200

    async def use() -> tuple[bool, float]:
        long = asyncio.create_task(batcher.run("long", many(), slack=1.0))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        await batcher.run("short", summed(Counting(), [[1.0]]))
        took, was_running = time.perf_counter() - began, not long.done()
        await long
        return was_running, took

    was_running, took = asyncio.run(use())
    assert was_running
    assert took < 0.3
