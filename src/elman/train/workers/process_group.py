"""The workers of a run as a process group of torch.distributed, whose errors name the worker."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore  # type: ignore[attr-defined]

from elman.errors import WorkerError, WorkerLostError
from elman.train.workers.environment import Place
from elman.train.workers.one_process import OneProcess

T = TypeVar("T")
_ANSWER = 5.0  # seconds that a living worker takes at most to answer a roll call
_STRETCH = 2**18  # elements that are exchanged at a time
_SHOWN = 60  # characters of a value that differs
_FAILED, _HEARD = "elman/failed", "elman/heard"


class ProcessGroup(OneProcess):
    """Several processes that train together.

    **Arguments:**

    - `store`: what all of them can read and write, and the group was made with.
    - `limit`: seconds that a worker waits for the others; for messages, the group has it already.
    - `has_nccl`: whether tensors on GPUs are exchanged between these; else by way of the CPU.
    """

    def __init__(self, place: Place, store: Any, limit: float, *, has_nccl: bool) -> None:
        self.rank, self.size, self.local_rank = place.rank, place.size, place.local_rank
        self._store, self._limit, self._has_nccl = store, limit, has_nccl
        self._buffers: dict[Any, list[Tensor]] = {}

    def from_first(self, compute: Callable[[], T], doing: str) -> T:
        """What `compute` gives in worker 0, which alone calls it; `doing`: for errors."""
        held: list[Any] = [compute() if self.is_first else None]
        self._do(lambda: dist.broadcast_object_list(held, src=0), doing)
        found: T = held[0]
        return found

    def gathered(self, value: T, doing: str) -> list[T]:
        """The plain values or tensors that all workers give, in the order of their ranks."""
        held: list[Any] = [None] * self.size
        self._do(lambda: dist.all_gather_object(held, value), doing)
        return held

    def rows(self, numbers: Tensor, doing: str) -> list[Tensor]:
        """A tensor of one size in all workers, from each of them.

        What is given is overwritten by the next call for such a tensor.
        """
        if numbers.is_cuda and not self._has_nccl:
            numbers = numbers.cpu()
        held = self._held(numbers)
        self._do(lambda: dist.all_gather(held, numbers), doing)
        return held

    def blocks(self, tensor: Tensor, doing: str) -> Iterator[tuple[slice, list[Tensor]]]:
        """`rows` of a tensor, a stretch of elements of the last dimension at a time."""
        for first in range(0, tensor.shape[-1], _STRETCH):
            stretch = slice(first, min(first + _STRETCH, tensor.shape[-1]))
            yield stretch, self.rows(tensor[..., stretch].contiguous(), doing)

    def check_same(self, terms: Mapping[str, Any]) -> None:
        """Raise `WorkerError` that names what a worker has not as worker 0 has it."""
        everyone = self.gathered(dict(terms), "comparing data and settings")
        first = everyone[0]
        for rank, own in enumerate(everyone):
            names = [name for name in {**first, **own} if first.get(name) != own.get(name)]
            if names:
                shown = ", ".join(
                    f"{n} is {own.get(n)!r:.{_SHOWN}} there and {first.get(n)!r:.{_SHOWN}} here"
                    for n in names[:3]
                )
                raise WorkerError(
                    f"worker {rank} of {self.size} differs from worker 0: {shown}; give all"
                    " workers the same data, settings and versions"
                )

    def fail(self, words: str) -> None:
        """Leave a message for the others, before this worker ends with an error."""
        text = json.dumps({"rank": self.rank, "words": words})
        _within(_ANSWER, lambda: self._store.set(_FAILED, text))

    def wait_for_listeners(self) -> None:
        """Where this worker keeps the store, stay until the others have read what is in it."""

        def wait() -> None:
            end = time.monotonic() + _ANSWER
            while self._store.add(_HEARD, 0) < self.size - 1 and time.monotonic() < end:
                time.sleep(0.02)

        if self.is_first:
            _within(2 * _ANSWER, wait)

    def _held(self, like: Tensor) -> list[Tensor]:
        """Memory to receive in, the same at every call: to get it again takes longer."""
        key = (like.shape, like.dtype, like.device)
        if key not in self._buffers:
            self._buffers[key] = [torch.empty_like(like) for _ in range(self.size)]
        return self._buffers[key]

    def _do(self, operation: Callable[[], object], doing: str) -> None:
        """Run a collective operation; `WorkerError` says which worker it is that failed."""
        try:
            operation()
        except RuntimeError as error:
            explained = self._explained(str(error), doing)
            if not self.is_first:
                _within(_ANSWER, lambda: self._store.add(_HEARD, 1))
            raise explained from None

    def _explained(self, error: str, doing: str) -> WorkerError:
        """Why a collective operation failed, by what the others left in the store."""
        failed = self._failure()
        if failed is not None:
            return failed
        is_late = "time" in error.lower() and "out" in error.lower()
        missing = self._missing()
        failed = self._failure()  # which may have been written meanwhile
        if failed is not None:
            return failed
        names = " and ".join(f"worker {rank}" for rank in missing)
        names = f"{names} of {self.size}" if missing else f"one of {self.size} workers"
        if is_late:
            return WorkerLostError(
                f"{names} has not answered for {self._limit:g} s, while {doing}: it hangs, is far"
                " slower than the others, or its machine is gone; --worker-timeout sets how long"
                " the workers wait"
            )
        return WorkerLostError(
            f"{names} ended, while {doing}: it was killed or its machine is gone"
        )

    def _failure(self) -> WorkerError | None:
        found = _within(
            _ANSWER, lambda: self._store.get(_FAILED) if self._store.check([_FAILED]) else b""
        )
        if not found:
            return None
        failure = json.loads(found)
        return WorkerError(f"worker {failure['rank']} of {self.size} failed: {failure['words']}")

    def _missing(self) -> list[int]:
        """The workers that do not answer a roll call; worker 0 where nobody can be asked."""

        def call() -> list[int]:
            self._store.set(f"elman/here/{self.rank}", "")
            end = time.monotonic() + _ANSWER
            missing = [*range(self.size)]
            while missing and time.monotonic() < end:
                missing = [r for r in missing if not self._store.check([f"elman/here/{r}"])]
                time.sleep(0.05)
            return missing

        found = _within(2 * _ANSWER, call)
        return [0] if found is None else found


def joined_group(place: Place, store: Any, limit: float) -> ProcessGroup:
    """Make the process group, in which nobody waits longer than `limit` seconds.

    NCCL is used between GPUs where every worker has one of its own.
    """
    has_nccl = 0 < place.local_size <= torch.cuda.device_count() and dist.is_nccl_available()
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if has_nccl else "gloo",
        store=PrefixStore("group", store),
        rank=place.rank,
        world_size=place.size,
        timeout=timedelta(seconds=limit),
    )
    return ProcessGroup(place, store, limit, has_nccl=has_nccl)


def _within(seconds: float, question: Callable[[], T]) -> T | None:
    """The answer of a store that may be gone; None after so many seconds, or where it is gone."""
    found: list[T] = []

    def ask() -> None:
        try:
            found.append(question())
        except (RuntimeError, ValueError):  # errors of connections, as torch has them
            return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None
