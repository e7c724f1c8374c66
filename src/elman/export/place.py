"""Where an export's files are written: whole or not at all, and never over a user's own."""

import errno
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.errors import FileError
from elman.files import cannot_write, is_file, read_json, sha256, write_atomic, writing

_MOST_BYTES = 256 * 2**20


def beside(main: str | None) -> str:
    """The name of the description beside a file, `preprocess.json` in a folder of its own.

    >>> beside(None), beside("digits.onnx")
    ('preprocess.json', 'digits.preprocess.json')
    """
    return "preprocess.json" if main is None else f"{Path(main).stem}.preprocess.json"


def write(
    folder: Path, files: Mapping[str, bytes], preprocessing: Mapping[str, Any], description: str
) -> tuple[Path, ...]:
    """Write the files, and last their description with their hashes.

    Raises `FileError` where a file of the same name stands that elman did not write.
    """
    check(folder, description, [*files, description])
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomic(folder / name, content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    text = json.dumps({**preprocessing, "files": hashes}, indent=1, ensure_ascii=False)
    write_atomic(folder / description, text + "\n")
    return (*(folder / name for name in files), folder / description)


def check(folder: Path, description: str, names: Sequence[str] = ()) -> None:
    """Raise `FileError` where the folder cannot be written to, or a file of these names stands
    there that is not as the description says."""
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    if not there.is_dir():
        raise cannot_write(folder, errno.ENOTDIR)
    if not os.access(there, os.W_OK | os.X_OK):
        raise cannot_write(folder, errno.EACCES)
    known = _known(folder / description)
    for name in names or (description,):
        path = folder / name
        if not path.exists() and not path.is_symlink():
            continue
        own = name in known and is_file(path) and known[name] in (None, sha256(path))
        if not own:
            raise FileError(
                f"{path} would be overwritten, and elman did not export it or it was changed:"
                " move it away, or choose another path"
            )


def _known(path: Path) -> dict[str, Any]:
    """The hashes of the files that a description names; that of its own is not known."""
    if not is_file(path):
        return {}
    try:
        found = read_json(path, _MOST_BYTES)
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        return {}
    return {**found["files"], path.name: None} if found.get("elman") else {}
