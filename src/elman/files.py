"""Whole files or none: atomic writes and checksums."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from elman.errors import SettingsError

_PICTURES = (".png", ".svg", ".pdf")


def write_atomic(path: Path | str, content: bytes | str | Callable[[Path], None]) -> None:
    """Write a file so that a crash leaves either the old one or the new one.

    **Arguments:**

    - `path`: where the file shall stand; missing parent folders are made.
    - `content`: bytes, text (UTF-8), or a function that writes to the path it is given.

    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "a.txt", "hello")
    >>> (folder / "a.txt").read_text()
    'hello'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        os.close(handle)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's content, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_picture(path: Path) -> None:
    """Raise `SettingsError` if no picture can be written there."""
    if path.suffix.lower() not in _PICTURES:
        raise SettingsError(f"a plot's name must end in {', '.join(_PICTURES)}, got {path}")
    if not path.parent.is_dir():
        raise SettingsError(f"there is no folder {path.parent} to write the plot to")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
