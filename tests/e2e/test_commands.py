import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import elman as library


def test_a_trained_classifier(trained: Path) -> None:
    output = (trained / "classify.out").read_text()
    assert "finished after" in output
    assert "accuracy" in output
    assert "the report is films/report.html" in output
    assert "the model is in films" in output
    names = {path.name for path in (trained / "films").iterdir()}
    assert {"config.json", "model.safetensors", "vocabulary.json", "README.md"} <= names
    assert {"metrics.jsonl", "checkpoint.safetensors", "report.html"} <= names


def test_predict_texts_and_files(at_work: Any, here: Any) -> None:
    done = at_work("predict", "films", "good film", "poor film", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["label"], row["input"]) for row in rows] == [
        ("5", "good film"),
        ("1", "poor film"),
    ]
    assert all(0.5 < row["probability"] <= 1 for row in rows)

    table = here("predict", "films", "--data", "reviews.csv")
    assert table.returncode == 0, table.stderr
    lines = table.stdout.splitlines()
    assert lines[0] == "label\tprobability\tinput"
    assert len(lines) == 1 + 24
    assert [line.split("\t")[0] for line in lines[1:5]] == ["5", "5", "1", "1"]
    assert lines[1].split("\t")[2] == "good film"


def test_evaluate_is_what_the_library_says(here: Any, trained: Path) -> None:
    done = here("evaluate", "films", "--data", "reviews.csv", "--json")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert metrics["accuracy"] == 1.0
    expected = library.load(trained / "films").evaluate(trained / "reviews.csv")
    assert metrics == pytest.approx(expected, rel=1e-4)


def test_a_table_of_what_was_taken_for_what(here: Any) -> None:
    done = here("evaluate", "films", "--data", "reviews.csv")
    assert done.returncode == 0, done.stderr
    assert "true \\ predicted" in done.stdout
    assert done.stdout.count("12") == 2


def test_generate(here: Any, trained: Path) -> None:
    words = ("generate", "cats", "the cat", "--length", "50")
    greedy = here(*words, "--temperature", "0", "--stop", "the", "--stop", ".")
    assert (greedy.returncode, greedy.stdout) == (0, "the cat sat on \n"), greedy.stderr
    seeded = here(*words, "--temperature", "2", "--seed", "7")
    expected = library.load(trained / "cats").generate("the cat", length=50, temperature=2, seed=7)
    assert seeded.stdout == f"the cat{expected}\n"


def test_a_language_models_predictions_and_metrics(here: Any) -> None:
    done = here("predict", "cats", "the cat sat on the mat.", "tam eht no tas", "--json")
    assert done.returncode == 0, done.stderr
    usual, odd = (json.loads(line) for line in done.stdout.splitlines())
    assert usual["bits_per_character"] < odd["bits_per_character"]
    done = here("evaluate", "cats", "--data", "book.txt", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["loss"] < 0.5


def test_interrupted_and_resumed(tmp_path: Path, command: Any) -> None:
    (tmp_path / "book.txt").write_text("the cat sat on the mat. " * 200)
    words = ["train", "language", "--data", "book.txt", "--out", "run", "--hidden-size", "8"]
    words += ["--embedding-size", "4", "--epochs", "400", "--batch-size", "2", "--log-every", "1"]
    process = command(*words)
    log, end = tmp_path / "run" / "metrics.jsonl", time.monotonic() + 60
    while not (log.exists() and log.read_bytes().count(b"\n") > 2):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    last = errors.strip().splitlines()[-1]
    assert last.startswith("elman: interrupted after step")
    assert last.endswith("resume from run; the same command with --resume continues")
    assert "Traceback" not in errors

    stopped_at = max(json.loads(line)["step"] for line in log.read_text().splitlines())
    process = command(*words, "--resume")
    while max(json.loads(line)["step"] for line in log.read_text().splitlines()) <= stopped_at:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end + 60
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors


def test_a_reader_that_closes_early_sees_no_traceback(command: Any) -> None:
    process = command("data", "list")
    process.stdout.close()
    assert process.wait(timeout=60) != 0
    assert process.stderr.read() == ""


def test_generate_into_a_closed_pipe(trained: Path, command: Any) -> None:
    process = command("generate", str(trained / "cats"), "--length", "100000")
    assert process.stdout.read(20)
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""


def test_the_script_of_the_installation() -> None:
    script = Path(sys.executable).parent / "elman"
    if not script.exists():
        pytest.skip(f"{script} is not there: elman is not installed in this environment")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == library.__version__


def test_flags_and_commands_of_other_tasks_are_refused(here: Any) -> None:
    for words, reason in (
        (
            ["predict", "films", "good", "--hot-word", "x"],
            "--hot-word is for handwriting and speech; films",
        ),
        (["predict", "films", "good", "--plot", "x.png"], "--plot is for forecast; films is a"),
        (["evaluate", "cats", "--data", "book.txt", "--lm", "x"], "--lm is for speech; cats is a"),
        (["generate", "films"], "films is a model of the task classify, which cannot generate"),
    ):
        done = here(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr
