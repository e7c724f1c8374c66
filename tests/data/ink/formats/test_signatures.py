import struct

import numpy as np
import pytest

from elman.data import read_inks
from elman.errors import DataError

TASK_2 = """5
10 100 1000 0 900 450 512
12 105 1010 1 900 450 1024
20 90 1300 0 1800 900 256
21 91 1310 1 1800 900 128
30 30 1320 0 1800 900 0
"""


def read(path):
    return read_inks(path, labelled=False)


def test_svc2004_task_2(tmp_path):
    path = tmp_path / "U1S1.TXT"
    path.write_text(TASK_2)
    (ink,) = read(path)
    assert ink.points.tolist() == [[10, -100], [12, -105], [20, -90], [21, -91]]
    assert ink.starts.tolist() == [0, 2]
    assert ink.time == pytest.approx([0, 0.01, 0.3, 0.31])
    assert ink.pressure.tolist() == [0.5, 1, 0.25, 0.125]
    assert np.degrees(ink.azimuth) == pytest.approx([90, 90, 180, 180])
    assert np.degrees(ink.altitude) == pytest.approx([45, 45, 90, 90])


def test_svc2004_task_1(tmp_path):
    path = tmp_path / "U1S1.TXT"
    path.write_text("6\n1 1 0 0\n2 2 10 1\n9 9 20 0\n8 8 30 0\n7 7 40 1\n6 6 50 0\n")
    (ink,) = read(path)
    assert [stroke.tolist() for stroke in ink.strokes] == [[[1, -1], [2, -2]], [[8, -8], [7, -7]]]
    assert ink.channels == ("time",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3\n1 2 3 1\n", "3 points of 4 or 7 numbers are promised, 1 lines follow"),
        ("2\n1 2 3 1\n1 2 3\n", "rows of as many numbers each"),
        ("1\n1 2 3 1 5 6 -7\n", "pressure has a value that is below 0"),
    ],
)
def test_bad_svc2004(tmp_path, text, message):
    path = tmp_path / "U1S1.TXT"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read(path)


def test_sigcomp(tmp_path):
    path = tmp_path / "001_01.HWR"
    path.write_text("5 5 0\n1 2 100\n3 4 200\n9 9 0\n5 6 50\n")
    (ink,) = read(path)
    assert [stroke.tolist() for stroke in ink.strokes] == [[[1, -2], [3, -4]], [[5, -6]]]
    assert ink.time == pytest.approx([0, 0.005, 0.015])
    assert ink.pressure.tolist() == [0.5, 1, 0.25]
    path.write_text("1 2\n3 4\n")
    with pytest.raises(DataError, match="rows of x, y and pressure"):
        read(path)


def fpg(rows, bits=32, header=48, kind=4, width=5, count=None):
    """A file as MCYT's are laid out: a header and vectors, little-endian."""
    count = len(rows) if count is None else count
    fields = struct.pack("<4s4HIH4x3IH", b"FPG ", header, kind, 1, 1, 0, bits, 1, width, count, 0)
    fields += struct.pack("<3I", 200, 0, 0)
    letter = {8: "<u1", 16: "<u2", 32: "<f4", 64: "<f8"}[bits]
    return fields.ljust(header, b"\0") + np.array(rows).astype(letter).tobytes()


@pytest.mark.parametrize("bits", [16, 32, 64])
@pytest.mark.parametrize("header", [48, 60])
def test_mcyt(tmp_path, bits, header):
    path = tmp_path / "0000v00.fpg"
    rows = [(9, 9, 0, 0, 0), (10, 20, 512, 900, 450), (11, 21, 1024, 900, 450), (5, 5, 0, 0, 0)]
    path.write_bytes(fpg([*rows, (1, 2, 256, 0, 900)], bits, header))
    (ink,) = read(path)
    assert [stroke.tolist() for stroke in ink.strokes] == [[[10, -20], [11, -21]], [[1, -2]]]
    assert ink.time == pytest.approx([0, 0.005, 0.015])
    assert ink.pressure.tolist() == [0.5, 1, 0.25]
    assert np.degrees(ink.azimuth) == pytest.approx([90, 90, 0])
    assert ink.unit == 0.01


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"FPG", "does not begin with 'FPG ' and a header"),
        (b"PNG " + bytes(60), "does not begin with"),
        (fpg([(1, 2, 3, 4, 5)], count=9), "is cut off: its header promises 9 points"),
        (fpg([(1, 2, 3, 4, 5)], kind=2), "its format is 2, 1 x 5 numbers of 32 bits"),
        (fpg([(1, 2, 3)], width=3), "1 x 3 numbers"),
        (fpg([(1, np.nan, 3, 4, 5)]), "NaN"),
    ],
)
def test_bad_mcyt(tmp_path, content, message):
    path = tmp_path / "a.fpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(path)
