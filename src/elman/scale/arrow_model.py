"""A saved model as a function from Arrow batches to Arrow batches."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.files import is_file
from elman.folders import CONFIG, path_of
from elman.tasks.load import load

if TYPE_CHECKING:
    import pyarrow as pa

    from elman.tasks.task import Task


class ArrowModel:
    """`Task.arrow` of a saved model, to be sent to other processes.

    What is sent is the model's name. Each process loads the model when it needs it first, and keeps
    it until its folder changes.

    **Arguments:**

    - `model`: a folder that all processes can read, or `owner/name` on the hub; a folder that is
      here already is named by its absolute path.
    - `column_prefix`, `options`: as in `Task.arrow`.

    >>> import pickle
    >>> pickle.loads(pickle.dumps(ArrowModel("runs/translate", beam=2)))
    ArrowModel('runs/translate', beam=2)
    """

    def __init__(self, model: Path | str, *, column_prefix: str = "", **options: Any) -> None:
        folder = path_of(model, "model")
        self.model = str(folder.absolute() if folder.is_dir() else model)
        self.column_prefix = column_prefix
        self.options: Mapping[str, Any] = options

    def __call__(self, batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """The batches with the answers to their rows; see `Task.arrow`."""
        return self.task.arrow(batches, column_prefix=self.column_prefix, **self.options)

    def table(self, given: "pa.Table") -> "pa.Table":
        """A table with the answers to its rows, for engines that hand over tables."""
        from pyarrow import Table

        return Table.from_batches(self(given.to_batches()), self.schema(given.schema))

    def schema(self, given: "pa.Schema") -> "pa.Schema":
        """The columns of the answered batches for those of the given ones."""
        return self.task.arrow_schema(given, column_prefix=self.column_prefix)

    @property
    def task(self) -> "Task":
        """The model, loaded once in a process."""
        config = Path(self.model) / CONFIG
        return _loaded(self.model, config.stat().st_mtime_ns if is_file(config) else 0)

    def __repr__(self) -> str:
        prefix = {"column_prefix": self.column_prefix} if self.column_prefix else {}
        words = [f"{name}={value!r}" for name, value in {**prefix, **self.options}.items()]
        return f"ArrowModel({', '.join([repr(self.model), *words])})"


@lru_cache(maxsize=2)
def _loaded(model: str, changed: int) -> "Task":  # noqa: ARG001
    return load(model)
