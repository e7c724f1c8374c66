"""Whole files or none: atomic writes, what killed ones left, checksums and bounded reading."""

import errno
import hashlib
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from elman.errors import FileError, SettingsError

try:
    import fcntl
except ImportError:  # Windows has no flock: nothing is removed there
    fcntl = None  # type: ignore[assignment]

_PICTURES = (".png", ".svg", ".pdf")
_STAGING = re.compile(r"\.elman-[0-9a-f]{16}")
_OF_STORAGE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES),
    *(errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ENOENT, errno.ELOOP, errno.ENOTEMPTY, errno.EINVAL),
}


def write_atomic(path: Path | str, content: bytes | str | Callable[[Path], None]) -> None:
    """Write a file so that a crash leaves either the old one or the new one.

    What earlier writes into the same folder left when their processes were killed is removed.

    **Arguments:**

    - `path`: where the file shall stand; missing parent folders are made.
    - `content`: bytes, text (UTF-8), or a function that writes to the path it is given.

    Raises `FileError` where the file cannot be written: no room, no permission, a name too long.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "a.txt", "hello")
    >>> (folder / "a.txt").read_text()
    'hello'
    """
    path = Path(path)
    with writing(path), staging(path.parent) as stage:
        temporary = stage / "file"
        mode = _new_file(temporary)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.chmod(mode)
        move_into_place(temporary, path)


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a complete file to where it shall stand, its content on the disk first."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new hidden folder in `folder` (made if missing) to write files in before they are renamed.

    It is removed in the end, and so are those left by processes that were killed: a lock, which
    ends with its process, tells them from those of processes that are still writing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    stage, lock = _new_staging(folder)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the disk become a `FileError` that names `path`."""
    try:
        yield
    except FileError:
        raise
    except UnicodeEncodeError as error:
        what = f"it would hold {error.object[error.start]!a}, half a character, which UTF-8 has not"
        raise FileError(f"{_shown(path)} cannot be written: {what}") from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise FileError(f"{_shown(path)} cannot be written: its name holds a null byte") from None
    except OSError as error:
        if error.errno not in _OF_STORAGE:
            raise
        raise cannot_write(path, error.errno) from error


def cannot_write(path: Path, number: int) -> FileError:
    """The error of a file that the system refuses to write, from the system's error number."""
    advice = {
        errno.ENOSPC: "; make room on the disk",
        errno.EDQUOT: "; make room on the disk",
        errno.EFBIG: "; a limit on the size of files was met",
        errno.EACCES: "; choose a folder that you may write to",
        errno.EPERM: "; choose a folder that you may write to",
        errno.EROFS: "; choose a folder that you may write to",
        errno.ENAMETOOLONG: "; choose a shorter name",
        errno.EEXIST: "; a part of the path is a file or a broken link, not a folder",
        errno.ENOTDIR: "; a part of the path is a file, not a folder",
    }.get(number, "")
    return FileError(f"{_shown(path)} cannot be written: {os.strerror(number)}{advice}")


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_file(path: Path) -> bool:
    """Whether there is a regular file; False, too, for names that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_json(path: Path, most_bytes: int) -> Any:
    """What a JSON file holds; ValueError or OSError where it is too large or not proper JSON.

    Its size is looked at before it is read. Half characters (lone surrogates) are refused, and so
    are numbers too long to be numbers and lists too deep.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise ValueError(f"it is larger than {most_bytes:,} bytes")
        content = file.read(size + 1)
    try:
        value = json.loads(content.decode("utf-8"))
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise ValueError("its lists are nested too deep") from None
    return value


def json_text(value: Any, **options: Any) -> str:
    """A value as standard JSON, in which NaN and infinity are null; `options` of `json.dumps`.

    >>> json_text({"loss": float("nan"), "all": (1.5, float("inf"))})
    '{"loss": null, "all": [1.5, null]}'
    """
    default = options.pop("default", None)
    if default is not None:
        options["default"] = lambda other: _finite(default(other))
    return json.dumps(_finite(value), allow_nan=False, **options)


def check_picture(path: Path) -> None:
    """Raise `SettingsError` if no picture can be written there."""
    if path.suffix.lower() not in _PICTURES:
        raise SettingsError(f"a plot's name must end in {', '.join(_PICTURES)}, got {path}")
    if not path.parent.is_dir():
        raise SettingsError(f"there is no folder {path.parent} to write the plot to")


def is_leftover(name: str) -> bool:
    """Whether a file's name is that of a staging folder."""
    return _STAGING.fullmatch(name) is not None


def _finite(value: Any) -> Any:
    """The same with None for every number that JSON cannot hold."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _new_file(path: Path) -> int:
    """Make an empty file with the permissions that the process gives to new files: their bits."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return os.fstat(handle).st_mode & 0o777
    finally:
        os.close(handle)


def _new_staging(folder: Path) -> tuple[Path, int | None]:
    while True:
        stage = folder / f".elman-{secrets.token_hex(8)}"
        stage.mkdir(mode=0o700)
        if fcntl is None:
            return stage, None
        if (lock := _locked(stage)) is not None:
            return stage, lock


def _locked(stage: Path) -> int | None:
    """The handle of the folder, locked; None where another process holds or has removed it."""
    try:
        handle = os.open(stage, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), stage.lstat()):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _remove_leftovers(folder: Path) -> None:
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        stages = [Path(entry.path) for entry in entries if is_leftover(entry.name)]
        for stage in stages:
            if not stage.is_symlink() and (lock := _locked(stage)) is not None:
                shutil.rmtree(stage, ignore_errors=True)
                os.close(lock)


def _shown(path: Path) -> str:
    name = str(path)
    return name if len(name) <= 200 else f"{name[:80]}…{name[-60:]}"
