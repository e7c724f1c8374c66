import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest

from elman.data.text.word_vectors import read_word_vectors, vector_size
from elman.errors import DataError

VALUES = {"film": [0.5, -1.25, 3e-2], "好": [1, 2, 3], "don't": [-1e-5, 0, 4]}
BODY = "".join(f"{w} {' '.join(map(str, v))}\n" for w, v in VALUES.items())


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "words.vec"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


FORMS = {
    "GloVe": BODY,
    "fastText": f"3 3\n{BODY}",
    "word2vec": f"3 3\n{BODY}".replace("\n", " \n"),
    "tabs": BODY.replace(" ", "\t"),
    "Windows": f"\ufeff3 3\n{BODY}".replace("\n", "\r\n"),
    "no last end": BODY.rstrip("\n"),
    "phrases": f"{BODY}at name@domain.com 1 2 3\n. . . 1 2 3\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_of_file(form: str, packed: bool, tmp_path: Path) -> None:
    content = FORMS[form].encode()
    path = written(tmp_path, gzip.compress(content) if packed else content)
    found = read_word_vectors(path, ["don't", "unknown", "film", "好"])
    assert vector_size(path) == 3
    assert sorted(found.words) == sorted(VALUES)
    expected = np.array([VALUES[word] for word in found.words], np.float32)
    np.testing.assert_array_equal(found.values, expected)
    assert found.values.dtype == np.float32


def test_of_a_word_that_comes_twice_the_first_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "a 1 2\nb 3 4\na 5 6\n")
    assert read_word_vectors(path, ["a"]).values.tolist() == [[1, 2]]


def test_lower_case_words_may_be_capital_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "Paris 1 1\nPARIS 2 2\nThe 3 3\nthe 4 4\n")
    found = read_word_vectors(path, ["paris", "the"], lowercase=True)
    assert dict(zip(found.words, found.values[:, 0].tolist(), strict=True)) == {
        "paris": 1,
        "the": 4,
    }
    assert read_word_vectors(path, ["paris", "the"]).words == ["the"]


def test_no_word_is_found(tmp_path: Path) -> None:
    found = read_word_vectors(written(tmp_path, BODY), ["other"])
    assert found.words == []
    assert found.values.shape == (0, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 3\n", r"words.vec, line 2: 1 numbers where the first line has 2: 'b 3'"),
        ("2 2\na 1 2\nb 3 4 5\n", r"line 3: 3 numbers where the first line has 2: 'b 3 4 5'"),
        ("a 1 2\n\nb 3 4\n", r"line 2: the line is empty"),
        ("a 1 2\nb 3 x\n", r"line 2: 'x' in the vector of 'b' is not a finite number"),
        ("a 1 2\nb nan 1\n", r"line 2: 'nan' in the vector of 'b' is not a finite number"),
        ("a 1 2\nb 1 1e39\n", r"line 2: '1e39' in the vector of 'b' is not a finite number"),
        ("a 1 2\nb  1\n", r"line 2: '' in the vector of 'b' is not a finite number"),
        ("", r"words.vec is empty"),
        ("word\n", r"line 1: 'word' where a word and its numbers are needed"),
        ("5 0\n", r"line 1: '5 0' where a word and its numbers are needed"),
        (b"2 3\na \x9a\x99\x00\x01\xff\xff\n", r"line 2: 1 numbers where the first line has 3"),
        (
            gzip.compress(BODY.encode() * 99, mtime=0)[:-20],
            r"words.vec cannot be read: .*end-of-stream",
        ),
        (b"\x1f\x8b\x08\x00broken by some one", r"words.vec cannot be read"),
    ],
)
def test_broken_files(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message):
        read_word_vectors(path, ["a", "b"])


def test_a_line_without_end(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 1 is longer than 4,194,304 bytes"):
        vector_size(written(tmp_path, b"x" * 2**22))


def test_archives_and_missing_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "wiki.vec.zip", "w") as archive:
        archive.writestr("wiki.vec", BODY)
    with pytest.raises(DataError, match="is a zip archive: unpack it first"):
        read_word_vectors(tmp_path / "wiki.vec.zip", ["a"])
    with pytest.raises(DataError, match=r"no such file: .*none\.vec"):
        read_word_vectors(tmp_path / "none.vec", ["a"])


def test_a_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, f"9 3\n{BODY}")
    with pytest.warns(UserWarning, match="first line says 9 words, and it has 3: is it complete"):
        assert len(read_word_vectors(path, VALUES).words) == 3
