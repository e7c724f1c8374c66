"""Arrow batches through a task: the columns that came, and beside them the answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from elman.data.frames import check_different
from elman.data.tables import is_position
from elman.data.values import shown
from elman.errors import DataError, SettingsError
from elman.tasks.prediction import Prediction
from elman.tasks.table_columns import TableColumns

if TYPE_CHECKING:
    import pyarrow as pa

    from elman.tasks.task import Task

ERROR = "error"  # the column that says why a row has no answer
ROWS = 2048  # answered at once
_ONE_ROW = ("the dict, row 1: ", "text 1: ", "example 0: ")  # where a reader says that it stands
_MOST_NAMES = 20


def arrow() -> Any:
    """The module pyarrow; `SettingsError` where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise SettingsError("Arrow needs pyarrow: pip install 'elman[scale]'") from None
    return pyarrow


def answered_schema(known: TableColumns, schema: "pa.Schema", prefix: str) -> "pa.Schema":
    """The columns of `schema` and, after them, those that the task adds.

    Raises `DataError` where one that the task reads is missing, or one that it adds is there.
    """
    if not isinstance(prefix, str):
        raise SettingsError(f"column_prefix={shown(prefix)}: a string is needed")
    pa = arrow()
    if not isinstance(schema, pa.Schema):
        raise SettingsError(f"a pyarrow.Schema is needed, not a {type(schema).__name__}")
    check_different(schema.names, "the table")
    for name in known.inputs:
        _position(schema.names, name)
    types = {str: pa.string(), float: pa.float64(), list[str]: pa.list_(pa.string())}
    for name, kind in {**known.answers, ERROR: str}.items():
        if prefix + name in schema.names:
            raise DataError(
                f"the table already has a column {shown(prefix + name)}: give the new columns a"
                " prefix, such as column_prefix='predicted_' (--column-prefix predicted_)"
            )
        schema = schema.append(pa.field(prefix + name, types[kind]))
    return schema


def answered(
    task: "Task",
    known: TableColumns,
    batches: "Iterable[pa.RecordBatch]",
    prefix: str,
    options: Mapping[str, Any],
) -> "Iterator[pa.RecordBatch]":
    """The batches with the answers, in pieces of at most `ROWS` rows; an empty one stays."""
    pa = arrow()
    given = full = None
    for batch in batches:
        if not isinstance(batch, pa.RecordBatch):
            raise DataError(f"a pyarrow.RecordBatch is needed, not a {type(batch).__name__}")
        if given is None:
            given, full = batch.schema, answered_schema(known, batch.schema, prefix)
        elif not batch.schema.equals(given):
            raise DataError("the batches have different columns: all must be those of the first")
        assert full is not None
        for start in range(0, max(1, batch.num_rows), ROWS):
            piece = batch.slice(start, ROWS)
            yield _with_answers(task, known, piece, full, options)


def _with_answers(
    task: "Task", known: TableColumns, piece: "pa.RecordBatch", full: "pa.Schema", options: Any
) -> "pa.RecordBatch":
    pa = arrow()
    names = piece.schema.names
    columns = {name: piece.column(_position(names, name)).to_pylist() for name in known.inputs}
    found = _predictions(task, columns, piece.num_rows, options)
    rows = [{} if each.error is not None else each.row() for each in found]
    values = [[row.get(name) for row in rows] for name in known.answers]
    values.append([each.error for each in found])
    kinds = full.types[len(names) :]
    arrays = [pa.array(each, kind) for each, kind in zip(values, kinds, strict=True)]
    return pa.RecordBatch.from_arrays([*piece.columns, *arrays], schema=full)


def _predictions(
    task: "Task", columns: Mapping[str, Sequence[Any]], count: int, options: Any
) -> list[Prediction]:
    """One for each row; where all cannot be read as one, those of its halves."""
    if not count:
        return []
    try:
        found = task.predictions(dict(columns), **options)
    except DataError as error:
        if count == 1:
            return [Prediction(None, _without_place(str(error)))]
        half = count // 2
        first = {name: values[:half] for name, values in columns.items()}
        second = {name: values[half:] for name, values in columns.items()}
        return [
            *_predictions(task, first, half, options),
            *_predictions(task, second, count - half, options),
        ]
    if len(found) != count:
        raise SettingsError(f"the task {task.name} gave {len(found)} answers to {count} rows")
    return found


def _without_place(message: str) -> str:
    for place in _ONE_ROW:
        message = message.removeprefix(place)
    return message


def _position(names: Sequence[str], name: str) -> int:
    """Where a column stands that is called so, or that has this position."""
    if name in names:
        return names.index(name)
    if is_position(name) and int(name) < len(names):
        return int(name)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    there = ", ".join(map(shown, names[:_MOST_NAMES]))
    raise DataError(
        f"the table has no column {shown(name)}, which the model reads: it has {there}{more}"
    )
