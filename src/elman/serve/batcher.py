"""One compute thread a model: what many streams wait for at a time is computed as one batch."""

import asyncio
import heapq
import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from elman.serve.errors import DRAINING, ServerError
from elman.serve.metrics import Metrics
from elman.tasks.session import Update
from elman.tasks.steps import Ask, Run, Steps, advance, together

LIVE = 0.1  # seconds until the answer to a live stream is due
ONE_SHOT = 1.0  # and until that to a request as a whole

_RECENT = 1.0  # seconds for which the size of the last batch says how many streams to expect
_SOON = 0.002  # seconds that a call into an event loop waits for others: each waking costs time

Call: TypeAlias = tuple[Callable[..., None], tuple[Any, ...]]


@dataclass(eq=False)
class Job:
    """Steps of one stream on their way to a result.

    **Attributes:** `due`: when the answer should be there; `asked`: what the steps wait for, None
    before they began; `cancelled`: nobody waits for the result any more.
    """

    stream: Hashable
    steps: Steps[Any]
    slack: float
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    on_update: Callable[[Update], None] | None
    due: float
    asked: Run | Ask | None = None
    answer: Any = None
    cancelled: bool = False
    began: float = field(default_factory=time.perf_counter)


class Batcher:
    """Computes the jobs of one model in a thread of its own.

    The jobs due first form the next batch, and no stream is twice in one, as it has one job at a
    time. Jobs of many steps, such as generated texts, leave and join batches after every step. A
    stream that is alone waits for nothing; where the last batch had several, the next waits up to
    `wait_ms` for as many.

    **Arguments:** `batch`: most jobs of a batch.
    """

    def __init__(self, name: str, batch: int, wait_ms: float, metrics: Metrics) -> None:
        self.name, self.batch, self.wait = name, batch, wait_ms / 1000
        self._metrics = metrics
        self._ready: list[tuple[float, int, Job]] = []
        self._streams: set[Hashable] = set()
        self._count = itertools.count()
        self._change = threading.Condition()
        self._closed = False
        self._last_size, self._last_time = 1, 0.0
        self._calls: dict[asyncio.AbstractEventLoop, list[Call]] = defaultdict(list)
        self._first_call = 0.0
        self._thread = threading.Thread(target=self._work, name=f"compute-{name}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """The jobs that have no result yet."""
        return len(self._streams)

    async def run(
        self,
        stream: Hashable,
        steps: Steps[Any],
        *,
        slack: float = LIVE,
        on_update: Callable[[Update], None] | None = None,
        seconds: float | None = None,
    ) -> Any:
        """The result of a stream's steps.

        **Arguments:** `slack`: seconds in which it is due; `on_update`: gets what comes on the way,
        in the event loop; `seconds`: after which it is given up, with `TimeoutError`.

        If it is cancelled, the steps end after the one that is being computed.
        """
        loop = asyncio.get_running_loop()
        job = Job(
            stream, steps, slack, loop, loop.create_future(), on_update, time.monotonic() + slack
        )
        with self._change:
            if self._closed:
                raise ServerError(DRAINING, "the server is ending")
            if stream in self._streams:
                raise RuntimeError("a stream has one job at a time")
            self._streams.add(stream)
            self._push(job)
            self._change.notify()
        try:
            async with asyncio.timeout(seconds):
                return await job.future
        finally:
            job.cancelled = True

    def close(self) -> None:
        """End the thread after the present batch; jobs without a result fail."""
        with self._change:
            self._closed = True
            self._change.notify()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _push(self, job: Job) -> None:
        heapq.heappush(self._ready, (job.due, next(self._count), job))

    # in the compute thread

    def _work(self) -> None:
        while (jobs := self._next()) is not None:
            try:
                self._compute(jobs)
            except Exception as error:  # of elman itself: the streams fail, the thread goes on
                for job in jobs:
                    self._end(job, error)
            self._flush()
        self._flush()

    def _next(self) -> list[Job] | None:
        """The next batch; None when the batcher is closed."""
        with self._change:
            while not self._ready and not self._closed:
                self._change.wait()
            if not self._closed:
                self._wait_for_more()
            if self._closed:
                for _, _, job in self._ready:
                    self._end(job, ServerError(DRAINING, "the server is ending"))
                return None
            count = min(self.batch, len(self._ready))
            return [heapq.heappop(self._ready)[2] for _ in range(count)]

    def _wait_for_more(self) -> None:
        now = time.monotonic()
        recent = now - self._last_time < _RECENT
        expected = min(self.batch, self._last_size if recent else 1)
        until = now + self.wait
        while len(self._ready) < expected and not self._closed:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._change.wait(left)

    def _compute(self, jobs: list[Job]) -> None:
        began = time.thread_time()
        waiting = [job for job in jobs if job.asked is not None or self._advance(job)]
        waiting = [job for job in waiting if not self._dropped(job)]
        answers = together([job.asked for job in waiting if job.asked is not None])
        self._last_size, self._last_time = len(jobs), time.monotonic()
        again = []
        for job, answer in zip(waiting, answers, strict=True):
            job.answer = answer
            if self._advance(job):
                again.append(job)
        self._metrics.batch(self.name, len(waiting), time.thread_time() - began)
        with self._change:
            for job in again:
                job.due = time.monotonic() + job.slack
                self._push(job)

    def _advance(self, job: Job) -> bool:
        """Run the steps of one stream up to their next request; False at their end."""
        if self._dropped(job):
            return False
        answer, job.answer = job.answer, None
        try:
            while True:
                found = advance(job.steps, answer)
                if isinstance(found, Run | Ask):
                    job.asked = found
                    return True
                if job.on_update is not None and isinstance(found, Update):
                    self._tell(job, job.on_update, found)
                answer = None
        except StopIteration as end:
            self._end(job, end.value)
        except Exception as error:  # what the client's input led to
            self._end(job, error)
        return False

    def _dropped(self, job: Job) -> bool:
        """Whether nobody waits for a job any more; it ends here."""
        if not job.cancelled:
            return False
        job.steps.close()
        with self._change:
            self._streams.discard(job.stream)
        return True

    def _end(self, job: Job, result: Any) -> None:
        with self._change:
            self._streams.discard(job.stream)
        self._metrics.answered(self.name, time.perf_counter() - job.began)
        self._tell(job, _resolve, job.future, result)

    def _tell(self, job: Job, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function in the job's event loop, with the others of the next moment."""
        now = time.monotonic()
        if not self._calls:
            self._first_call = now
        self._calls[job.loop].append((function, arguments))
        if now - self._first_call > _SOON:
            self._flush()

    def _flush(self) -> None:
        for loop, calls in self._calls.items():
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_call, calls)
        self._calls = defaultdict(list)


def _call(calls: list[Call]) -> None:
    for function, arguments in calls:
        function(*arguments)


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
