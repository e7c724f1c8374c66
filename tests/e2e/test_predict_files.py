"""`elman predict --out`: many files, and what does not go with them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def write(path: Path, texts: list[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"review": pa.array(texts, pa.string())}), path)


def test_files_are_predicted_once(here: Any, trained: Path, tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.parquet", ["good film", None])
    write(tmp_path / "in" / "b.parquet", ["poor film"] * 3)
    words = "predict", "films", "--data", f"{tmp_path}/in/*.parquet", "--out", f"{tmp_path}/out"
    first = here(*words)
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"files predicted in {tmp_path}/out: 2, their rows: 5\n"
    assert "rows without an answer: 1; the column error says why" in first.stderr
    assert pq.read_table(tmp_path / "out" / "a.parquet").to_pylist()[1] == {
        "review": None,
        "label": None,
        "probability": None,
        "error": "the text is empty",
    }
    write(tmp_path / "in" / "b.parquet", ["good film"])
    second = here(*words)
    assert second.stdout.splitlines() == [
        f"{tmp_path}/in/b.parquet has changed since, and is predicted again",
        f"files predicted in {tmp_path}/out: 1, their rows: 1; done before: 1",
    ]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--data", "in/*.parquet"], "--data in/*.parquet names several files: with --out FOLDER"),
        (["--out", "out"], "--out is for files: name them with --data"),
        (["a text", "--data", "in", "--out", "out"], "texts is not for --out"),
        (["--data", "in", "--out", "out", "--json"], "--json is not for --out"),
        (["--data", "in", "--workers", "2"], "--workers is not for predictions without --out"),
        (["--data", "in", "--out", "out", "--beam", "3"], "--beam is for translate"),
        (["--data", "in", "--out", "in/out"], "in/out/a.parquet lies in in/out, where"),
    ],
)
def test_what_does_not_go_together(words: list[str], reason: str, here: Any, trained: Path) -> None:
    write(trained / "in" / "a.parquet", ["good film"])
    (trained / "in" / "out").mkdir(exist_ok=True)
    write(trained / "in" / "out" / "a.parquet", ["good film"])
    done = here("predict", "films", *words)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
