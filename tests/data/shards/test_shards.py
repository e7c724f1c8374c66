"""Shards: what was written is read, in an order that a position alone goes on from."""

import functools
import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from elman.data import Audio, build_vocabulary, read_audio, read_corpus, text_blocks
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
    assert len(held_out) == 25
    assert 16 <= len(some) <= 24
    assert {row.text for row in some} <= {row.text for row in part.epoch(0)}
    out = {row.text for row in held_out}
    for epoch in range(2):
        rows = [row.text for row in part.epoch(epoch)]
        assert len(rows) == len(part) == len(set(rows))
        assert set(rows) | out == set(TEXTS)
        assert not set(rows) & out


def test_shards_of_few_rows_hold_out_their_share(tmp_path: Path) -> None:
    write_shards((TEXTS, LABELS), tmp_path / "shards", kind="labelled", size=45)
    shards = Shards(tmp_path / "shards")
    assert max(file.rows for file in shards.manifest.files) < 10
    part = shards.part(seed=0, share=0.1)
    assert (len(part.look(1)[1]), len(part), len(list(part.epoch(0)))) == (10, 90, 90)


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


SAID = [
    (np.int16([0, 1, -32768, 32767] * 400) / np.float32(32768), 16),
    (np.linspace(-0.7, 0.7, 1000, dtype=np.float32), 32),
]


def test_sound_is_the_same_sample_by_sample(tmp_path: Path) -> None:
    sounds = [(Audio(samples, 8000), f"said {bits}") for samples, bits in SAID]
    write_shards(sounds, tmp_path / "sound", kind="speech")
    table = pq.read_table(tmp_path / "sound" / "00000.parquet")
    assert table["bits"].to_pylist() == [bits for _, bits in SAID]
    found = Shards(tmp_path / "sound").shard(0)
    for each, (audio, text) in zip(found, sounds, strict=True):
        assert each.audio.samples.dtype == np.float32
        assert np.array_equal(each.audio.samples, audio.samples)
        assert (each.audio.rate, each.text) == (8000, text)


def test_a_manifest_of_sound_files_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    wave = np.sin(np.arange(4000) / 5) / 2
    for name, samples in {"a": wave, "b": wave / 2, "silent": 0 * wave}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 8000, subtype="PCM_16")
    rows = ["path,text,speaker,start,end", "a.wav,one,ann,0.1,0.3", "silent.wav,two,ann,,"]
    (tmp_path / "list.csv").write_text("\n".join([*rows, "b.wav,three,bob,,", "no.wav,x,,,"]))
    with pytest.warns(UserWarning, match=r"1 silent, left out\n1 broken, left out"):
        write_shards(tmp_path / "list.csv", tmp_path / "out", kind="speech", size=1)
    shards = Shards(tmp_path / "out")
    assert len(shards.manifest.files) == 2
    one, three = shards.rows()
    assert (one.text, one.speaker, one.seconds) == ("one", "ann", pytest.approx(0.2))
    assert (three.text, three.speaker, three.seconds) == ("three", "bob", 0.5)
    expected = read_audio(tmp_path / "a.wav", start=0.1, end=0.3).samples
    assert np.array_equal(one.audio.samples, expected)
    assert "list.csv:2 (a.wav)" in one.name


def test_ready_features(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).normal(size=(9, 13)).astype(np.float32)
    write_shards([(frames, "go")], tmp_path / "out", kind="speech")
    (found,) = Shards(tmp_path / "out").rows()
    assert np.array_equal(found.features, frames)
    assert found.audio is None


def test_pairs_with_their_weights_and_without_those_that_harm(tmp_path: Path) -> None:
    pairs = [(f"source {i}", f"Ziel {i}") for i in range(40)]
    (tmp_path / "a.tsv").write_text("\n".join("\t".join(pair) for pair in pairs[:20]))
    (tmp_path / "b.tsv").write_text("\n".join("\t".join(pair) for pair in pairs[20:]))
    files = {str(tmp_path / "a.tsv"): 1.0, str(tmp_path / "b.tsv"): 0.25}
    write_shards(files, tmp_path / "out", kind="pairs", source="0", target="1", size=200)
    rows = list(Shards(tmp_path / "out").rows())
    assert len(Shards(tmp_path / "out").manifest.files) > 1
    assert [row[:2] for row in rows] == pairs
    assert [row.weight for row in rows] == [1.0] * 20 + [0.25] * 20
    assert rows[0].name == f"{tmp_path / 'a.tsv'}:1"
    table = pa.table({"en": [s for s, _ in pairs] * 2, "de": [t for _, t in pairs] + [""] * 40})
    pq.write_table(table, tmp_path / "pairs.parquet")
    columns = {"source": "en", "target": "de"}
    with pytest.warns(UserWarning, match=r"40 of 80 pairs are dropped: 40 empty"):
        write_shards(tmp_path / "pairs.parquet", tmp_path / "p", kind="pairs", **columns)
    assert [row[:2] for row in Shards(tmp_path / "p").rows()] == pairs
    whole = {**columns, "clean": False}
    write_shards(tmp_path / "pairs.parquet", tmp_path / "all", kind="pairs", **whole)
    assert len(Shards(tmp_path / "all")) == 80
    with pytest.raises(DataError, match="has no column 'source': it has en, de"):
        write_shards(tmp_path / "pairs.parquet", tmp_path / "x", kind="pairs")
    pq.write_table(table.slice(40), tmp_path / "empty.parquet")
    with pytest.raises(DataError, match="no pair can be used: 40 of 40 pairs are dropped"):
        write_shards(tmp_path / "empty.parquet", tmp_path / "x", kind="pairs", **columns)


def test_rows_that_are_left_out_are_never_read_again(folder: Path) -> None:
    out = {0: np.array([1, 2]), 7: np.arange(3)}
    gone = {Shards(folder).shard(number)[row].text for number in out for row in out[number]}
    part = Shards(folder).part(seed=3, left_out=out)
    found = [row.text for row in part.epoch(1)]
    assert len(part) == len(found) == 95
    assert set(found) == set(TEXTS) - gone
    assert [row.text for row in part.epoch(1, 60)] == found[60:]
    some, held_out = Shards(folder).part(seed=3, share=0.5, left_out=out).look(1000)
    assert {row.text for row in some + held_out} == set(TEXTS) - gone


def test_arguments(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not an empty folder"):
        write_shards((TEXTS, LABELS), folder, kind="labelled")
    with pytest.raises(SettingsError, match=r"kind='sound': one of text, labelled, pairs, speech"):
        write_shards((TEXTS, LABELS), tmp_path / "x", kind="sound")
    with pytest.raises(SettingsError, match="size=0"):
        write_shards((TEXTS, LABELS), tmp_path / "x", kind="text", size=0)
    with pytest.raises(DataError, match="are shards of the kind labelled, not text"):
        Shards.at(folder, "text")
    assert Shards.at(tmp_path, "text") is None
    assert Shards.at(["a text"], "text") is None
