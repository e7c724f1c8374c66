"""Shards: what was written is read, in an order that a position alone goes on from."""

import functools
import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elman.data import build_vocabulary, read_corpus, text_blocks
from elman.data.shards import Shards, write_shards
from elman.data.shards.manifest import NAME
from elman.errors import DataError, FileError, SettingsError

TEXTS = [f"text number {i}" for i in range(100)]
LABELS = ["even" if i % 2 == 0 else "odd" for i in range(100)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hundred labelled texts in eight shards."""
    write_shards((TEXTS, LABELS), tmp_path / "shards", kind="labelled", size=180)
    return tmp_path / "shards"


def test_what_was_written_is_read(folder: Path) -> None:
    shards = Shards(folder)
    assert len(shards.manifest.files) == 8
    assert (len(shards), shards.manifest.labels) == (100, ("even", "odd"))
    rows = [row for i in range(8) for row in shards.shard(i)]
    assert [(row.text, row.labels) for row in rows] == [
        (text, (label,)) for text, label in zip(TEXTS, LABELS, strict=True)
    ]


def test_an_epoch_has_every_row_once_and_goes_on_from_any_of_them(folder: Path) -> None:
    part = Shards(folder).part(seed=3)
    orders = [[row.text for row in part.epoch(e)] for e in range(3)]
    for order in orders:
        assert Counter(order) == Counter(TEXTS)
    assert len({tuple(order) for order in orders}) == 3
    for start in (0, 1, 37, 99, 100):
        assert [row.text for row in part.epoch(1, start)] == orders[1][start:]
    assert [row.text for row in Shards(folder).part(seed=4).epoch(1)] != orders[1]


def test_shards_before_the_position_are_not_read(folder: Path) -> None:
    part = Shards(folder).part(seed=3)
    first = {row.text for row in part.epoch(0)} - {row.text for row in part.epoch(0, 50)}
    for path in folder.glob("*.parquet"):
        if {row["text"] for row in pq.read_table(path).to_pylist()} <= first:
            path.unlink()
    assert len(list(folder.glob("*.parquet"))) < 8
    assert len(list(part.epoch(0, 50))) == 50


def test_what_is_held_out_is_never_trained_on(folder: Path) -> None:
    part = Shards(folder).part(seed=0, share=0.25)
    some, held_out = part.look(16)
    assert 16 <= len(some) <= 24
    assert {row.text for row in some} <= {row.text for row in part.epoch(0)}
    out = {row.text for row in held_out}
    for epoch in range(2):
        rows = [row.text for row in part.epoch(epoch)]
        assert len(rows) == len(part) == len(set(rows))
        assert set(rows) | out == set(TEXTS)
        assert not set(rows) & out


def test_parquet_is_sharded_by_batches_and_bad_rows_are_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(2):
        table = pa.table({"said": TEXTS[50 * i : 50 * i + 50], "sets": [["a", "b"], ["a"]] * 25})
        pq.write_table(table, tmp_path / "in" / f"{i}.parquet")
    made = write_shards(
        tmp_path / "in", tmp_path / "out", kind="labelled", text="said", label="sets"
    )
    assert (made.labels, made.several) == (("a", "b"), True)
    assert [row.text for row in Shards(tmp_path / "out").shard(0)] == TEXTS
    assert Shards(tmp_path / "out").shard(0)[1].labels == ("a",)
    pq.write_table(pa.table({"text": ["x", ""], "label": ["1", "2"]}), tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"bad.parquet, of rows 1 to 2: .*row 2: the text is empty"):
        write_shards(tmp_path / "bad.parquet", tmp_path / "new", kind="labelled")


@pytest.fixture(params=["path", "memory", "http"])
def address(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The same shards, in a folder, in fsspec's memory and behind a server."""
    if request.param == "path":
        yield str(folder)
        return
    if request.param == "memory":
        import fsspec

        files = fsspec.filesystem("memory")
        for path in folder.iterdir():
            files.pipe(f"/shards/{path.name}", path.read_bytes())
        yield "memory://shards/"
        files.rm("/shards", recursive=True)
        return
    pytest.importorskip("aiohttp", reason="fsspec reads http by aiohttp, which is not installed")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_any_address_gives_the_same(address: str, folder: Path) -> None:
    expected = [row.text for row in Shards(folder).part(0).epoch(0)]
    found = Shards.at(address, "labelled")
    assert found is not None
    assert [row.text for row in found.part(0).epoch(0)] == expected
    with pytest.raises(DataError, match=f"nowhere/{NAME} cannot be read"):
        Shards(f"{address.rstrip('/')}/nowhere")


def test_a_changed_shard_is_refused(folder: Path) -> None:
    shards = Shards(folder)
    content = bytearray((folder / "00003.parquet").read_bytes())
    content[20] ^= 1
    (folder / "00003.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"00003.parquet is not as shards.json says"):
        list(shards.part(0).epoch(0))
    (folder / "00003.parquet").unlink()
    with pytest.raises(DataError, match=r"00003.parquet cannot be read: No such file"):
        list(shards.part(0).epoch(0))


def test_a_list_that_is_none(folder: Path) -> None:
    stated = json.loads((folder / NAME).read_text())
    for changed in ({"elman_shards": 2}, {"files": []}, {"kind": "sound"}):
        (folder / NAME).write_text(json.dumps({**stated, **changed}))
        with pytest.raises(DataError, match=rf"{NAME} is no list of shards: {next(iter(changed))}"):
            Shards(folder)
    stated["files"][0]["name"] = "../../etc/passwd"
    (folder / NAME).write_text(json.dumps(stated))
    with pytest.raises(DataError, match=r"no list of shards: files.0.name"):
        Shards(folder)


def test_text_is_whole_again(tmp_path: Path) -> None:
    text = "".join(f"line {i}\r\n" for i in range(40_000)) + "no end"
    (tmp_path / "book.txt").write_text(text, newline="")
    write_shards(tmp_path / "book.txt", tmp_path / "out", kind="text", size=1 << 17)
    shards = Shards(tmp_path / "out")
    assert len(shards.manifest.files) > 1
    assert "".join(text_blocks(shards)) == "".join(text_blocks(tmp_path / "book.txt"))
    vocabulary = build_vocabulary("characters", [text])
    one = read_corpus(tmp_path / "book.txt", vocabulary)
    for kept in (None, tmp_path / "tokens", tmp_path / "tokens"):
        other = read_corpus(shards, vocabulary, kept)
        assert (other.tokens == one.tokens).all()
        assert (other.sha256, other.characters) == (one.sha256, one.characters)


def test_arguments(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not an empty folder"):
        write_shards((TEXTS, LABELS), folder, kind="labelled")
    with pytest.raises(SettingsError, match=r"kind='sound': one of text, labelled is needed"):
        write_shards((TEXTS, LABELS), tmp_path / "x", kind="sound")
    with pytest.raises(SettingsError, match="size=0"):
        write_shards((TEXTS, LABELS), tmp_path / "x", kind="text", size=0)
    with pytest.raises(DataError, match="are shards of the kind labelled, not text"):
        Shards.at(folder, "text")
    assert Shards.at(tmp_path, "text") is None
    assert Shards.at(["a text"], "text") is None
