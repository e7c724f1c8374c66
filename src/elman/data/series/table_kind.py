"""How a table was written, so that what comes back is written alike."""

import re
from ast import literal_eval
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.series.zones import datetimes
from elman.errors import DataError, SettingsError

_PANDAS = ("pandas", "modin", "cudf")
_NUMPY_TIME = re.compile(r"datetime64\[(D|s|ms|us|ns)\]")


@dataclass(frozen=True)
class TableKind:
    """The library of a dataframe and the types of its columns of names and times.

    **Fields:** `library`: None of a dict or a file. `id`, `time`: the columns' types as the library
    writes them, None where it says nothing. `zone`: of the times.
    """

    library: str | None = None
    id: str | None = None
    time: str | None = None
    zone: str | None = None

    def table(self, columns: Mapping[str, Any], id: str, times: tuple[str, ...]) -> Any:
        """Columns as a table of this kind; `id` names that of the series, `times` those of times,
        which are in UTC if there is a zone.

        >>> days = TableKind(time="datetime64[D]")
        >>> days.table({"ds": np.array(["2024-01-01"], "M8[s]")}, "unique_id", ("ds",))
        {'ds': array(['2024-01-01'], dtype='datetime64[D]')}
        """
        arrays = {name: as_array(values) for name, values in columns.items()}
        if self.library is None:
            return {
                name: self._numpy_times(values) if name in times else values
                for name, values in arrays.items()
            }
        import narwhals as nw

        exact = {  # times in units that all libraries know
            name: self._known_unit(values) if values.dtype.kind == "M" else values
            for name, values in arrays.items()
        }
        library: Any = self.library
        try:
            frame = nw.from_dict(exact, backend=library)
        except (ImportError, ModuleNotFoundError):
            return TableKind(zone=self.zone).table(columns, id, times)
        for name in (*times, id):
            if name in arrays:
                frame = self._cast(frame, name, self.id if name == id else self.time)
        return frame.to_native()

    def _numpy_times(self, values: Any) -> Any:
        if values.dtype.kind != "M":
            return values.astype(self.time) if self.time and values.dtype.kind == "i" else values
        if self.zone is not None:
            return datetimes(values, self.zone)
        if self.time and _NUMPY_TIME.fullmatch(self.time):
            cast = values.astype(self.time)
            return values if (cast != values).any() else cast
        return values

    def _known_unit(self, values: Any) -> Any:
        """In the column's own unit if that cuts nothing, else in the coarsest from ms on."""
        wanted = re.search(r"(ms|us|ns)", self.time or "")
        for unit in (*(wanted.groups() if wanted else ()), "ms", "us", "ns"):
            cast = values.astype(f"M8[{unit}]")
            if not (cast != values).any():
                break
        return cast

    def _cast(self, frame: Any, name: str, kind: str | None) -> Any:
        """With one column as it came; as it is, if it cannot be so."""
        import narwhals as nw

        column = frame[name]
        is_time = column.dtype == nw.Datetime
        if is_time and self.zone is not None:
            frame = frame.with_columns(nw.col(name).dt.replace_time_zone("UTC"))
        if kind is None or kind == "object":
            return frame
        try:
            if self.library in _PANDAS:
                native = frame.to_native()
                native[name] = native[name].astype(kind)
                return nw.from_native(native)
            if is_time and self.zone is not None:
                frame = frame.with_columns(nw.col(name).dt.convert_time_zone(self.zone))
            return frame.with_columns(nw.col(name).cast(_dtype(kind)))
        except Exception:  # each library has errors of its own for what it cannot cast
            return frame


def kind_of(data: Any, id: str, time: str) -> TableKind:
    """How a table is written; SettingsError if it is none."""
    if isinstance(data, (str, Path)):
        return TableKind()
    if isinstance(data, Mapping):
        for name, values in data.items():
            if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
                raise DataError(
                    f"the column {str(name)[:60]} is {repr(values)[:60]}: a list or an array of"
                    " values is needed"
                )
        of = (getattr(data.get(name), "dtype", None) for name in (id, time))
        return TableKind(None, *(None if each is None else str(each) for each in of))
    import narwhals as nw

    try:
        frame = nw.from_native(data)
    except TypeError:
        raise SettingsError(
            f"data must be a path, a dataset's name, a dict of columns or a dataframe, got"
            f" {type(data).__name__}"
        ) from None
    library = frame.implementation.value
    schema = frame.collect_schema()
    if isinstance(frame, nw.LazyFrame):
        library = frame.head(0).collect().implementation.value
    kinds = dict.fromkeys((id, time))
    for name in kinds:
        if name in schema:
            native = str(data[name].dtype) if library in _PANDAS else str(schema[name])
            kinds[name] = None if native.startswith(("Object", "Unknown")) else native
    return TableKind(library, kinds[id], kinds[time])


def exact_times(data: Any, time: str) -> tuple[list[Any] | None, str | None]:
    """The times of a dataframe's own type for them, to the nanosecond, and their zone, if it has
    one; None of anything else."""
    import narwhals as nw

    if isinstance(data, (str, Path, Mapping)):
        return None, None
    frame = nw.from_native(data)
    dtype = frame.collect_schema().get(time)
    if not isinstance(dtype, nw.Datetime):
        return None, None
    some = frame.select(time)
    column = (some.collect() if isinstance(some, nw.LazyFrame) else some)[time]
    if dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return list(np.asarray(column.to_numpy(), f"M8[{dtype.time_unit}]")), dtype.time_zone


def as_array(values: Any) -> Any:
    """An array, of objects where values have several types, which numpy would make texts."""
    array = np.asarray(values)
    if array.dtype.kind in "US" and not all(isinstance(each, str) for each in values):
        array = np.empty(len(values), object)
        array[:] = list(values)
    return array


def _dtype(kind: str) -> Any:
    """A type of narwhals by its name."""
    import narwhals as nw

    name = kind.partition("(")[0]
    if name == "Datetime":
        unit = re.search(r"time_unit='(s|ms|us|ns)'", kind)
        zone = re.search(r"time_zone='([^']+)'", kind)
        wanted: Any = unit[1] if unit else "us"
        return nw.Datetime(wanted, zone[1] if zone else None)
    if name == "Enum":
        return nw.Enum(literal_eval(kind.removeprefix("Enum(categories=")[:-1]))
    if name == "Decimal":
        precision, scale = (int(number) for number in re.findall(r"=(\d+)", kind))
        return nw.Decimal(precision, scale)
    return getattr(nw, name)
