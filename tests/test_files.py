"""Files are written whole, for nobody else to write to, and nothing of killed writes stays."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from elman.errors import ElmanError, FileError, ModelError
from elman.files import json_text, read_json, staging, write_atomic
from elman.tensor_files import read_tensors, write_tensors

WRITER = """
import sys, time
from pathlib import Path
from elman.files import write_atomic
def content(path):
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
write_atomic(Path(sys.argv[1]), content)
"""


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that stands in the middle of a write."""
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    own = {".a.tmp", ".elman-notes", ".elman-0123456789abcdeg"}
    for name in own:
        (tmp_path / name).write_text("mine")
    with writer(tmp_path / "a") as process:
        process.kill()
    assert (tmp_path / "a").read_text() == "old"
    assert len(names(tmp_path)) == 2 + len(own)
    write_atomic(tmp_path / "b", "other")
    assert names(tmp_path) == sorted({"a", "b", *own})


def test_a_writer_that_lives_is_left_alone(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as process:
        write_atomic(tmp_path / "b", "other")
        assert len(names(tmp_path)) == 2
        process.send_signal(signal.SIGTERM)
    with staging(tmp_path) as stage:
        (stage / "x").write_text("x")
        write_atomic(tmp_path / "b", "again")
        assert (stage / "x").read_text() == "x"
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_new_files_have_the_permissions_that_the_umask_leaves(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "text", "x")
        write_tensors(tmp_path / "tensors", {"a": torch.ones(2)})
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    for name in ("text", "tensors"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask


def test_the_umask_of_other_threads_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the whole process's umask is set"))
    write_atomic(tmp_path / "a", "x")


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for i in range(40):
                write_atomic(tmp_path / str(number), f"{number} {i}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        str(i): f"{i} 39" for i in range(6)
    }


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path: Path, number: int) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(FileError, match=f"{path} cannot be written: {os.strerror(number)}; "):
        write_atomic(path, full)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_errors_of_other_kinds_are_passed_on(tmp_path: Path) -> None:
    def refused(path: Path) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "reset")

    with pytest.raises(ConnectionResetError):
        write_atomic(tmp_path / "a", refused)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 300, "name too long"),
        ("file/a", "a part of the path is a file"),
        ("dangling/a", "a part of the path is a file or a broken link"),
        ("folder", "directory"),
        ("nul\0", "null byte"),
    ],
)
def test_names_that_no_file_can_have(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=f"(?i)cannot be written: .*{words}") as caught:
        write_atomic(tmp_path / name, "x")
    assert isinstance(caught.value, ElmanError)
    assert isinstance(caught.value, OSError)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == "mine"


def test_half_a_character_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"would hold '\\ud800', half a character"):
        write_atomic(tmp_path / "a", "x\ud800")


@pytest.mark.parametrize(
    "content",
    [
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"\xff",
        b"1" * 5000,
        b"[" * 10**5,
        b'"\x00"',
        b"",
        b"\xed\xa0\x80",
    ],
    ids=lambda content: str(content[:8]),
)
def test_json_that_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r".") as caught:
        read_json(path, 10**6)
    assert len(str(caught.value)) < 200


def test_the_size_of_json_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(3 * 10**9)
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        read_json(path, 1000)
    path.write_text(json.dumps({"a": ["µ", "\U0001f600"]}))
    assert read_json(path, 1000) == {"a": ["µ", "\U0001f600"]}


def test_files_of_tensors_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_tensors(path, {"a": torch.arange(3)}, {"kind": "test"})
    tensors, metadata = read_tensors(path)
    assert tensors["a"].tolist() == [0, 1, 2]
    assert metadata == {"kind": "test"}
    whole = path.read_bytes()
    for content in (b"", whole[:5], whole[:-1], whole + b"x", b"\xff" * 16, b"{}" * 40):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"a\.safetensors is damaged: "):
            read_tensors(path)
    for name in ("nowhere", "x" * 300, "nul\0", "."):
        with pytest.raises(ModelError, match="no such file"):
            read_tensors(tmp_path / name)


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float64("nan")])
def test_json_of_numbers_that_it_cannot_hold_is_null(value: float) -> None:
    nest = {"a": value, "b": [1.5, (value, {"c": value})], "d": np.array([value, 2]), "e": "NaN"}
    text = json_text(nest, default=lambda other: other.tolist())
    found = json.loads(text, parse_constant=refuse)
    assert found == {
        "a": None,
        "b": [1.5, [None, {"c": None}]],
        "d": [None, 2.0],
        "e": "NaN",
    }
