"""Whose the files of a folder are: elman writes over its own and nobody else's."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from elman.errors import FileError, SettingsError
from elman.files import cannot_write, is_file, is_leftover, read_json, sha256, writing
from elman.messages import shown

CONFIG, CARD, CHECKPOINT = "config.json", "README.md", "checkpoint.safetensors"
JOURNAL = ".elman-save.json"  # while a model is saved: the hashes of its files, old and new
MOST_CONFIG = 256 * 2**20  # bytes
_OF_NOBODY = {".gitkeep", ".gitignore", ".DS_Store", "Thumbs.db", "desktop.ini"}
_CARDS_LINE = b"A model of [elman](https://pypi.org/project/elman/)"
_SHOWN = 3
_MOST_HEADER = 100_000_000  # bytes, of a safetensors file


def path_of(value: Any, name: str) -> Path:
    """A path that a user gave as the argument `name`; SettingsError if it is none.

    >>> path_of("", "folder")
    Traceback (most recent call last):
    elman.errors.SettingsError: folder='': a path is needed, text or a pathlib.Path
    """
    if not isinstance(value, (str, os.PathLike)) or not (text := os.fspath(value)):
        raise SettingsError(f"{name}={value!r:.80}: a path is needed, text or a pathlib.Path")
    if not isinstance(text, str) or "\0" in text:
        raise SettingsError(f"{name}={value!r:.80}: a path of text without null bytes is needed")
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError, PermissionError, UnicodeEncodeError):
        pass
    except (OSError, ValueError):  # a name that is too long, or else no name of a file
        raise SettingsError(
            f"{name}={shown(value)} cannot be the name of a file or folder"
        ) from None
    return Path(text)


def claim(
    folder: Path,
    names: Iterable[str],
    recognised: Mapping[str, Callable[[Path], bool]] | None = None,
) -> None:
    """Make a folder to write files `names` into, or refuse one where a user's own would be lost.

    The folder must be new, empty, or one that elman wrote; of `names` it may hold only files that
    elman wrote and nobody changed since. Files of other names are left alone.

    **Arguments:** `recognised`: how files that no model's configuration vouches for are known to
    be elman's, by name.

    Raises `FileError`.
    """
    with writing(folder):
        if os.path.lexists(folder) and not folder.is_dir():
            raise FileError(f"{folder} is not a folder: choose another name for the folder")
        folder.mkdir(parents=True, exist_ok=True)
        held = {each.name for each in folder.iterdir()}
        if not os.access(folder, os.W_OK | os.X_OK):
            raise cannot_write(folder, 13)
    held = {name for name in held if not is_leftover(name)} - _OF_NOBODY
    if not held:
        return
    vouched = recorded(folder)
    if not vouched and not is_checkpoint(folder / CHECKPOINT):
        some = ", ".join(sorted(held)[:_SHOWN]) + (", ..." if len(held) > _SHOWN else "")
        raise FileError(
            f"{folder} holds other files ({some}): choose a folder that is new or empty, or one"
            " that elman wrote"
        )
    for name in names:
        path = folder / name
        if name not in held:
            continue
        known = (recognised or {}).get(name)
        if path.is_symlink() or not is_file(path):
            own = False
        elif known is not None:
            own = known(path)
        else:
            own = sha256(path) in vouched.get(name, ()) or _is_old_card(path, vouched)
        if not own:
            raise FileError(
                f"{path} would be overwritten, and it is not as elman wrote it: move it away, or"
                " choose another folder"
            )


def recorded(folder: Path) -> dict[str, set[str]]:
    """The SHA-256 that files of a saved model may have, by name; empty where there is no model.

    They stand in its configuration and, if saving was broken off, in its journal.
    """
    found: dict[str, set[str]] = {}
    config = _read(folder / CONFIG)
    if config and isinstance(config.get("files"), dict) and config.get("elman"):
        stated = config.pop("checksum", None)
        if stated == checksum(config):
            files = {**config["files"], CARD: config.get("card")}
            found = {name: {str(each)} for name, each in files.items()}
            found[CONFIG] = {sha256(folder / CONFIG)}
    for name, hashes in _read(folder / JOURNAL).items():
        if isinstance(hashes, list):
            found.setdefault(name, set()).update(map(str, hashes))
    return found


def checksum(config: Mapping[str, Any]) -> str:
    """The hash that a model's configuration holds of itself."""
    plain = json.dumps(config, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint of elman's, by its header; it may be damaged further on."""
    if path.is_symlink() or not is_file(path):
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return length <= _MOST_HEADER and b'"elman-checkpoint-' in file.read(length)


def _is_old_card(path: Path, vouched: Mapping[str, set[str]]) -> bool:
    """Whether it is the card of a model whose configuration does not yet hold the card's hash."""
    if path.name != CARD or vouched.get(CARD) != {"None"}:
        return False
    return _CARDS_LINE in path.read_bytes()[:1000]


def _read(path: Path) -> dict[str, Any]:
    if path.is_symlink() or not is_file(path):
        return {}
    try:
        value = read_json(path, MOST_CONFIG)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
