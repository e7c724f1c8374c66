"""How fast a classifier goes over a table in Spark, and how much memory each process takes.

    python benchmarks/spark.py --rows 10000000 --master 'local[2]'

trains a small classifier of texts, lets Spark make a table of so many short texts, maps the model
over it by `mapInArrow` and writes the predictions as Parquet; then prints rows a second and the
largest resident memory (VmHWM, MiB) of Spark's Java process or processes and of the Python
processes. Needs pyspark, Java and Linux.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

from elman.scale import spark
from elman.tasks import Classify

WORDS = ("good", "bad", "fine", "poor"), ("film", "play", "book"), ("tonight", "again", "at last")
TEXT = "concat_ws(' ', " + ", ".join(
    f"element_at(array({', '.join(map(repr, words))}), cast(pmod(hash(id + {i}), {len(words)}) as"
    " int) + 1)"
    for i, words in enumerate(WORDS)
) + ")"  # fmt: skip


class Memory:
    """The largest resident memory of this process's descendants, by kind, until it ends."""

    def __init__(self) -> None:
        self.most: dict[tuple[str, int], int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            for process in descendants(os.getpid()):
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                except OSError:
                    continue
                fields = dict(line.split(":", 1) for line in status.splitlines())
                if "VmHWM" in fields:
                    size = int(fields["VmHWM"].split()[0]) // 1024
                    self.most[fields["Name"].strip(), process] = size


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
        with Memory() as memory:
            began = time.monotonic()
            spark.predict(frame, f"{folder}/model").write.parquet(f"{folder}/out")
            seconds = time.monotonic() - began
        found = session.read.parquet(f"{folder}/out")
        right = found.where("(label = '+') = (text like 'good%' or text like 'fine%')").count()
        session.stop()
    speed = asked.rows / seconds
    print(f"{asked.master}: {asked.rows:,} rows in {seconds:.0f} s, {speed:,.0f} a second")
    print(f"rows labelled as they should be: {right:,}")
    for (name, process), size in sorted(memory.most.items()):
        print(f"{name} {process}: {size:,} MiB at most")
    if right < asked.rows:
        sys.exit("rows were lost, or labelled otherwise")


if __name__ == "__main__":
    main()
