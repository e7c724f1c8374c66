import contextlib
import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from elman.decode.arpa import read_arpa, write_arpa
from elman.decode.ngram import BEGIN, END, NEVER, UNKNOWN, estimate
from elman.errors import DataError

TEXT = """Some words of the one who made it.

\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-1.0\t<UNK>
-0.5\t</s>
-99\t<s>\t-0.3
-0.7\ta\t-0.2
-0.6 b -0.1

\\2-grams:
-0.25\t<s> a\t-0.4
-0.35\ta b\t-0.15
-0.2 b </s>

\\3-grams:
-0.05\t<s> a b

\\end\\
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.arpa"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("word", "history", "log10"),
    [
        ("a", (), -0.7),
        ("b", ("a",), -0.35),
        ("b", (BEGIN, "a"), -0.05),
        (END, ("a", "b"), -0.15 - 0.2),  # backs off from a b
        ("a", ("a", "b"), -0.15 - 0.1 - 0.7),  # and from b
        (END, (BEGIN, "a"), -0.4 - 0.2 - 0.5),
        ("b", ("b", "a"), -0.35),  # b a is no context: nothing is lost
        ("unseen", ("a",), -0.2 - 1.0),
        ("b", ("unseen",), -0.6),
        (BEGIN, ("b",), -0.1 - 99),
    ],
)
def test_scores_by_hand(path: Path, word: str, history: tuple[str, ...], log10: float) -> None:
    assert read_arpa(path).score(word, history) == pytest.approx(log10 * math.log(10))


def test_sentences_by_hand(path: Path) -> None:
    model = read_arpa(path)
    assert model.order == 3
    assert model.log_prob("a b") == pytest.approx((-0.25 - 0.05 - 0.15 - 0.2) * math.log(10))


def test_without_unk_other_words_are_next_to_impossible(tmp_path: Path) -> None:
    path = tmp_path / "closed.arpa"
    path.write_text("\\data\\\nngram 1=1\n\n\\1-grams:\n0 a\n\\end\\\n")
    assert read_arpa(path).score("b") == NEVER


def test_written_and_read_it_is_the_same(tmp_path: Path) -> None:
    model = estimate(["a b c a b", "b c", "a a a b", "ünïcode c"], order=3)
    write_arpa(model, tmp_path / "a.arpa")
    again = read_arpa(tmp_path / "a.arpa")
    assert [set(table) for table in again.tables] == [set(table) for table in model.tables]
    for sentence in ("a b c", "c c unseen", "", "b a ünïcode"):
        assert again.log_prob(sentence) == pytest.approx(model.log_prob(sentence), abs=1e-5)
    write_arpa(again, tmp_path / "b.arpa")
    assert (tmp_path / "b.arpa").read_text() == (tmp_path / "a.arpa").read_text()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("\\data\\", "data", "no .data. line"),
        ("ngram 2=3", "ngram 3=3", r"ngram 2=... is missing"),
        ("ngram 2=3", "ngram 2=4", r":20: 3 different 2-grams where 4 are announced"),
        ("\\2-grams:", "\\4-grams:", r":15: .2-grams: is expected"),
        ("-0.35\ta b", "-0.35", r":17: a log probability and 2 words"),
        ("-0.35\ta b", "high a b", r":17: numbers are expected"),
        ("-0.35\ta b", "0.35\ta b", "no log probability"),
        ("-0.35\ta b", "nan\ta b", "no log probability"),
        ("\\end\\", "", "may be cut short"),
        ("ngram 3=1", f"ngram 3={'9' * 5000}", "is expected"),
        ("\\3-grams:", f"\\{'3' * 5000}-grams:", "is expected"),
        ("-0.35\ta b", f"{'9' * 5000}\ta b", "no log probability"),
    ],
)
def test_damage_is_named_with_its_line(path: Path, old: str, new: str, what: str) -> None:
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(DataError, match=what):
        read_arpa(path)


def test_what_is_no_file_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_arpa(tmp_path / "none.arpa")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not text"):
        read_arpa(tmp_path / "bytes")


@pytest.mark.parametrize("form", ["crlf", "mark", "tabs", "ideographic spaces", "gzip"])
def test_white_space_marks_and_compression(path: Path, form: str) -> None:
    expected = read_arpa(path).log_prob("a b")
    if form == "crlf":
        path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    elif form == "mark":
        path.write_bytes(b"\xef\xbb\xbf" + TEXT.partition("\n\n")[2].encode())
    elif form == "gzip":
        path = path.with_name("model.arpa.gz")
        path.write_bytes(gzip.compress(TEXT.encode()))
    else:
        gap = "\t\t" if form == "tabs" else "\u3000"
        path.write_text("\n".join(gap.join(line.split()) for line in TEXT.split("\n")[2:]))
    assert read_arpa(path).log_prob("a b") == pytest.approx(expected)


def test_a_word_may_hold_a_no_break_space(tmp_path: Path) -> None:
    path = tmp_path / "french.arpa"
    path.write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.3\t10\u00a0000\n-0.3\ta\n\\end\\\n")
    assert read_arpa(path).words == {"10\u00a0000", "a"}


@pytest.mark.filterwarnings("ignore:.*is not UTF-8 and is read as")
def test_no_damage_is_raw(tmp_path: Path) -> None:
    """Bytes changed, doubled and left out at random: a model or a clear error."""
    random = np.random.default_rng(0)
    content, path = TEXT.encode(), tmp_path / "damaged.arpa"
    for _ in range(300):
        damaged = bytearray(content)
        for at in random.integers(len(content), size=3):
            match random.integers(4):
                case 0:
                    damaged[at : at + 1] = bytes([random.integers(256)])
                case 1:
                    del damaged[at : at + int(random.integers(1, 40))]
                case 2:
                    damaged[at:at] = damaged[at : at + int(random.integers(1, 40))]
                case _:
                    damaged[at:at] = b"9" * 5000
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            assert not math.isnan(read_arpa(path).log_prob("a b c"))


@pytest.mark.data
def test_a_published_file(dataset_root: Path) -> None:
    """That of AN4: each word as likely, but one pair."""
    model = read_arpa(dataset_root / "sp_an4_mfcc" / "etc" / "an4.ug.lm")
    assert model.order == 2
    assert len(model.words) == 107
    assert UNKNOWN in model.words
    assert model.score("RUBOUT", ("A",)) == pytest.approx(-2.0253 * math.log(10))
