import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data.text import files
from elman.errors import DataError


@settings(max_examples=50)
@given(st.text(), st.integers(1, 7))
def test_blocks_join_to_the_whole_text_wherever_they_are_cut(tmp_path_factory, content, size):
    path = tmp_path_factory.getbasetemp() / "blocks.txt"
    content = content.replace("\0", "")
    path.write_bytes(content.encode())
    assert "".join(files.read_blocks(path, size)) == content.removeprefix("\ufeff")


@given(st.text(alphabet="ab \n", max_size=200), st.integers(1, 20), st.integers(1, 9))
def test_gaps_keep_the_text_and_cut_before_single_white_space(content, size, step):
    pieces = [content[i : i + step] for i in range(0, len(content), step)]
    blocks = list(files.at_word_gaps(pieces, size))
    assert "".join(blocks) == content
    assert all(0 < len(block) <= size for block in blocks)
    for before, after in pairwise(blocks):
        if len(before) < size:
            assert before[-1] in "ab"
            assert after[0] in " \n"
            assert after[1:2] in ("a", "b")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_offset_of_a_wrong_byte_does_not_depend_on_the_blocks(tmp_path, size):
    path = tmp_path / "latin.txt"
    path.write_bytes("äöü caf".encode() + b"\xe9 au lait")
    with pytest.raises(DataError, match=r"latin\.txt is not text: byte 0xe9 at offset 10 "):
        list(files.read_blocks(path, size))


def test_a_character_cut_off_at_the_end_is_an_error(tmp_path):
    path = tmp_path / "cut.txt"
    path.write_bytes(b"ab\xe4\xbd")
    with pytest.raises(DataError, match="byte 0xe4 at offset 2"):
        files.read_text(path)


def test_binary_files_name_their_first_wrong_byte(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(DataError, match=r"image\.png is not text: byte 0x89 at offset 0"):
        files.read_text(path)
    path.write_bytes(b"abc\0def")
    with pytest.raises(DataError, match=r"byte 0x00 at offset 3 \(a binary file\?\)"):
        files.read_text(path)
    path.write_bytes("hello".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"looks like UTF-16 .* say encoding='utf-16-le'"):
        files.read_text(path)


def test_a_byte_order_mark_is_dropped_and_line_ends_are_known(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\x85still two\rthree")
    with pytest.raises(DataError, match="byte 0x85 at offset 11"):
        files.read_text(path)
    path.write_bytes("\ufeffone\r\ntwo\x85\u2028still two\rthree\n".encode())
    assert list(files.read_lines(path)) == [(1, "one"), (2, "two\x85\u2028still two"), (3, "three")]
    assert files.read_text(path).startswith("one\r\n")


def test_missing_files_and_folders_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        files.read_text(tmp_path / "nothing.txt")
    with pytest.raises(DataError, match="is a folder"):
        files.read_text(tmp_path)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_compressed_file_is_read_as_what_it_holds(tmp_path, size):
    path = tmp_path / "packed"
    path.write_bytes(gzip.compress("\ufeffgrün\n".encode() + b"x" * 300))
    assert "".join(files.read_blocks(path, size)) == "grün\n" + "x" * 300
    path.write_bytes(gzip.compress(b"abc\xff"))
    with pytest.raises(DataError, match="byte 0xff at offset 3"):
        files.read_text(path)


def test_a_damaged_compressed_file(tmp_path):
    path = tmp_path / "packed.gz"
    content = gzip.compress(bytes(range(32, 127)) * 50)
    for damaged in (content[:-9], content[:30] + b"xx" + content[32:], content[:2]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot read .*packed\.gz: "):
            files.read_text(path)


def test_the_suffix_is_that_of_the_content():
    names = ("a.CSV", "a.csv.gz", "a.b.txt.GZ", "a.gz", "a")
    suffixes = [files.suffix_of(Path(name)) for name in names]
    assert suffixes == [".csv", ".csv", ".txt", "", ""]
