"""Parquet files to predict, where their predictions go, and which are finished."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from elman.errors import DataError, FileError, SettingsError
from elman.files import is_file, sha256
from elman.tasks.arrow import arrow

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIX = ".parquet"
_KEY = b"elman"  # of an output's metadata: what it was made of
_BUFFER = 1 << 20  # bytes of a column, read at once
_HIDDEN = (".", "_")  # what such names begin with is no data, as in Spark and Hive


@dataclass(frozen=True)
class Source:
    """A file to predict, and the file that gets its columns and the answers."""

    path: Path
    target: Path


@dataclass(frozen=True)
class Made:
    """What an output is made of: a model, what was asked of it, and a state of a file."""

    model: str  # the SHA-256 of its configuration, which holds those of its other files
    asked: str  # options, as JSON
    size: int
    changed: int  # nanoseconds
    sha256: str

    @classmethod
    def of(cls, model: str, asked: Mapping[str, Any], path: Path) -> "Made":
        """Of a file as it is now."""
        state = path.stat()
        text = json.dumps(asked, sort_keys=True, default=str)
        return cls(model, text, state.st_size, state.st_mtime_ns, sha256(path))

    def is_of(self, path: Path) -> bool:
        """Whether the file is still as it was."""
        state = path.stat()
        if state.st_size != self.size:
            return False
        return state.st_mtime_ns == self.changed or sha256(path) == self.sha256

    def written_into(self, schema: "pa.Schema") -> "pa.Schema":
        """A schema whose metadata say so."""
        kept = schema.metadata or {}
        return schema.with_metadata({**kept, _KEY: json.dumps(asdict(self)).encode()})

    @classmethod
    def read_from(cls, schema: "pa.Schema") -> "Made | None":
        """What the metadata of an output say; None where elman has not written it."""
        try:
            return cls(**json.loads((schema.metadata or {})[_KEY]))
        except (KeyError, TypeError, ValueError):
            return None


def sources(data: Path | str, out: Path) -> list[Source]:
    """The Parquet files that a path, a folder or a pattern names, in the order of their names.

    The outputs have their names, below `out` as the files lie below the folder or the part of the
    pattern that has no wildcard. Names that begin with "." or "_" are left out.

    Raises `DataError` where there is none, for a file of another kind, and where `out` is among
    them.
    """
    base, paths = _found(str(data))
    within = out.resolve()
    for path in paths:
        if not path.name.endswith(SUFFIX):
            raise DataError(
                f"{path} is not Parquet, which predictions of files are made of: predict without"
                " --out, or convert it"
            )
        if path.resolve().is_relative_to(within):
            raise SettingsError(f"{path} lies in {out}, where predictions go: choose another --out")
    if not paths:
        raise DataError(
            f"{data}: there is no such file; a path, a folder or a pattern as 'in/*{SUFFIX}' is"
            " needed"
        )
    return [Source(path, out / path.relative_to(base)) for path in paths]


def matches(pattern: str) -> tuple[Path, list[Path]]:
    """The part of a pattern that has no wildcard, and the files that it names."""
    path = Path(pattern)
    fixed = list(takewhile(lambda part: not has_magic(part), path.parent.parts))
    base = Path(*fixed)
    rest = path.parts[len(fixed) :]
    return base, sorted(each for each in base.glob(str(Path(*rest))) if each.is_file())


def _found(data: str) -> tuple[Path, list[Path]]:
    path = Path(data)
    if path.is_file() or not has_magic(data):
        base, paths = (path, path.rglob(f"*{SUFFIX}")) if path.is_dir() else (path.parent, [path])
        named = sorted(each for each in paths if is_file(each))
    else:
        base, named = matches(data)
    return base, [each for each in named if _is_data(each, base)]


def _is_data(path: Path, base: Path) -> bool:
    return not any(part.startswith(_HIDDEN) for part in path.relative_to(base).parts)


def opened(path: Path) -> Any:
    """A `pyarrow.parquet.ParquetFile` that is read a page at a time; DataError if it is none."""
    arrow()
    from pyarrow.parquet import ParquetFile

    (file,) = as_data(path, (ParquetFile(each, buffer_size=_BUFFER) for each in (path,)))
    return file


def as_data(path: Path, items: Iterator[Any]) -> Iterator[Any]:
    """What is read of a file; what Arrow raises becomes a `DataError` that names the file."""
    from pyarrow import ArrowException

    try:
        yield from items
    except (ArrowException, OSError, ValueError) as error:
        what = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read as Parquet: {what:.200}") from None


def state(
    source: Source, model: str, asked: Mapping[str, Any]
) -> Literal["to do", "done", "changed"]:
    """Whether a file's predictions are there, and of the file as it is now.

    Raises `FileError` for an output that is not elman's, `SettingsError` for one that another model
    or other options have made.
    """
    target = source.target
    if not target.exists():
        return "to do"
    try:
        with opened(target) as file:
            made = Made.read_from(file.schema_arrow)
    except DataError:
        made = None
    if made is None:
        raise FileError(
            f"{target} would be overwritten, and it holds no predictions of elman: move it away,"
            " or choose another --out"
        )
    if (made.model, json.loads(made.asked)) != (model, json.loads(json.dumps(asked, default=str))):
        raise SettingsError(
            f"{target} was made by another model or with other options: choose another --out"
        )
    return "done" if made.is_of(source.path) else "changed"
