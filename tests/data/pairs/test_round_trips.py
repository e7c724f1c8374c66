"""The same pairs come from every format."""

import csv
import gzip
import io
import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Pairs, read_pairs

NO_BREAKS = st.characters(exclude_categories=["Cs", "Cc"])
TEXT = st.text(NO_BREAKS, min_size=1, max_size=12).filter(
    lambda text: text.strip() and not text.startswith('"') and not text.startswith("\ufeff")
)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6)

Written = tuple[object, dict[str, object]]


def as_tsv(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in [("source", "target"), *pairs]), "utf-8")
    return path, {}


def as_lines_with_tabs(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.txt"
    path.write_text("".join(f"{t}\t{s}\tCC-BY\n" for s, t in pairs), "utf-8")
    return str(path), {"source": "1", "target": 0}


def csv_of(pairs: list[tuple[str, str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("de", "en"), *((t, s) for s, t in pairs)])
    return file.getvalue()


def as_csv(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.csv"
    path.write_text(csv_of(pairs), "utf-8", newline="")
    return path, {"source": "en", "target": "de", "delimiter": ","}


def as_packed_csv(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.csv.gz"
    path.write_bytes(gzip.compress(csv_of(pairs).encode()))
    return path, {"source": "en", "target": "de", "delimiter": ","}


def as_json_lines(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.jsonl.gz"
    lines = [json.dumps({"id": i, "source": s, "target": t}) for i, (s, t) in enumerate(pairs)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path, {}


def as_parquet(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    polars = pytest.importorskip("polars")
    path = folder / "pairs.parquet"
    polars.DataFrame({"a": [s for s, _ in pairs], "b": [t for _, t in pairs]}).write_parquet(path)
    return path, {"source": "a", "target": "b"}


def as_two_files(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    (folder / "train.en").write_text("".join(f"{s}\n" for s, _ in pairs), "utf-8")
    (folder / "train.de").write_text("".join(f"{t}\r\n" for _, t in pairs), "utf-8", newline="")
    return folder / "train", {"source": "en", "target": "de"}


def as_two_packed_files(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    for side, name in enumerate(("a.gz", "b.txt.gz")):
        content = "\n".join(pair[side] for pair in pairs).encode()
        (folder / name).write_bytes(gzip.compress(content))
    return (str(folder / "a.gz"), folder / "b.txt.gz"), {}


def as_tmx(folder: Path, pairs: list[tuple[str, str]]) -> Written:
    path = folder / "pairs.tmx"
    units = "".join(
        f'<tu><tuv xml:lang="EN-us"><seg>{escape(s)}</seg></tuv>'
        f'<tuv xml:lang="de"><seg>{escape(t)}</seg></tuv></tu>\n'
        for s, t in pairs
    )
    content = f'<tmx version="1.4"><header srclang="EN-us"/><body>{units}</body></tmx>'
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>{content}', "utf-8")
    return path, {"source": "en", "target": "de"}


def as_dataframe(_: Path, pairs: list[tuple[str, str]]) -> Written:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(pairs, columns=["source", "target"]), {}


def as_columns(_: Path, pairs: list[tuple[str, str]]) -> Written:
    return {"a": [t for _, t in pairs], "b": [s for s, _ in pairs]}, {"source": "b", "target": "a"}


def as_records(_: Path, pairs: list[tuple[str, str]]) -> Written:
    return [{"x": t, "source": s} for s, t in pairs], {"target": "x"}


def as_tuples(_: Path, pairs: list[tuple[str, str]]) -> Written:
    return pairs, {}


def as_two_lists(_: Path, pairs: list[tuple[str, str]]) -> Written:
    return ([s for s, _ in pairs], [t for _, t in pairs]), {}


def as_itself(_: Path, pairs: list[tuple[str, str]]) -> Written:
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    return Pairs(sources, targets, ["x"] * len(pairs)), {}


FORMATS = [
    as_tsv,
    as_lines_with_tabs,
    as_csv,
    as_packed_csv,
    as_json_lines,
    as_parquet,
    as_two_files,
    as_two_packed_files,
    as_tmx,
    as_dataframe,
    as_columns,
    as_records,
    as_tuples,
    as_two_lists,
    as_itself,
]


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_pairs(write, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")

    @settings(max_examples=25)
    @given(PAIRS)
    def check(pairs: list[tuple[str, str]]) -> None:
        data, arguments = write(folder, pairs)
        found = read_pairs(data, **arguments)
        assert found.sources == [source for source, _ in pairs]
        assert found.targets == [target for _, target in pairs]
        assert len(set(found.names)) == (len(pairs) if write is not as_itself else 1)
        assert found.weights is None
        without = read_pairs(data, **arguments, labelled=False)
        assert without.sources == found.sources
        assert without.targets is None

    check()
