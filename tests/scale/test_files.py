"""Predictions for Parquet files: what comes out, what is left out the second time, what stops."""

import multiprocessing
import signal
import subprocess
import sys
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_tasks import MADE, SMALL

import elman
from elman.errors import DataError, FileError, SettingsError, WorkerLostError
from elman.scale import Outcome, predict_files, processes

TEXTS = ["good film", "a bad film", "fine play tonight", "bad", "good", "a fine play"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "classify"
    made, settings, data, _ = MADE["classify"]
    made(**SMALL, **settings).fit(data, progress=False).save(folder)
    return folder


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three files, one of them in a folder below, and what is no data."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b", "more/c")):
        write(tmp_path / "in" / f"{name}.parquet", TEXTS[number:])
    (tmp_path / "in" / "_SUCCESS").touch()
    write(tmp_path / "in" / ".hidden.parquet", ["?"])
    return tmp_path / "in"


def write(path: Path, texts: list[Any], **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())})
    pq.write_table(table.replace_schema_metadata({"of": "the user"}), path, **options)


def predict(model: Path, data: Any, **options: Any) -> Outcome:
    return predict_files(model, data, "out", progress=False, **options)


def test_each_file_gets_one_with_its_columns_and_the_answers(model: Path, files: Path) -> None:
    assert predict(model, files) == Outcome(3, 15, 0)
    task = elman.load(model)
    for number, name in enumerate(("a", "b", "more/c")):
        found = pq.read_table(f"out/{name}.parquet", partitioning=None)
        assert found.column_names == ["id", "text", "label", "probability", "error"]
        assert found["text"].to_pylist() == TEXTS[number:]
        assert found["label"].to_pylist() == task.predict(TEXTS[number:])
        assert found.schema.metadata[b"of"] == b"the user"
    assert sorted(each.name for each in Path("out").iterdir()) == ["a.parquet", "b.parquet", "more"]


def test_a_second_call_does_what_is_left_and_what_has_changed(model: Path, files: Path) -> None:
    assert predict(model, "in/*.parquet") == Outcome(2, 11, 0)
    before = Path("out/a.parquet").stat().st_mtime_ns
    assert predict(model, "in/**/*.parquet") == Outcome(1, 4, 0, 2)
    (files / "a.parquet").touch()  # the same content
    write(files / "b.parquet", ["good", None, ""])
    again = predict(model, "in")
    assert again == Outcome(1, 3, 2, 2, (Path("in/b.parquet"),))
    assert Path("out/a.parquet").stat().st_mtime_ns == before
    assert pq.read_table("out/b.parquet")["error"].to_pylist()[1:] == ["the text is empty"] * 2
    assert predict(model, "in/a.parquet") == Outcome(0, 0, 0, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_several_processes_give_the_same_and_a_broken_file_keeps_none_from_it(
    model: Path, files: Path, workers: int
) -> None:
    expected = elman.load(model).predict(TEXTS[2:])
    path = files / "a.parquet"
    write(path, TEXTS * 50, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)  # the first page; the end of the file stays
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"in/a.parquet cannot be read as Parquet"):
        predict(model, "in", workers=workers)
    assert {each.name for each in Path("out").rglob("*")} == {"b.parquet", "c.parquet", "more"}
    assert pq.read_table("out/more/c.parquet")["label"].to_pylist() == expected


