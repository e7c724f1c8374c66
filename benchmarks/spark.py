"""How fast a classifier goes over a table in Spark, and how much memory each process takes.

    python benchmarks/spark.py --rows 10000000 --master 'local[2]'

trains a small classifier of texts and prints how many texts of three words (or four, one in three)
it answers without Spark for each second of a processor. Then it lets Spark make a table of so many
of them, maps the model over it by `mapInArrow` and writes the predictions as Parquet. Every minute
it prints how many rows are done and the resident memory of Spark's Java process or processes and of
the Python processes; at the end rows a second, and of each process the largest resident memory
(VmHWM, MiB) and the processor's time. Needs pyspark, Java and Linux.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import SparkSession

from elman.scale import spark
from elman.tasks import Classify

WORDS = ("good", "bad", "fine", "poor"), ("film", "play", "book"), ("tonight", "again", "at last")
TEXT = "concat_ws(' ', " + ", ".join(
    f"element_at(array({', '.join(map(repr, words))}), cast(pmod(hash(id + {i}), {len(words)}) as"
    " int) + 1)"
    for i, words in enumerate(WORDS)
) + ")"  # fmt: skip


MINUTE = 60.0  # seconds
ALONE = 20_000  # rows without Spark


class Use(NamedTuple):
    """What a process takes: resident memory now and at most (MiB), seconds of a processor."""

    now: int
    most: int
    seconds: float


class Watch:
    """What this process's descendants take, until it ends; told every minute beside `done` rows."""

    def __init__(self, done: Callable[[], int]) -> None:
        self.used: dict[tuple[str, int], Use] = {}
        self._done = done
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        began = told = time.monotonic()
        while not self._over.wait(1.0):
            found = {}
            for process in descendants(os.getpid()):
                with suppress(OSError, KeyError):  # of one that has ended
                    name, use = use_of(process)
                    found[name, process] = use
            self.used |= found
            if time.monotonic() - told >= MINUTE:
                told = time.monotonic()
                sizes = ", ".join(f"{name} {use.now:,} MiB" for (name, _), use in found.items())
                print(f"{told - began:.0f} s: {self._done():,} rows; {sizes}", flush=True)


def speed_alone(task: Classify, texts: list[str]) -> float:
    """Rows that `task.arrow` answers for each second of a processor: the best of five."""
    texts = (texts * (1 + ALONE // len(texts)))[:ALONE]
    batches = pa.table({"id": range(ALONE), "text": texts}).to_batches()
    times = []
    for _ in range(5):
        began = time.process_time()
        assert sum(each.num_rows for each in task.arrow(batches)) == ALONE
        times.append(time.process_time() - began)
    return ALONE / min(times)


def use_of(process: int) -> tuple[str, Use]:
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    now, most = (int(fields[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
    seconds = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return fields["Name"].strip(), Use(now, most, seconds)


def descendants(process: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found, left = [], [process]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--memory", default="512m", help="of Spark's Java heap")
    asked = parser.parse_args()
    texts = [f"{a} {b} {c}" for a in WORDS[0] for b in WORDS[1] for c in WORDS[2]]
    labels = ["+" if text.startswith(("good", "fine")) else "-" for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        task = Classify(hidden_size=32, epochs=5, lr=0.02, seed=1)
        task.fit((texts * 4, labels * 4), progress=False).save(f"{folder}/model")
        alone = speed_alone(task, texts)
        print(f"without Spark: {alone:,.0f} rows for each second of a processor", flush=True)
        session = (
            SparkSession.builder.master(asked.master)
            .config("spark.driver.memory", asked.memory)
            .config("spark.executor.memory", asked.memory)
            .config("spark.ui.enabled", "false")
            .config("spark.executorEnv.PYTHONPATH", os.environ.get("PYTHONPATH", ""))
            .getOrCreate()
        )
        parts = max(2, asked.rows // 500_000)
        frame = session.range(0, asked.rows, 1, parts).selectExpr("id", f"{TEXT} as text")
        tracker = session.sparkContext.statusTracker()

        def done() -> int:
            """The rows of the tasks that have ended."""
            stages = map(tracker.getStageInfo, tracker.getActiveStageIds())
            tasks = sum(stage.numCompletedTasks for stage in stages if stage is not None)
            return asked.rows * tasks // parts

        with Watch(done) as watch:
            began = time.monotonic()
            spark.predict(frame, f"{folder}/model").write.parquet(f"{folder}/out")
            seconds = time.monotonic() - began
        found = session.read.parquet(f"{folder}/out")
        right = found.where("(label = '+') = (text like 'good%' or text like 'fine%')").count()
        session.stop()
    speed = asked.rows / seconds
    print(f"{asked.master}: {asked.rows:,} rows in {seconds:.0f} s, {speed:,.0f} a second")
    print(f"rows labelled as they should be: {right:,}")
    for (name, process), use in sorted(watch.used.items()):
        print(f"{name} {process}: {use.most:,} MiB at most, {use.seconds:,.0f} s of a processor")
    if right < asked.rows:
        sys.exit("rows were lost, or labelled otherwise")


if __name__ == "__main__":
    main()
