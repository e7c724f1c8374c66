"""Timing that is fair to all: rivals take turns, and the median counts."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

_FEWEST = 5  # turns
_TURN = 0.02
_LONG = 0.05  # a call that takes so long needs none before it to warm up
_PAUSE = 0.01  # longer than a tick, by which the system counts what threads work
_LONGEST_PAUSE = 0.2


class Times(NamedTuple):
    """Median seconds of a call of each, and the share of the processors that others took."""

    seconds: list[float]
    others: float


def interleaved(runs: Sequence[Callable[[], object]], seconds: float = 1.0) -> Times:
    """Time calls of each, taking turns for about that long; at least five turns.

    A turn begins when the threads of the one before have fallen asleep, which wait for more work
    and so take time from others. There is a call that does not count; then calls are timed one by
    one for a fiftieth of a second, one at least.

    >>> times = interleaved([lambda: sum(range(10)), lambda: sum(range(1000))], seconds=0)
    >>> len(times.seconds)
    2
    """
    for run in runs:
        run()
    durations = [max(_timed(run), 1e-7) for run in runs]
    calls = [max(1, min(500, int(_TURN / each))) for each in durations]
    times: list[list[float]] = [[] for _ in runs]
    busy = _others()
    start = time.perf_counter()
    gc.disable()
    try:
        while len(times[-1]) < _FEWEST * calls[-1] or time.perf_counter() - start < seconds:
            for run, own, duration, count in zip(runs, times, durations, calls, strict=True):
                _settle()
                if duration < _LONG:
                    run()
                own.extend(_timed(run) for _ in range(count))
    finally:
        gc.enable()
    whole = (time.perf_counter() - start) * (os.cpu_count() or 1)
    others = min(1.0, max(0.0, (_others() - busy) / whole))
    return Times([statistics.median(each) for each in times], others)


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _settle() -> None:
    """Sleep until no thread of this process works."""
    end = time.perf_counter() + _LONGEST_PAUSE
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(_PAUSE)
        if time.process_time() - before < _PAUSE / 4:
            return


def _others() -> float:
    """Seconds of the processors that other processes took since the start, as Linux counts them."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _, _, *interrupts = map(int, line.split()[1:9])
    ticks = user + nice + system + sum(interrupts)
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()