def test_a_killed_process_is_told_and_what_it_has_done_stays(
    model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killing(connections: Any) -> Any:
        for process in multiprocessing.active_children():
            process.kill()
        return wait(connections)

    monkeypatch.setattr(processes, "wait", killing)
    with pytest.raises(WorkerLostError, match=r"predicted in/\w+.parquet was killed by signal 9"):
        predict(model, "in", workers=2)
    assert not Path("out").exists() or not list(Path("out").rglob("*.parquet"))
    monkeypatch.undo()
    monkeypatch.chdir(files.parent)
    assert predict(model, "in").files == 3


def test_what_other_models_options_or_people_made_is_not_written_over(
    model: Path, files: Path, tmp_path: Path
) -> None:
    predict(model, "in/a.parquet")
    with pytest.raises(SettingsError, match=r"a.parquet was made by another model or with other"):
        predict(model, "in/a.parquet", column_prefix="p_")
    made, settings, data, _ = MADE["classify"]
    made(**{**SMALL, "seed": 5}, **settings).fit(data, progress=False).save(tmp_path / "other")
    with pytest.raises(SettingsError, match=r"a.parquet was made by another model or with other"):
        predict(tmp_path / "other", "in/a.parquet")
    write(Path("out/b.parquet"), ["mine"])
    with pytest.raises(FileError, match=r"b.parquet would be overwritten, and it holds no pred"):
        predict(model, "in/b.parquet")
    assert pq.read_table("out/b.parquet")["text"].to_pylist() == ["mine"]
    with pytest.raises(SettingsError, match="lies in out, where predictions go"):
        predict(model, "out")


def test_what_is_wrong_shows_before_anything_is_predicted(model: Path, files: Path) -> None:
    (files / "z.parquet").write_bytes(b"PAR1 but not for long")
    with pytest.raises(DataError, match=r"z.parquet cannot be read as Parquet"):
        predict(model, "in")
    pq.write_table(pa.table({"said": ["good"]}), files / "z.parquet")
    with pytest.raises(DataError, match=r"z.parquet: the table has no column 'text', which"):
        predict(model, "in")
    (files / "y.csv").write_text("text\ngood\n")
    with pytest.raises(DataError, match=r"y.csv is not Parquet"):
        predict(model, "in/*")
    for nothing in ("in/*.pq", "nowhere", "nowhere/*.parquet"):
        with pytest.raises(DataError, match="there is no such file"):
            predict(model, nothing)
    with pytest.raises(SettingsError, match="beam is not an option for tables"):
        predict(model, "in/a.parquet", beam=3)
    assert not Path("out").exists()


def test_a_file_that_changes_while_it_is_read(
    model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted = elman.tasks.Classify.predictions

    def changing(*given: Any, **options: Any) -> Any:
        write(files / "a.parquet", ["good"] * 40)
        return predicted(*given, **options)

    monkeypatch.setattr(elman.tasks.Classify, "predictions", changing)
    with pytest.raises(DataError, match="has changed while it was read; predict it again"):
        predict(model, "in/a.parquet")
    assert not list(Path("out").iterdir())


def start(folder: Path, *words: str | Path) -> subprocess.Popen[str]:
    """A command, one that heeds Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", "elman.cli", *map(str, words)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_leaves_whole_files_and_the_same_command_goes_on(
    workers: str, model: Path, tmp_path: Path
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    for i in range(8):
        write(tmp_path / "in" / f"{i}.parquet", TEXTS * 200)
    words = ["predict", model, "--data", "in", "--out", "out"]
    process = start(tmp_path, *words, "--workers", workers)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 300
    while not list((tmp_path / "out").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "interrupted; no file is half-written" in errors
    assert "Traceback" not in errors
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert 1 <= len(done) < 8
    assert all(name.endswith(".parquet") for name in done)
    output, errors = start(tmp_path, *words).communicate(timeout=300)
    assert f"files predicted in out: {8 - len(done)}, " in output, errors
    assert f"done before: {len(done)}" in output
    expected = elman.load(model).predict(TEXTS)
    for path in (tmp_path / "out").iterdir():
        assert pq.read_table(path)["label"].to_pylist() == expected * 200
        assert done.get(path.name, 0) in (0, path.stat().st_mtime_ns)


MEASURED = """
import resource, sys
from elman.scale import predict_files
model, small, large = sys.argv[1:]
predict_files(model, small, "out", progress=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = predict_files(model, large, "out", progress=False)
print(found.rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_file_larger_than_the_memory_for_it(model: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, rows in (("small", 300), ("large", 6000)):
        content = [draw.bytes(1 << 15) for _ in range(rows)]  # 187 MiB in one row group
        table = pa.table({"text": ["good film"] * rows, "content": content})
        pq.write_table(table, tmp_path / f"{name}.parquet", compression="none")
    words = [sys.executable, "-c", MEASURED, model, "small.parquet", "large.parquet"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, growth = map(int, done.stdout.split())
    assert rows == 6000
    assert growth < 80, f"the memory grew by {growth} MiB"
    found, given = (pq.read_table(tmp_path / f) for f in ("out/large.parquet", "large.parquet"))
    assert found["content"].equals(given["content"])
