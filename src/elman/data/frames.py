"""The columns of dataframes of any library, whatever their columns are called."""

from pathlib import Path
from typing import Any

from elman.errors import DataError


def columns_of(native: Any, source: str) -> dict[str, list[Any]] | None:
    """The columns of a dataframe by name, numbers as their digits; None of anything else.

    **Arguments:**

    - `native`: any dataframe that narwhals knows (pandas, polars, pyarrow, ...), lazy ones too.
    - `source`: what it is, for messages.

    Raises `DataError` for two columns of one name.
    """
    if isinstance(native, list | tuple | str | Path):
        return None
    import narwhals as nw

    if hasattr(native, "set_axis") and hasattr(native, "columns"):
        labels = [str(label) for label in native.columns]
        check_different(labels, source)
        if labels != list(native.columns):
            native = native.set_axis(labels, axis=1)
    try:
        frame = nw.from_native(native, pass_through=True)
    except Exception as error:  # each library's own, for two columns of one name and the like
        raise DataError(f"{source} cannot be read: {error}") from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        return None
    check_different(frame.columns, source)
    return {name: frame[name].to_list() for name in frame.columns}


def is_series(native: Any) -> bool:
    """Whether something is a column of its own, of any library."""
    if isinstance(native, list | tuple):
        return False
    import narwhals as nw

    series = nw.from_native(native, series_only=True, pass_through=True)
    return isinstance(series, nw.Series)


def check_different(names: list[str], source: str, hint: str = "") -> None:
    """Raise `DataError`, whose message ends with `hint`, if two columns have the same name."""
    for i, name in enumerate(names):
        if name in names[:i]:
            raise DataError(f"{source}: two columns have the same name: {', '.join(names)}{hint}")
