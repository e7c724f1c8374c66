import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Corpus, build_vocabulary, read_corpus, text_blocks
from elman.data.text import corpus
from elman.errors import DataError, SettingsError

LONG = "".join(f"line {i}, with some words in it\n" for i in range(25_000))


def test_tokens_are_the_text_and_are_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text(LONG)
    vocabulary = build_vocabulary("characters", text_blocks(path))
    made = read_corpus(path, vocabulary, tmp_path / "kept")
    assert isinstance(made.tokens, np.memmap)
    assert made.tokens.dtype == np.uint16
    assert made.characters == len(made) == len(LONG)
    assert vocabulary.decode(made.tokens) == LONG
    monkeypatch.setattr(corpus._Tokeniser, "write", lambda *_: pytest.fail("made again"))
    kept = read_corpus(str(path), vocabulary, tmp_path / "kept")
    assert (kept.sha256, kept.characters) == (made.sha256, made.characters)
    np.testing.assert_array_equal(kept.tokens, made.tokens)


def test_a_changed_file_vocabulary_or_broken_cache_is_made_anew(tmp_path):
    path, folder = tmp_path / "a.txt", tmp_path / "kept"
    path.write_text("abcabc")
    vocabulary = build_vocabulary("characters", ["abc"])
    assert read_corpus(path, vocabulary, folder).tokens.tolist() == [2, 3, 4, 2, 3, 4]
    other = build_vocabulary("characters", ["bc"])
    assert read_corpus(path, other, folder).tokens.tolist() == [1, 2, 3, 1, 2, 3]
    path.write_text("cbacba")
    os.utime(path, ns=(1, 1))
    assert read_corpus(path, vocabulary, folder).tokens.tolist() == [4, 3, 2, 4, 3, 2]
    for damage in (b"\1", b""):
        for tokens in folder.glob("*.tokens"):
            tokens.write_bytes(damage)
        assert read_corpus(path, vocabulary, folder).tokens.tolist() == [4, 3, 2, 4, 3, 2]
    for facts in folder.glob("*.json"):
        facts.write_text("{")
    assert read_corpus(path, vocabulary, folder).tokens.tolist() == [4, 3, 2, 4, 3, 2]


