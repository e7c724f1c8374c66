"""Predictions in Spark: a cluster of two executors on this machine, one of them killed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_tasks import MADE, SMALL

pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'elman[spark]'")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java, and there is none", allow_module_level=True)

PROGRAM = Path(__file__).with_name("spark_program.py")
ROWS = 250  # of a file


@pytest.mark.slow
def test_a_killed_executor_changes_nothing(tmp_path: Path) -> None:
    made, settings, data, _ = MADE["classify"]
    task = made(**SMALL, **settings).fit(data, progress=False)
    task.save(tmp_path / "model")
    texts = [["good film", "a bad film", "fine play tonight"][i % 3] for i in range(4 * ROWS)]
    (tmp_path / "in").mkdir()
    for number in range(4):
        ids = range(number * ROWS, (number + 1) * ROWS)
        table = pa.table(
            {"id": ids, "text": [texts[i] or None for i in ids], "label": ["x"] * ROWS}
        )
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, PROGRAM, "model", tmp_path],
        env={
            **os.environ,
            "PYTHONPATH": str(source),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_WORKER_DIR": str(tmp_path / "work"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert "p_label:string,p_probability:double,p_error:string" in done.stdout
    killed = (tmp_path / "killed").read_text()
    assert "org.apache.spark.executor.CoarseGrainedExecutorBackend" in killed
    found = pq.read_table(tmp_path / "out").sort_by("id")
    assert found["id"].to_pylist() == list(range(4 * ROWS))
    assert found["text"].to_pylist() == texts
    assert found["label"].to_pylist() == ["x"] * 4 * ROWS
    assert found["p_label"].to_pylist() == task.predict(texts)
