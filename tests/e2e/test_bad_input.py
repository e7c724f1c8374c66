"""What a user can mend is said in one line, and the exit status is 2."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest


def refused(done: Any, *words: str) -> None:
    assert done.returncode == 2, done
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("elman: error: ")
    assert done.stdout == ""
    for word in words:
        assert word in lines[0]


def classify(here: Any, tmp_path: Path, content: str | bytes, *words: str, name: str = "d.csv"):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return here("train", "classify", "--data", file, "--out", tmp_path / "run", *words)


def test_in_a_process_of_its_own(at_work: Any) -> None:
    refused(at_work("train", "classify", "--data", "nowhere.csv"), "no such file: nowhere.csv")


@pytest.mark.parametrize("task", ["classify", "language"])
def test_no_data_named(here: Any, task: str) -> None:
    refused(here("train", task), "--data is missing")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("model", ["films", "cats"])
def test_no_data_to_measure_or_predict(here: Any, command: str, model: str) -> None:
    refused(here(command, model), "--data")


@pytest.mark.parametrize("model", ["films", "cats"])
def test_no_such_file(here: Any, model: str) -> None:
    refused(here("evaluate", model, "--data", "no.csv"), "no such file: no.csv")
    refused(here("predict", model, "--data", "no.txt"), "no such file: no.txt")
    refused(here("train", "language", "--data", "no.txt"), "no such file: no.txt")


def test_wrong_column(here: Any) -> None:
    done = here("train", "classify", "--data", "reviews.csv", "--text", "opinion")
    refused(done, "reviews.csv has no column 'opinion'", "'review', 'stars'", "--text")
    done = here("train", "classify", "--data", "reviews.csv", "--text", "review")
    refused(done, "reviews.csv has no column 'label'", "--label")


def test_empty_text(here: Any, tmp_path: Path) -> None:
    refused(classify(here, tmp_path, "text,label\ngood,1\n ,0\n"), "d.csv:3: the text is empty")
    refused(here("predict", "films", "good", ""), "the text is empty")
    refused(here("predict", "cats", ""), "too short")
    (tmp_path / "empty.txt").write_text("")
    refused(here("train", "language", "--data", tmp_path / "empty.txt"), "empty.txt is empty")


def test_one_class_only(here: Any, tmp_path: Path) -> None:
    content = "text,label\n" + "good,1\n" * 20
    refused(classify(here, tmp_path, content), "all examples have the label '1'")


def test_a_label_unseen_in_training(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("review,stars\ngood,5\nso so,3\n")
    done = here("evaluate", "films", "--data", file)
    refused(done, "new.csv:3: the label '3' was not in the training data", "'1', '5'")


def test_a_binary_file(here: Any, tmp_path: Path) -> None:
    for content in (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        b"text,label\n\0\0,1\n",
        b"\xff\xfea",
    ):
        refused(classify(here, tmp_path, content), "d.csv is not text")
        (tmp_path / "d.txt").write_bytes(content)
        refused(here("train", "language", "--data", tmp_path / "d.txt"), "d.txt is not text")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "null", '"x"'])
def test_features_that_are_no_numbers(here: Any, tmp_path: Path, value: str) -> None:
    good = json.dumps({"features": [[1.0, 2.0], [3.0, 4.0]], "label": "a"})
    bad = f'{{"features": [[1.0, 2.0], [3.0, {value}]], "label": "b"}}'
    done = classify(here, tmp_path, f"{good}\n{bad}\n", name="d.jsonl")
    refused(done, "d.jsonl:2: ")


def test_a_corrupt_model_folder(here: Any, trained: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(trained / "films", tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-7])
    for words in (
        ("predict", broken, "good"),
        ("evaluate", broken, "--data", "reviews.csv"),
        ("generate", broken),
    ):
        refused(here(*words), "model.safetensors is damaged")
    (broken / "config.json").write_text("{")
    refused(here("predict", broken, "good"), "config.json is damaged")


def test_what_is_no_model(here: Any, tmp_path: Path) -> None:
    refused(here("predict", tmp_path, "x"), "is not a saved model")
    refused(here("predict", "nothing", "x"), "neither a model folder nor a hub name")
    refused(here("generate", "films"), "films is a model of the task classify")


def test_what_neither_disk_nor_hub_has(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", no_network)
    refused(here("predict", "runs/typo", "x"), "runs/typo: there is no such folder")


def test_data_of_another_kind(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text('{"features": [[1, 2]]}\n')
    done = here("predict", "films", "--data", file)
    refused(done, "the model reads texts, the data holds feature vectors")


def test_unknown_words(here: Any) -> None:
    refused(here("train", "classify", "--hiden-size", "3"), "--hiden-size")
    refused(here("trian"), "trian")
    refused(here("train", "paint"), "paint")
    refused(here("generate", "cats", "a", "b"), "b")


def test_unknown_datasets(here: Any) -> None:
    for command in ("show", "fetch"):
        refused(here("data", command, "text_sst"), "no dataset is named 'text_sst'", "text_sst2")
    refused(here("train", "classify", "--data", "text_sst2:tset"), "text_sst2:test")
    refused(here("train", "classify", "--data", "text_sst3:train"), "text_sst2")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--hidden-size", "0"), "hidden_size"),
        (("--hidden-size", "many"), "many"),
        (("--hidden-size", "none"), "hidden_size"),
        (("--lr", "nan"), "lr"),
        (("--epochs", "1.5"), "epochs"),
        (("--pooling", "sum"), "pooling"),
        (("--cell", "lstmm"), 'cell "lstmm" is unknown'),
        (("--device", "tpu"), "device"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--momentum", "0.9"), "momentum"),
        (("--backend", "fast"), "backend"),
        (("--forget-bias", "1", "--cell", "rnn"), "forget"),
        (("--hidden-size",), "--hidden-size"),
        (("--vocabulary-size", "3", "--tokens", "bpe"), "258"),
    ],
)
def test_bad_values_of_settings(
    here: Any, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    columns = ("--text", "review", "--label", "stars", "--out", str(tmp_path / "run"))
    refused(here("train", "classify", "--data", "reviews.csv", *columns, *words), expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--temperature", "-1"), "temperature must be 0 or more"),
        (("--top-k", "0"), "top_k"),
        (("--top-p", "2"), "top_p"),
        (("--length", "-1"), "length"),
        (("--length", "x"), "length"),
        (("--stop", ""), "stop holds an empty string"),
    ],
)
def test_bad_values_of_generate(here: Any, words: tuple[str, ...], expected: str) -> None:
    refused(here("generate", "cats", *words), expected)


def test_a_folder_that_is_in_use(here: Any) -> None:
    done = here(
        *("train", "classify", "--data", "reviews.csv", "--text", "review", "--label", "stars"),
        *("--out", "films"),
    )
    refused(done, "films holds a run's checkpoint", "--resume", "another folder")


def test_resuming_what_never_began(here: Any, tmp_path: Path) -> None:
    done = here("train", "language", "--data", "book.txt", "--out", tmp_path / "new", "--resume")
    refused(done, "no such checkpoint")


def test_a_place_that_cannot_be_written(here: Any) -> None:
    done = here("train", "language", "--data", "book.txt", "--out", "reviews.csv/run")
    refused(done, "reviews.csv")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(here: Any, tmp_path: Path) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("secret")
    file.chmod(0)
    refused(here("train", "language", "--data", file), "secret.txt")


def test_a_prompt_that_is_not_unicode_does_not_end_in_a_traceback(here: Any) -> None:
    done = here("generate", "cats", "the \udcff", "--length", "3", "--seed", "0")
    assert done.returncode == 0
