"""Compiled objects on disk: whole or absent, checked before use, and not too many.

The folder is the user's cache, or `$ELMAN_CACHE`. A file holds a line with the SHA-256 of the
rest; one that does not agree with it is built again and never run. Nor is a folder trusted that
others may write to.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path

from elman.files import write_atomic

MOST_FILES = 512
_SUFFIX = ".kernel"


def folder() -> Path:
    """Where compiled objects are kept."""
    if given := os.environ.get("ELMAN_CACHE"):
        return Path(given) / "kernels"
    import platformdirs

    return Path(platformdirs.user_cache_dir("elman")) / "kernels"


def fetch(key: str, build: Callable[[], bytes]) -> bytes:
    """The object of that key, from disk or built and then kept if the disk allows."""
    name = hashlib.sha256(key.encode()).hexdigest() + _SUFFIX
    place = folder()
    if not _is_safe(place):
        return build()
    path = place / name
    with contextlib.suppress(OSError):
        digest, _, content = path.read_bytes().partition(b"\n")
        if digest == _digest(key, content):
            path.touch()
            return content
    content = build()
    with contextlib.suppress(OSError):
        write_atomic(path, _digest(key, content) + b"\n" + content)
        _trim(place)
    return content


def describe() -> str:
    """One line about the cache, for people."""
    files = _files(folder())
    size = sum(each.stat().st_size for each in files)
    return f"{len(files)} kernels, {size / 1e6:.1f} MB in {folder()}"


def clear() -> int:
    """Remove all kept objects; returns how many there were."""
    files = _files(folder())
    for each in files:
        each.unlink(missing_ok=True)
    return len(files)


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + content).hexdigest().encode()


@cache
def _is_safe(place: Path) -> bool:
    """Whether the folder is ours alone to write to; it is made if missing."""
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not hasattr(os, "getuid"):
            return True
        status = place.stat()
        return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    except OSError:
        return False


def _files(place: Path) -> list[Path]:
    return [each for each in place.glob(f"*{_SUFFIX}") if each.is_file()]


def _trim(place: Path) -> None:
    """Remove the files that were not used for longest, above a number."""
    files = _files(place)
    if len(files) > MOST_FILES:
        for each in sorted(files, key=lambda file: file.stat().st_mtime)[: -MOST_FILES * 3 // 4]:
            each.unlink(missing_ok=True)
