"""Data from standard input and pipes, kept in a file while a command reads it."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeAlias

from cyclopts import Parameter

from elman.data.text.encodings import by_mark
from elman.data.text.files import may_be_path
from elman.errors import SettingsError
from elman.tasks.commands import Commands

Source = Annotated[
    str | None,
    Parameter(
        help="Your file, - for standard input, or the name of a dataset, such as text_sst2:train.",
        allow_leading_hyphen=True,
    ),
]
Suffix: TypeAlias = Callable[[bytes], str]
_FORMATS = {  # by the first bytes
    b"PAR1": ".parquet",
    b"RIFF": ".wav",
    b"fLaC": ".flac",
    b"OggS": ".ogg",
    b"ID3": ".mp3",
}
_START = 1 << 16


@contextmanager
def readable(source: str | None, suffix: Suffix) -> Iterator[str | None]:
    """A source that can be read again and again: of "-" and of a pipe, a copy of its content.

    **Arguments:**

    - `source`: what the user named.
    - `suffix`: from the first bytes of such a content, the suffix of the file that holds it.
    """
    if source is None or not _is_read_once(source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="elman-") as folder:
        if source == "-" and sys.stdin is None:
            raise SettingsError("-: there is no standard input here")
        if source == "-":
            copy = _copy(sys.stdin.buffer, Path(folder), suffix)
        else:
            with Path(source).open("rb") as pipe:
                copy = _copy(pipe, Path(folder), suffix)
        yield str(copy)


def _is_read_once(source: str) -> bool:
    if source == "-" or source.startswith("/dev/"):
        return True
    if not may_be_path(source) or not Path(source).exists():
        return False
    return stat.S_ISFIFO(Path(source).stat().st_mode)


def _copy(content: BinaryIO, folder: Path, suffix: Suffix) -> Path:
    start = content.read(_START)
    path = folder / f"stdin{suffix(start)}"
    with path.open("wb") as file:
        file.write(start)
        shutil.copyfileobj(content, file)
    return path


def suffix_for(known: Commands, settings: Any) -> Suffix:
    """Which kind of file a task takes unnamed content for, by its first bytes."""
    plain = ".txt" if "text" in known.reads else ".csv"
    columns = {str(getattr(settings, name)) for name in ("text", "path") if hasattr(settings, name)}

    def suffix(start: bytes) -> str:
        if "table" not in known.reads:
            return plain
        for mark, found in _FORMATS.items():
            if start.startswith(mark) and (found == ".parquet" or "sound" in known.reads):
                return found
        encoding, skipped = by_mark(start)
        encoding = encoding or getattr(settings, "encoding", None) or "utf-8"
        text = start[skipped:].decode(encoding, "replace")
        first = next((line for line in text.splitlines() if line.strip()), "")
        if first.startswith("{"):
            return ".jsonl"
        for delimiter in (getattr(settings, "delimiter", None) or "\t", ",", ";", "|", "\n"):
            fields = {field.strip().strip('"') for field in first.split(delimiter)}
            if fields & columns or (len(fields) > 1 and any(map(str.isdecimal, columns))):
                return ".tsv" if delimiter == "\t" else ".csv"
        return plain

    return suffix
