"""Where an export's files are written: whole or not at all, and never over a user's own."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.errors import FileError
from elman.files import is_file, read_json, sha256, write_atomic

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
    _check(folder, [*files, description], description)
    for name, content in files.items():
        write_atomic(folder / name, content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    text = json.dumps({**preprocessing, "files": hashes}, indent=1, ensure_ascii=False)
    write_atomic(folder / description, text + "\n")
    return (*(folder / name for name in files), folder / description)


def _check(folder: Path, names: list[str], description: str) -> None:
    """Refuse to write over files that are not as the description there says."""
    known: dict[str, Any] = {}
    if is_file(folder / description):
        try:
            found = read_json(folder / description, _MOST_BYTES)
        except (OSError, ValueError):
            found = None
        if isinstance(found, dict) and found.get("elman") and isinstance(found.get("files"), dict):
            known = {**found["files"], description: None}
    for name in names:
        path = folder / name
        if not path.exists() and not path.is_symlink():
            continue
        own = name in known and is_file(path) and known[name] in (None, sha256(path))
        if not own:
            raise FileError(
                f"{path} would be written over, and elman did not export it or it was changed:"
                " move it away, or choose another path"
            )
