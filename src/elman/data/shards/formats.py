"""The rows of each kind of shards as columns of Parquet."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.shards.manifest import Kind, Manifest, Pair, Row
from elman.data.sound.audio import Audio
from elman.data.sound.utterance import Utterance

_FULL = 1 << 15  # of 16-bit samples
Columns = Mapping[str, Sequence[Any]]


class Format(NamedTuple):
    """How rows become columns and columns rows.

    **Fields:** `schema`: of the columns, made with pyarrow; `size`: bytes of a row's content.
    """

    schema: Callable[[Any], Any]
    columns: Callable[[Sequence[Any]], Columns]
    rows: Callable[[Columns, Manifest], list[Any]]
    size: Callable[[Any], int]


def _text_schema(pa: Any) -> Any:
    return pa.schema({"text": pa.large_string(), "labels": pa.list_(pa.string())})


def _text_columns(rows: Sequence[Row]) -> Columns:
    return {"text": [row.text for row in rows], "labels": [list(row.labels) for row in rows]}


def _text_rows(columns: Columns, manifest: Manifest) -> list[Row]:
    both = zip(columns["text"], columns["labels"], strict=True)
    return [Row(text, tuple(labels), manifest.several) for text, labels in both]


def _text_size(row: Row) -> int:
    return _bytes(row.text)


def _pair_schema(pa: Any) -> Any:
    texts = {name: pa.large_string() for name in ("source", "target", "name")}
    return pa.schema({**texts, "weight": pa.float64()})


def _pair_columns(rows: Sequence[Pair]) -> Columns:
    return {name: [getattr(row, name) for row in rows] for name in Pair._fields}


def _pair_rows(columns: Columns, manifest: Manifest) -> list[Pair]:  # noqa: ARG001
    return [Pair(*each) for each in zip(*(columns[name] for name in Pair._fields), strict=True)]


def _pair_size(row: Pair) -> int:
    return _bytes(row.source) + _bytes(row.target)


def _speech_schema(pa: Any) -> Any:
    return pa.schema(
        {
            "name": pa.large_string(),
            "text": pa.large_string(),
            "speaker": pa.large_string(),
            "rate": pa.int32(),  # samples a second; 0 of features
            "features": pa.int32(),  # numbers of a frame; 0 of sound
            "bits": pa.int32(),  # of a number: 16 of integers, 32 of floats
            "content": pa.large_binary(),  # the numbers, the lowest byte first
        }
    )


def _speech_columns(rows: Sequence[Utterance]) -> Columns:
    stored = [_stored(row) for row in rows]
    return {
        **{name: [getattr(row, name) for row in rows] for name in ("name", "text", "speaker")},
        "rate": [0 if row.audio is None else row.audio.rate for row in rows],
        "features": [0 if row.features is None else row.features.shape[1] for row in rows],
        "bits": [8 * numbers.itemsize for numbers in stored],
        "content": [numbers.tobytes() for numbers in stored],
    }


def _stored(row: Utterance) -> NDArray[Any]:
    """Features as floats; samples as 16-bit integers where these are all of them, else floats."""
    if row.audio is None:
        assert row.features is not None
        return row.features.astype("<f4")
    samples = row.audio.samples
    short = np.clip(np.rint(samples * _FULL), -_FULL, _FULL - 1).astype("<i2")
    is_short = np.array_equal(short / np.float32(_FULL), samples)
    return short if is_short else samples.astype("<f4")


def _speech_rows(columns: Columns, manifest: Manifest) -> list[Utterance]:  # noqa: ARG001
    names = ("name", "text", "speaker", "rate", "features", "bits", "content")
    found = []
    for name, text, speaker, rate, features, bits, content in zip(
        *(columns[each] for each in names), strict=True
    ):
        numbers = np.frombuffer(content, "<i2" if bits == 16 else "<f4")
        if bits == 16:
            numbers = numbers / np.float32(_FULL)
        values: dict[str, Any] = (
            {"features": numbers.astype(np.float32).reshape(-1, features)}
            if features
            else {"audio": Audio(numbers.astype(np.float32), rate)}
        )
        found.append(Utterance(name, text, speaker=speaker, **values))
    return found


def _speech_size(row: Utterance) -> int:
    if row.audio is not None:
        return 2 * len(row.audio.samples)
    return 0 if row.features is None else row.features.nbytes


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


_TEXTS = Format(_text_schema, _text_columns, _text_rows, _text_size)
FORMATS: dict[Kind, Format] = {
    "text": _TEXTS,
    "labelled": _TEXTS,
    "pairs": Format(_pair_schema, _pair_columns, _pair_rows, _pair_size),
    "speech": Format(_speech_schema, _speech_columns, _speech_rows, _speech_size),
}
