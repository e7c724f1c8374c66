"""Predictions for Parquet files, one output a file, by one process or several."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.data.checks import whole
from elman.errors import DataError
from elman.files import move_into_place, sha256, staging, writing
from elman.folders import CONFIG, path_of
from elman.progress import stage, tell
from elman.scale.arrow_model import ArrowModel
from elman.scale.processes import Told, each_done
from elman.scale.sources import Made, Source, as_data, opened, sources, state
from elman.tasks.arrow import ERROR, ROWS
from elman.tasks.load import folder_of

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_ROWS = 1 << 16  # of an output's row group
_BYTES = 1 << 24  # about as many of a file are read, and written, at once


@dataclass(frozen=True)
class Outcome:
    """What `predict_files` has done.

    - `files`, `rows`: those predicted now; `errors`: rows of them that have no answer.
    - `done_before`: files whose predictions were there.
    - `changed`: files that were predicted again, as they had changed since.
    """

    files: int = 0
    rows: int = 0
    errors: int = 0
    done_before: int = 0
    changed: tuple[Path, ...] = ()


def predict_files(
    model: Path | str,
    data: Path | str,
    out: Path | str,
    *,
    workers: int = 1,
    column_prefix: str = "",
    progress: bool = True,
    **options: Any,
) -> Outcome:
    """Predict for Parquet files of any size, one after the other.

    Each file's predictions are a file of the same name, with the columns that came and those of
    `Task.arrow`, in the order of the rows; it appears when it is complete. Called again, it goes
    on: files whose predictions are there are left out, and those that have changed since are
    predicted again. A row without an answer has the reason in the column `error`.

    **Arguments:**

    - `model`: a model's folder, or `owner/name` on the hub.
    - `data`: a file, a folder (all of it, also in folders below), or a pattern such as
      `in/*.parquet`.
    - `out`: the folder of the predictions.
    - `workers`: processes that share the files; each loads the model. A program that starts
      several guards its main module with `if __name__ == "__main__":`.
    - `column_prefix`, `options`: as in `Task.arrow`.
    - `progress`: show how far it is.

    Raises `DataError` for files that cannot be read and where a column is missing (before anything
    is predicted, where the files' ends say so), `SettingsError` where an output was made by another
    model, `FileError` where a file of somebody else's would be lost.
    """
    workers = whole(workers, "workers", 1)
    folder = path_of(out, "out")
    asked = {"column_prefix": column_prefix, **options}
    known = ArrowModel(model, **asked)
    known.task.arrow([], **asked)  # which refuses options, and a task that cannot
    identity = sha256(folder_of(model) / CONFIG)
    found = sources(path_of(data, "data"), folder)
    states = [state(source, identity, asked) for source in found]
    jobs = [each for each, how in zip(found, states, strict=True) if how != "done"]
    total = sum(_rows(each, known) for each in jobs)
    work = _Work(known, identity, asked)
    rows = errors = 0
    with stage(f"predicting rows of {len(jobs)} files", shown=progress):
        for some, wrong in each_done(work, jobs, min(workers, len(jobs))):
            rows, errors = rows + some, errors + wrong
            tell(rows, total)
    changed = tuple(e.path for e, how in zip(found, states, strict=True) if how == "changed")
    return Outcome(len(jobs), rows, errors, len(found) - len(jobs), changed)


def _rows(source: Source, model: ArrowModel) -> int:
    """The rows of a file whose columns are what the model needs."""
    with opened(source.path) as file:
        try:
            model.schema(file.schema_arrow)
        except DataError as error:
            raise DataError(f"{source.path}: {error}") from None
        return int(file.metadata.num_rows)


@dataclass(frozen=True)
class _Work:
    """How a file is predicted: tells of each batch its rows, and how many have no answer."""

    model: ArrowModel
    identity: str
    asked: dict[str, Any]

    def __call__(self, source: Source) -> Generator[Told]:
        target = source.target
        with writing(target), staging(target.parent) as folder:
            made = Made.of(self.identity, self.asked, source.path)
            yield from self._written(source.path, folder / "file", made)
            if not made.is_of(source.path):
                raise DataError(f"{source.path} has changed while it was read; predict it again")
            move_into_place(folder / "file", target)

    def _written(self, source: Path, target: Path, made: Made) -> Iterator[Told]:
        from pyarrow.parquet import ParquetWriter

        error = self.model.column_prefix + ERROR
        with opened(source) as file:
            schema = made.written_into(self.model.schema(file.schema_arrow))
            batches = self.model(as_data(source, file.iter_batches(batch_size=_at_once(file))))
            with ParquetWriter(target, schema, compression="zstd") as writer:
                group = _RowGroup(writer)
                for batch in batches:
                    group.add(batch.replace_schema_metadata(schema.metadata))
                    yield batch.num_rows, batch.num_rows - batch[error].null_count
                group.write()


def _at_once(file: Any) -> int:
    """How many rows to read at once, fewer where they are large."""
    metadata = file.metadata
    rows: int = metadata.num_rows
    size: int = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    return max(1, min(ROWS, _BYTES * rows // max(1, size)))


class _RowGroup:
    """Batches held until they are a row group of a file."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, batch: "pa.RecordBatch") -> None:
        self._held.append(batch)
        self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _BYTES:
            self.write()

    def write(self) -> None:
        """Write what is held."""
        import pyarrow as pa

        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held))
        self._held, self._rows, self._bytes = [], 0, 0
