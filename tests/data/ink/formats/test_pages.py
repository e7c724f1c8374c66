"""IAM-OnDB's sessions and Xournal's pages."""

import gzip

import pytest

from elman.data import read_inks
from elman.errors import DataError

SESSION = """<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession>
<General><Form formID="f1" writerID="w3"/></General>
<Transcription><Text>
 Hello you
 there
</Text></Transcription>
<StrokeSet>
<Stroke colour="black" start_time="10.5" end_time="10.6">
<Point x="100" y="200" time="10.50"/><Point x="101" y="260" time="10.52"/></Stroke>
<Stroke><Point x="90" y="200" time="11.5"/></Stroke>
</StrokeSet></WhiteboardCaptureSession>"""


def test_a_session_at_the_whiteboard(tmp_path):
    path = tmp_path / "session.xml"
    path.write_text(SESSION, "latin-1")
    inks = read_inks(path)
    assert inks.texts == ["Hello you\nthere"]
    assert inks.writers == ["w3"]
    (ink,) = inks
    assert ink.points.tolist() == [[100, 200], [101, 260], [90, 200]]
    assert ink.starts.tolist() == [0, 2]
    assert ink.time == pytest.approx([0, 0.02, 1.0])
    lines = SESSION.replace("<Text>\n Hello you\n there\n</Text>", '<TextLine text="Hi all"/>')
    path.write_text(lines, "latin-1")
    assert read_inks(path).texts == ["Hi all"]
    path.write_text(SESSION.replace('y="260"', ""), "latin-1")
    with pytest.raises(DataError, match=r"session.xml:10: a Point needs x, y and time"):
        read_inks(path)


PAGES = """<?xml version="1.0"?><xournal creator="test"><title>t</title>
<page width="600" height="800"><background type="solid"/><layer>
<stroke tool="pen" color="#000000ff" width="2 1.0 3.0">1 2 3 4 5 6</stroke>
<stroke tool="highlighter" width="8">0 0 9 9</stroke>
<stroke tool="pen" width="2 4.0">7 8 9 9</stroke></layer></page>
<page><layer/></page>
<page><layer><stroke tool="pen" width="1.41">1 1 2 2</stroke></layer></page></xournal>"""


def test_pages_of_xournal(tmp_path):
    path = tmp_path / "notes.xopp"
    path.write_bytes(gzip.compress(PAGES.encode()))
    inks = read_inks(path, labelled=False)
    first, second = inks
    assert [stroke.tolist() for stroke in first.strokes] == [
        [[1, 2], [3, 4], [5, 6]],
        [[7, 8], [9, 9]],
    ]
    assert first.pressure.tolist() == [0.25, 0.75, 0.75, 1, 1]
    assert first.unit == pytest.approx(25.4 / 72)
    assert second.pressure is None
    assert [name.rpartition(", ")[2] for name in inks.names] == ["page 1", "page 3"]


def test_damaged_pages(tmp_path):
    path = tmp_path / "notes.xopp"
    path.write_bytes(gzip.compress(PAGES.encode())[:80])
    with pytest.raises(DataError, match="cannot read"):
        read_inks(path, labelled=False)
    path.write_text(PAGES.replace("1 2 3 4 5 6", "1 2 3").replace("1 1 2 2", "1 x"))
    with pytest.raises(DataError, match=r"notes.xopp:3: a stroke is pairs of numbers"):
        read_inks(path, labelled=False)
    path.write_text("<html/>")
    with pytest.raises(DataError, match="begins with <html>"):
        read_inks(path, labelled=False)
