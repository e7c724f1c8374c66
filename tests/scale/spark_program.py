"""A Spark driver: predicts a table on two executors, the first of which to come to its second
batch is killed there."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from elman.scale import ArrowModel, spark

MODEL, FOLDER = sys.argv[1], Path(sys.argv[2])
KILLED = FOLDER / "killed"
JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"  # starts sooner
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.executor.memory": "512m",
    "spark.executorEnv.PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100",
    "spark.sql.files.maxPartitionBytes": "1m",  # a task a file
}


class Killing(ArrowModel):
    """Ends its executor, a Java process whose grandchild this one is, if it is the first here."""

    def __call__(self, batches: Any) -> Any:
        for number, batch in enumerate(super().__call__(batches)):
            yield batch
            if number == 0 and not KILLED.exists():
                state = Path(f"/proc/{os.getppid()}/stat").read_text()
                executor = int(state.rpartition(")")[2].split()[1])
                words = Path(f"/proc/{executor}/cmdline").read_text().split("\0")
                KILLED.write_text("\n".join(words))
                os.kill(executor, signal.SIGKILL)


def main() -> None:
    builder = SparkSession.builder.master("local-cluster[2,1,1024]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    spark.ArrowModel = Killing
    frame = session.read.parquet(str(FOLDER / "in"))
    found = spark.predict(frame, MODEL, column_prefix="p_")
    print(found.schema.simpleString())
    found.write.parquet(str(FOLDER / "out"))
    session.stop()


if __name__ == "__main__":
    main()