def test_nothing_is_left_of_a_failed_attempt(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good so far " * 100_000 + b"\xff")
    with pytest.raises(DataError, match=r"a\.txt is not text: byte 0xff at offset 1200000"):
        read_corpus(path, build_vocabulary("characters", ["a"]), tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_byte_pairs_cut_in_blocks_are_those_of_the_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(LONG)
    vocabulary = build_vocabulary("bpe", [LONG[:20_000]], size=400)
    made = read_corpus(path, vocabulary)
    assert sum(1 for _ in text_blocks(path)) >= 3
    np.testing.assert_array_equal(made.tokens, vocabulary.encode(LONG))
    assert vocabulary.characters[made.tokens].sum() == made.characters


def test_large_vocabularies_take_four_bytes():
    text = "".join(map(chr, range(0x10000, 0x10000 + 65_534)))
    vocabulary = build_vocabulary("characters", [text])
    made = read_corpus([text], vocabulary)
    assert made.tokens.dtype == np.uint32
    assert made.tokens[-1] == 65_535
    vocabulary = build_vocabulary("characters", [text[1:]])
    assert read_corpus([text], vocabulary).tokens.dtype == np.uint16


def test_folders_lists_and_documents(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("two\n")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "sub" / "c.txt").write_text("three")
    (tmp_path / "d.csv").write_text("no")
    assert "".join(text_blocks(tmp_path)) == "one\ntwo\nthree"
    paths = [tmp_path / "b.txt", tmp_path / "a.txt"]
    assert "".join(text_blocks(paths)) == "two\none"
    assert "".join(text_blocks(iter(["one", "", "two"]))) == "one\ntwo"
    vocabulary = build_vocabulary("characters", ["abc\n"])
    first = read_corpus(iter(["ab", "c"]), vocabulary, tmp_path / "kept")
    second = read_corpus(["c"], vocabulary, tmp_path / "kept")
    assert vocabulary.decode(first.tokens) == "ab\nc"
    assert vocabulary.decode(second.tokens) == "c"


@given(st.lists(st.text(max_size=20), min_size=1).filter(any))
def test_documents_of_any_text(documents):
    text = "".join(text_blocks(documents))
    expected = [d if d.endswith("\n") else d + "\n" for d in documents if d]
    assert text == "".join(expected)[: len(text)]
    assert len("".join(expected)) - len(text) <= 1


def test_encodings_and_suffixes(tmp_path):
    (tmp_path / "A.TXT").write_bytes("слово\n".encode("cp1251"))
    (tmp_path / "b.txt").write_bytes("слово".encode("utf-16"))
    assert "".join(text_blocks(tmp_path, encoding="cp1251")) == "слово\nслово"
    vocabulary = build_vocabulary("characters", ["слово\n"])
    kept = tmp_path / "kept"
    first = read_corpus(tmp_path / "A.TXT", vocabulary, kept, encoding="cp1251")
    second = read_corpus(tmp_path / "A.TXT", vocabulary, kept, encoding="koi8-r")
    assert vocabulary.decode(first.tokens) == "слово\n"
    assert first.sha256 != second.sha256


def test_a_string_that_cannot_be_a_path_is_a_document():
    book = "one line\nand another " * 400
    assert "".join(text_blocks(book)) == book


def test_bad_sources(tmp_path):
    with pytest.raises(DataError, match=r"no such file: .*a\.txt"):
        list(text_blocks(tmp_path / "a.txt"))
    with pytest.raises(DataError, match=r"the dataset lm_tinyshakespeare\?"):
        list(text_blocks("lm_tinyshakespear"))
    with pytest.raises(DataError, match=r"holds no \.txt files"):
        list(text_blocks(tmp_path))
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"a\.txt is empty"):
        list(text_blocks(tmp_path / "a.txt"))
    with pytest.raises(DataError, match=r"a\.txt is empty"):
        read_corpus(tmp_path / "a.txt", build_vocabulary("characters", ["a"]))
    with pytest.raises(DataError, match="the list is empty"):
        list(text_blocks([]))
    with pytest.raises(DataError, match=r"is the name of a file: give Path"):
        list(text_blocks([str(tmp_path / "a.txt")]))
    with pytest.raises(DataError, match="a document is a int, not a string"):
        list(text_blocks([3]))
    with pytest.raises(DataError, match="is labelled examples, not a corpus"):
        list(text_blocks("text_sst2:train"))
    (tmp_path / "a.txt").write_bytes(b"\x7fELF\0")
    with pytest.raises(DataError, match=r"a\.txt is not text: byte 0x00 at offset 4"):
        list(text_blocks(tmp_path / "a.txt"))


def test_the_last_tokens_are_for_validation():
    made = Corpus(np.arange(1003, dtype=np.uint16), "x", 1003, "")
    train, validation = made.train_validation(0.1)
    assert (len(train), len(validation)) == (902, 101)
    np.testing.assert_array_equal(np.concatenate([train, validation]), made.tokens)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        made.train_validation(1.0)
    with pytest.raises(DataError, match="too few"):
        Corpus(made.tokens[:1], "x", 1, "").train_validation()


def test_stretches_lie_in_the_middle_of_equal_parts():
    made = Corpus(np.arange(1000, dtype=np.uint16), "x", 1000, "")
    train, validation = made.train_validation(0.1, 5)
    assert validation.tolist() == [i + j for i in (90, 290, 490, 690, 890) for j in range(20)]
    assert train.tolist() == [i for i in range(1000) if i not in set(validation.tolist())]


@given(count=st.integers(2, 3000), fraction=st.floats(0.001, 0.999), stretches=st.integers(1, 10))
def test_each_token_is_on_one_side(count: int, fraction: float, stretches: int):
    made = Corpus(np.arange(count, dtype=np.uint16), "x", count, "")
    try:
        train, validation = made.train_validation(fraction, stretches)
    except DataError:
        return
    assert sorted([*train, *validation]) == made.tokens.tolist()
    assert (np.diff(train.astype(int)) > 0).all()
    assert (np.diff(validation.astype(int)) > 0).all()


def test_the_oldest_tokens_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_MOST_BYTES", 250)
    vocabulary = build_vocabulary("characters", ["ab"])
    sources = [tmp_path / f"{i}.txt" for i in range(3)]
    for i, source in enumerate(sources):
        source.write_text("ab" * 25)  # 100 bytes of ids each
        read_corpus(source, vocabulary, tmp_path / "kept")
        for file in (tmp_path / "kept").glob("*.tokens"):
            os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns - 10**9 * (3 - i)))
    left = sorted(file.suffix for file in (tmp_path / "kept").iterdir())
    assert left == [".json", ".json", ".tokens", ".tokens"]
