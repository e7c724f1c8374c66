"""Files with a few bytes changed: whatever comes of it is ink or an error of one line."""

import gzip
import io
import json
import random
import warnings

import numpy as np
import pytest

from elman.data import check_inks, read_inks
from elman.errors import ElmanError

_POINTS = b"<trace>1 2 30 0.5, '1\"2 '5 !1, 3 4 70 1</trace>"
_STEPS = io.BytesIO()
np.savez(_STEPS, train=np.array([[1, 0, 0], [0, 2, 1]]), train_offsets=np.array([0, 1, 2]))
FILES = {
    "a.inkml": b'<ink><traceFormat><channel name="X"/><channel name="Y"/><channel name="T"'
    b' units="ms"/><channel name="F" max="1"/></traceFormat>' + _POINTS * 2 + b"</ink>",
    "a.dat": b'.COORD X Y\n.SEGMENT WORD 0-1 OK "a"\n.PEN_DOWN\n1 2\n3 4\n.PEN_DOWN\n5 6\n',
    "a.xml": b"<WhiteboardCaptureSession><Stroke><Point x='1' y='2' time='3'/></Stroke>"
    b"</WhiteboardCaptureSession>",
    "a.svg": b'<svg><g transform="rotate(3 1 2) scale(2)"><path d="M1 2c1 2 3 4 5 6s1 2 3 4a1 2 3'
    b' 0 1 3 4z"/><polyline points="1,2 3,4"/></g></svg>',
    "a.xopp": gzip.compress(
        b'<xournal><page><stroke width="1 2">1 2 3 4</stroke></page></xournal>'
    ),
    "a.ndjson": b'{"word": "a", "drawing": [[[0, 9], [1, 2], [0, 5]]]}\n{"drawing": []}\n',
    "a.json": json.dumps([[{"x": 1, "y": 2, "t": 3}], [[1, 2, 3], [4, 5, 6]]]).encode(),
    "a.txt": b"2\n1 2 3 1 5 6 7\n4 5 6 1 5 6 7\n",
    "a.hwr": b"1 2 3\n4 5 6\n",
    "a.fpg": b"FPG 0\x00\x04\x00\x01\x00\x01\x00"
    + bytes(4)
    + b"\x20\x00"
    + bytes(8)
    + b"\x05\x00\x00\x00\x01\x00\x00\x00"
    + bytes(34),
    "a.npz": _STEPS.getvalue(),
    "a.csv": b"x,y,t,p,stroke,sample\n0,1,0.5,1,a,1\n2,3,0.75,2,b,1\n4,5,6,7,8,2\n",
    "b.csv": b"1,2,0\n3,4,0\n\n5,6,1\n",
}
PIECES = (
    b"nan",
    b"inf",
    b"1e999",
    b"-",
    b"",
    b"\0",
    b"\xff",
    b"9" * 30,
    b"[",
    b"{",
    b'"',
    b"<",
    b"&x;",
)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_ink_or_an_error_of_one_line(tmp_path, name):
    draw = random.Random(name)
    path = tmp_path / name
    errors: list[str] = []
    read = 0
    for attempt in range(120):
        content = bytearray(FILES[name])
        for _ in range(draw.randint(1, 3) if attempt else 0):
            place = draw.randrange(len(content))
            match draw.randrange(3):
                case 0:
                    content[place : place + 2] = draw.choice(PIECES)
                case 1:
                    content[place] = draw.randrange(256)
                case 2:
                    del content[place : place + draw.randint(1, 20)]
            content = content or bytearray(b"x")
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check_inks(read_inks(path, labelled=None))
            read += 1
        except ElmanError as error:
            errors.append(str(error))
    assert read
    assert errors
    assert not any("\n" in error or len(error) > 600 for error in errors)
