import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data import Ink, read_inks, write_ink
from elman.errors import DataError

UNHURRIED = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

HEAD = '<ink xmlns="http://www.w3.org/2003/InkML">'


def read(tmp_path, body, head=HEAD, **options):
    path = tmp_path / "a.inkml"
    path.write_text(f"{head}{body}</ink>", "utf-8")
    return read_inks(path, labelled=None, **options)


def only(tmp_path, body, **options):
    (ink,) = read(tmp_path, body, **options).inks
    return ink


def test_plain_traces_are_strokes_with_y_downwards(tmp_path):
    inks = read(
        tmp_path,
        '<annotation type="truth">x²</annotation><annotation type="writer">w7</annotation>'
        "<trace>1 2, 3 4</trace><trace type='penUp'>9 9</trace><trace>5.5 -6e1</trace>",
    )
    assert inks.texts == ["x²"]
    assert inks.writers == ["w7"]
    assert [stroke.tolist() for stroke in inks.inks[0].strokes] == [[[1, 2], [3, 4]], [[5.5, -60]]]
    assert inks.inks[0].channels == ()


def test_differences_of_first_and_second_order(tmp_path):
    # Of the second order x: 10, 12, then steps 2+3 and 5-1; of the first order y: 5, then 5-2, 3+0.
    ink = only(tmp_path, "<trace>10 5,'2'-2,\"3 0,-1*,!7!8</trace>")
    assert ink.points.tolist() == [[10, 5], [12, 3], [17, 3], [21, 3], [7, 8]]


def test_values_may_stand_without_spaces(tmp_path):
    ink = only(tmp_path, "<trace>1125 18432,'23'43,\"7\"-8,3-5,7 -3</trace>")
    x, y = ink.points.T.tolist()
    assert x == [1125, 1148, 1178, 1211, 1251]
    assert y == [18432, 18475, 18510, 18540, 18567]


FORMAT = """<definitions><context xml:id="c1"><inkSource xml:id="s"><traceFormat>
<channel name="X" type="integer"/><channel name="Y" type="integer" orientation="-ve"/>
<channel name="T" type="integer" units="ms"/><channel name="F" type="integer" max="200"/>
<channel name="OA" units="deg"/><channel name="OE" units="rad"/>
<intermittentChannels><channel name="S" type="boolean" default="T"/></intermittentChannels>
</traceFormat><channelProperties>
<channelProperty channel="X" name="resolution" value="100" units="1/cm"/></channelProperties>
</inkSource></context></definitions>"""


def test_channels_units_and_directions(tmp_path):
    ink = only(
        tmp_path,
        FORMAT + '<trace contextRef="#c1">0 10 500 100 90 1, 1 20 600 200 180 0.5</trace>'
        '<trace contextRef="#c1" timeOffset="300">2 0 600 50 0 1</trace>',
    )
    assert ink.points.tolist() == [[0, -10], [1, -20], [2, 0]]
    assert ink.time == pytest.approx([0, 0.1, 0.4])
    assert ink.pressure.tolist() == [0.5, 1, 0.25]
    assert ink.azimuth == pytest.approx([np.pi / 2, np.pi, 0])
    assert ink.altitude.tolist() == [1, 0.5, 1]
    assert ink.unit == pytest.approx(0.1)


def test_the_tip_switch_parts_strokes(tmp_path):
    row = "{} 0 0 1 0 0 {}"
    points = ",".join(row.format(i, state) for i, state in enumerate("TTFTT"))
    ink = only(tmp_path, f'{FORMAT}<trace contextRef="#c1">{points}</trace>')
    assert [stroke[:, 0].tolist() for stroke in ink.strokes] == [[0, 1], [3, 4]]


def test_a_context_holds_until_the_next_and_time_stamps_are_added(tmp_path):
    body = """<definitions><timestamp xml:id="t0" time="1000"/><timestamp xml:id="t1" time="2500"/>
    <traceFormat xml:id="f"><channel name="Y"/><channel name="X"/><channel name="T" units="s"/>
    </traceFormat></definitions><context traceFormatRef="#f" timestampRef="#t0"/>
    <trace>1 2 0</trace><context traceFormatRef="#f" timestampRef="#t1"/><trace>3 4 0.5</trace>"""
    ink = only(tmp_path, body)
    assert ink.points.tolist() == [[2, 1], [4, 3]]
    assert ink.time.tolist() == [0, 2.0]


