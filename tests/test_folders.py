"""elman writes over its own files and nobody else's, whatever the folder holds."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
import elman.files
import elman.folders
from elman.errors import FileError, SettingsError
from elman.folders import JOURNAL
from elman.html import page, write_page
from elman.tasks import Classify

DATA = ["good film", "bad film"] * 8, ["+", "-"] * 8
SMALL: dict[str, Any] = {
    "ngram_model": False,
    "hidden_size": 4,
    "embedding_size": 4,
    "epochs": 1,
    "device": "cpu",
}
OWN = ["README.md", "config.json", "vocabulary.json", "model.safetensors", "metrics.jsonl"]


@pytest.fixture(scope="module")
def task() -> Classify:
    return Classify(**SMALL).fit(DATA, progress=False)


@pytest.fixture
def run(task: Classify, tmp_path: Path) -> Path:
    """The folder of a finished run."""
    Classify(**SMALL).fit(DATA, folder=tmp_path / "run", progress=False)
    return tmp_path / "run"


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


def write_into(folder: Path, how: str, task: Classify) -> None:
    if how == "save":
        task.save(folder)
    else:
        Classify(**SMALL).fit(DATA, folder=folder, progress=False)


@pytest.mark.parametrize("how", ["save", "fit"])
@pytest.mark.parametrize("names", [OWN, ["README.md"], ["main.py"], ["checkpoint.safetensors"]])
def test_a_folder_of_somebody_else_is_left_as_it_is(
    how: str, names: list[str], task: Classify, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(FileError, match=f"{tmp_path} holds other files .*new or empty"):
        write_into(tmp_path, how, task)
    assert contents(tmp_path) == dict.fromkeys(names, b"mine")


@pytest.mark.parametrize("how", ["save", "fit"])
@pytest.mark.parametrize("kind", ["new", "empty", "of git", "linked"])
def test_a_folder_that_is_free(how: str, kind: str, task: Classify, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    if kind != "new":
        folder.mkdir(parents=True)
    if kind == "of git":
        (folder / ".gitkeep").touch()
    if kind == "linked":
        (tmp_path / "link").symlink_to(folder)
        folder = tmp_path / "link"
    write_into(folder, how, task)
    assert elman.load(folder).predict(["good film"])


@pytest.mark.parametrize("kind", ["file", "under a file", "broken link", "", None, 3, "nul\0"])
def test_what_is_no_folder(kind: Any, task: Classify, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "broken link").symlink_to(tmp_path / "nowhere")
    place: Any = tmp_path / kind if isinstance(kind, str) and kind else kind
    place = tmp_path / "file" / "x" if kind == "under a file" else place
    with pytest.raises((FileError, SettingsError)) as caught:
        task.save(place)
    assert "\n" not in str(caught.value)
    if kind is not None:
        with pytest.raises((FileError, SettingsError)):
            Classify(**SMALL).fit(DATA, folder=place, progress=False)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_models_own_folder_is_written_again(task: Classify, run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    for _ in range(2):
        task.save(run)
    assert (run / "notes.txt").read_text() == "mine"
    assert elman.load(run).record == task.record
    assert not (run / JOURNAL).exists()


@pytest.mark.parametrize("name", ["README.md", "config.json", "vocabulary.json"])
@pytest.mark.parametrize("how", ["edited", "linked", "folder"])
def test_a_file_that_was_changed_since_is_left(
    name: str, how: str, task: Classify, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    task.save(folder)
    shutil.copy(folder / name, tmp_path / "copy")
    if how == "edited":
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("{", '{"mine": 1,', 1) + "\n")
    else:
        (folder / name).unlink()
        if how == "linked":
            (folder / name).symlink_to(tmp_path / "copy")
        else:
            (folder / name).mkdir()
    before = contents(folder)
    with pytest.raises(FileError, match=r"would be overwritten|holds other files"):
        task.save(folder)
    assert contents(folder) == before
    assert (folder / name).is_symlink() == (how == "linked")


@pytest.mark.parametrize("name", OWN)
def test_a_file_added_to_a_run_that_was_interrupted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Classify, "loss", stop)
        with pytest.raises(KeyboardInterrupt):
            Classify(**SMALL).fit(DATA, folder=tmp_path, progress=False)
    (tmp_path / name).write_text("mine")
    for resume in (True, False):
        with pytest.raises(FileError, match=f"{tmp_path / name} would be overwritten"):
            Classify(**SMALL).fit(DATA, folder=tmp_path, resume=resume, progress=False)
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).rename(tmp_path / "elsewhere")
    Classify(**SMALL).fit(DATA, folder=tmp_path, resume=True, progress=False)
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert elman.load(tmp_path).predict(["good film"])


@pytest.mark.parametrize("moved", range(5))
@pytest.mark.parametrize("saved_before", [False, True])
def test_a_save_that_was_broken_off_is_done_again(
    moved: int, saved_before: bool, task: Classify, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not saved_before:
        for name in ("README.md", "config.json", "vocabulary.json", "model.safetensors"):
            (run / name).unlink()
    left = moved

    def replace(temporary: Path, path: Path) -> None:
        nonlocal left
        if path.parent == run and path.name != JOURNAL:
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        temporary.replace(path)

    other = Classify(**{**SMALL, "seed": 3}).fit(DATA, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr("elman.tasks.storage.move_into_place", replace)
        if moved < 4:
            with pytest.raises(KeyboardInterrupt):
                other.save(run)
        else:
            other.save(run)
    task.save(run)
    assert elman.load(run).record == task.record
    assert not list(run.glob(".elman*"))


@pytest.fixture(scope="module")
def larger() -> Classify:
    """A model with one file more: its n-grams."""
    return Classify(**{**SMALL, "ngram_model": True}).fit(DATA, progress=False)


@pytest.fixture(scope="module")
def of_features() -> Classify:
    """A model with one file fewer: it has no vocabulary."""
    data = [np.full((3, 1), i % 2, np.float32) for i in range(16)], ["+", "-"] * 8
    return Classify(**SMALL).fit(data, progress=False)


def test_a_save_leaves_no_file_of_the_model_before(
    task: Classify, larger: Classify, of_features: Classify, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    for each in (larger, task, larger, of_features, larger):
        each.save(folder)
        (folder / "notes.txt").write_text("mine")
        files = json.loads((folder / "config.json").read_text())["files"]
        assert {*contents(folder)} == {*files, "README.md", "config.json", "notes.txt"}
        assert elman.load(folder).record == each.record


@pytest.mark.parametrize("how", ["edited", "linked", "replaced by a folder"])
def test_an_outdated_file_that_was_changed_stays(
    how: str, task: Classify, larger: Classify, tmp_path: Path
) -> None:
    larger.save(tmp_path / "model")
    path = tmp_path / "model" / "ngrams.safetensors"
    elsewhere = path.rename(tmp_path / "elsewhere")
    if how == "edited":
        path.write_bytes(elsewhere.read_bytes() + b"mine")
    elif how == "linked":
        path.symlink_to(elsewhere)
    else:
        path.mkdir()
    task.save(tmp_path / "model")
    assert path.exists()
    assert elsewhere.exists()
    with pytest.raises(FileError, match=r"ngrams\.safetensors would be overwritten"):
        larger.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").record == task.record


def test_a_file_outside_that_a_configuration_names_stays(task: Classify, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    (tmp_path / "mine").write_text("mine")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    config["files"]["../mine"] = elman.files.sha256(tmp_path / "mine")
    config["checksum"] = elman.folders.checksum({k: config[k] for k in config if k != "checksum"})
    path.write_text(json.dumps(config))
    task.save(tmp_path / "model")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("removed", [False, True])
def test_a_save_broken_off_before_or_after_a_removal_is_done_again(
    removed: bool,
    task: Classify,
    larger: Classify,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, unlink = tmp_path / "model", Path.unlink

    def stop(path: Path, **options: Any) -> None:
        if path.name in ("ngrams.safetensors", JOURNAL) and path.parent == folder:
            if removed:
                unlink(path, **options)
            raise KeyboardInterrupt
        unlink(path, **options)

    larger.save(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            task.save(folder)
    assert (folder / "ngrams.safetensors").exists() != removed
    assert elman.load(folder).record == task.record
    for each in (task, larger, task):
        each.save(folder)
        assert (folder / "ngrams.safetensors").exists() == (each is larger)
        assert not list(folder.glob(".elman*"))


def test_a_card_of_an_older_version_is_written_again(task: Classify, tmp_path: Path) -> None:
    task.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    del config["card"], config["checksum"]
    config["checksum"] = elman.folders.checksum(config)
    path.write_text(json.dumps(config))
    task.save(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("mine")
    with pytest.raises(FileError, match=r"README\.md would be overwritten"):
        task.save(tmp_path / "model")


def test_pages_are_written_over_pages_only(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for title in ("one", "two"):
        assert write_page(path, page(title, [], generator="elman test")) == path
    assert "two" in path.read_text()
    path.write_text("<p>mine</p>")
    for place in (path, tmp_path):
        with pytest.raises(FileError, match="it is no page of elman's"):
            write_page(place, page("three", [], generator="elman test"))
    assert path.read_text() == "<p>mine</p>"