def test_continued_traces_are_one_stroke(tmp_path):
    ink = only(
        tmp_path,
        '<trace id="a" continuation="begin">0 0</trace>'
        '<trace continuation="end" priorRef="#a">1 1</trace><trace>2 2</trace>',
    )
    assert ink.starts.tolist() == [0, 2]


def test_groups_with_texts_are_samples_unless_the_whole_has_one(tmp_path):
    groups = (
        '<trace xml:id="t1">7 7</trace>'
        '<traceGroup><annotation type="truth">a</annotation><trace>0 0</trace></traceGroup>'
        '<traceGroup><annotation type="truth">b</annotation>'
        '<traceView traceDataRef="#t1"/></traceGroup>'
    )
    inks = read(tmp_path, groups)
    assert inks.texts == ["a", "b"]
    assert [ink.points.tolist() for ink in inks] == [[[0, 0]], [[7, 7]]]
    whole = read(tmp_path, '<annotation type="label">ab</annotation>' + groups)
    assert whole.texts == ["ab"]
    assert len(whole.inks[0]) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<trace>1 2, 3</trace>", r"a.inkml:1: point 1 of the trace, '3', has no Y"),
        ("<trace>1 2 3</trace>", r"point 0 of the trace, '1 2 3', is not 2 values"),
        ("<trace>1 two</trace>", "is not 2 values"),
        ("<trace>1 2</trace", "bad XML"),
        ('<traceFormat><channel name="X"/></traceFormat><trace>1</trace>', "no channels X and Y"),
        ('<trace timeOffset="soon">1 2</trace>' + "", None),
    ],
)
def test_bad_ink_is_named_with_its_line(tmp_path, body, message):
    if message is None:  # without a channel of time the offset is not looked at
        assert len(only(tmp_path, body)) == 1
        return
    with pytest.raises(DataError, match=message):
        read(tmp_path, body)


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE ink [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE ink [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_entities_are_refused(tmp_path, declaration):
    with pytest.raises(DataError, match="declares the entity"):
        read(tmp_path, "<trace>1 2</trace>", head=declaration + HEAD)


def test_elements_nested_deep_are_refused(tmp_path):
    with pytest.raises(DataError, match="nested too deep"):
        read(tmp_path, "<traceGroup>" * 5000 + "</traceGroup>" * 5000)


VALUES = st.floats(-1e9, 1e9, allow_subnormal=False)


@st.composite
def inks(draw):
    lengths = draw(st.lists(st.integers(1, 6), max_size=4))
    count = sum(lengths)

    def column(low, high):
        values = st.lists(st.floats(low, high), min_size=count, max_size=count)
        return None if draw(st.booleans()) else np.array(draw(values), float)

    flat = draw(st.lists(VALUES, min_size=2 * count, max_size=2 * count))
    time = column(0, 1e6)
    if time is not None and count:
        time = np.sort(time - time.min())
    return Ink(
        np.array(flat, float).reshape(-1, 2),
        np.cumsum([0, *lengths[:-1]], dtype=np.int64)[: len(lengths)],
        time,
        column(0, 1),
        column(0, 6.28),
        column(0, 1.57),
        draw(st.none() | st.floats(1e-3, 1e3)),
    )


@UNHURRIED
@given(ink=inks(), text=st.none() | st.text(st.characters(codec="utf-8")))
def test_what_is_written_is_read_back_the_same(tmp_path_factory, ink, text):
    path = tmp_path_factory.mktemp("ink") / "a.inkml"
    write_ink(ink, path, text)
    inks = read_inks(path, labelled=None)
    (found,) = inks.inks
    assert (found.points == ink.points).all()
    assert (found.starts == ink.starts).all()
    assert found.unit == (None if not len(ink) or ink.unit is None else pytest.approx(ink.unit))
    for channel in ink.channels if len(ink) else ():
        assert (getattr(found, channel) == getattr(ink, channel)).all(), channel
    if text is not None:
        printable = "".join(c for c in text if c >= " " or c in "\t\n\r")
        assert [printable.strip()] == inks.texts
