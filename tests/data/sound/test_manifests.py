import gzip
import json

import numpy as np
import pandas
import pytest
import soundfile

from elman.data import Utterance, read_utterances
from elman.data.sound.manifests import rows_of_manifest
from elman.data.tables import Table
from elman.errors import DataError


@pytest.fixture
def talk(tmp_path, tone):
    """A file of three seconds, with a tone of its own in each."""
    parts = [tone(1.0, hertz=hertz) for hertz in (300, 600, 900)]
    soundfile.write(tmp_path / "talk.wav", np.concatenate(parts), 8000, subtype="FLOAT")
    return parts


def lines(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "json", "jsonl.gz"])
@pytest.mark.parametrize("begin", ["offset", "start"])
def test_nemos_manifests(tmp_path, talk, suffix, begin):
    rows = [
        {"audio_filepath": "talk.wav", begin: float(i), "duration": 1.0, "text": text}
        for i, text in enumerate(("one", "two", "three"))
    ]
    path = lines(tmp_path / f"list.{suffix}", rows)
    if suffix.endswith("gz"):
        path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
    found = read_utterances(path)
    assert found.texts == ["one", "two", "three"]
    for utterance, part in zip(found, talk, strict=True):
        np.testing.assert_array_equal(utterance.load().samples, part)


def test_a_list_of_objects(tmp_path, talk):
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{"audio_filepath": "talk.wav", "text": "one", "duration": 0.5}]))
    (utterance,) = read_utterances(path)
    assert (utterance.seconds, utterance.load().seconds) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"offset": 1, "start": 2}, "start and offset differ"),
        (
            {"offset": 1, "end": 3, "duration": 1},
            "start 1.0 s and end 3.0 s do not fit the duration of 1.0 s",
        ),
        ({"duration": 0}, "the duration, 0.0 s, must be above 0"),
        ({"offset": "soon"}, "offset is 'soon', not a number of seconds"),
        ({"offset": 1e999}, "offset is inf, not a number of seconds"),
        ({"duration": True}, "duration is True"),
        ({"audio_filepath": ["a.wav"]}, "the path is a list"),
        ({"audio_filepath": None}, "the path is missing"),
        ({"text": ["one"]}, "the transcript is a list, not a string"),
        ({"text": 1.5}, "the transcript is a float, not a string; read the column as text"),
        ({"text": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_rows_that_cannot_be(tmp_path, row, message):
    path = lines(tmp_path / "list.jsonl", [{"audio_filepath": "a.wav", "text": "one"} | row])
    with pytest.raises(DataError, match=rf"list\.jsonl:1.*{message}"):
        read_utterances(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"list\.json:1: bad JSON"),
        ("[" * 100_000, "bad JSON"),
        ("3", "a JSON object is needed, not a int"),
        ("", "is empty"),
        ('{"audio_filepath": "a.wav", "text": "a", "offset": ' + "9" * 5000 + "}", "bad JSON"),
    ],
)
def test_json_that_is_none(tmp_path, content, message):
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_utterances(tmp_path / "list.json")
    (tmp_path / "list.jsonl.gz").write_text(content or "x")
    with pytest.raises(DataError, match="cannot be read as compressed"):
        read_utterances(tmp_path / "list.jsonl.gz")


def test_a_path_that_is_too_long_costs_no_other(tmp_path, talk):
    rows = [{"path": path, "text": "a"} for path in ("q" * 5000 + ".wav", "a\0.wav", "talk.wav")]
    utterances = read_utterances(lines(tmp_path / "list.jsonl", rows))
    for utterance in utterances[:2]:
        with pytest.raises(DataError, match=r"no such file|cannot be the name of a file"):
            utterance.load()
    assert utterances[2].load().seconds == 3


def cut(**changes):
    return {
        "id": "cut-1",
        "start": 0.5,
        "duration": 2.0,
        "channel": 0,
        "supervisions": [
            {"id": "s1", "start": 0.5, "duration": 1.0, "text": "two\u00a0 words", "speaker": "x"},
            {"id": "s2", "start": -0.5, "duration": 1.0, "text": "one", "speaker": None},
        ],
        "recording": {
            "id": "talk",
            "sources": [{"type": "file", "channels": [0], "source": "talk.wav"}],
            "sampling_rate": 8000,
        },
        "type": "MonoCut",
    } | changes


def test_lhotses_cuts(tmp_path, talk):
    first, second = read_utterances(lines(tmp_path / "cuts.jsonl", [cut()]))
    assert (first.text, first.speaker, second.text, second.speaker) == ("two words", "x", "one", "")
    np.testing.assert_array_equal(first.load().samples, talk[1])
    np.testing.assert_array_equal(second.load().samples, talk[0])
    (whole,) = read_utterances(lines(tmp_path / "cuts.jsonl", [cut(supervisions=[])]))
    assert (whole.text, whole.start, whole.seconds) == (None, 0.5, 2.0)


def test_a_cuts_channel(tmp_path, tone):
    two = np.stack([tone(1.0, hertz=300), tone(1.0, hertz=900)], 1)
    soundfile.write(tmp_path / "two.wav", two, 8000, subtype="FLOAT")
    sources = [{"type": "file", "channels": [0, 1], "source": "two.wav"}]
    given = cut(start=0, supervisions=[], duration=1.0, channel=1, recording={"sources": sources})
    (utterance,) = read_utterances(lines(tmp_path / "cuts.jsonl", [given]))
    np.testing.assert_array_equal(utterance.load().samples, two[:, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recording": {"sources": [{"type": "command", "source": "rm"}]}}, "of type 'command'"),
        ({"recording": {"sources": []}}, "has no sources"),
        ({"recording": {"transforms": [{}], "sources": []}}, "is transformed"),
        ({"recording": None, "tracks": [{}]}, "tracks that are mixed"),
        ({"supervisions": "none"}, "supervisions must be a list"),
    ],
)
def test_cuts_that_cannot_be_read(tmp_path, change, message):
    path = lines(tmp_path / "cuts.jsonl", [cut(**change)])
    with pytest.raises(DataError, match=rf"cuts\.jsonl:1: .*{message}"):
        read_utterances(path)


def test_supervisions_alone_are_refused(tmp_path):
    path = lines(tmp_path / "s.jsonl", [{"id": "s", "recording_id": "r", "text": "a"}])
    with pytest.raises(DataError, match="supervisions without their recordings"):
        read_utterances(path)


def test_common_voice(tmp_path, write_sound):
    write_sound("clips/a.wav")
    (tmp_path / "train.tsv").write_bytes(
        "\ufeffclient_id\tpath\tsentence\r\nx1\ta.wav\tgo\u3000on \r\n".encode()
    )
    (utterance,) = read_utterances(tmp_path / "train.tsv")
    assert (utterance.text, utterance.speaker) == ("go on", "x1")
    assert utterance.load().seconds == pytest.approx(0.3)
    (tmp_path / "clips").rename(tmp_path / "elsewhere")
    (utterance,) = read_utterances(tmp_path / "train.tsv", audio_folder=tmp_path / "elsewhere")
    assert utterance.load().seconds == pytest.approx(0.3)


@pytest.mark.parametrize("missing", [None, float("nan"), pandas.NA, pandas.NaT])
def test_a_missing_transcript_in_a_dataframe_is_as_in_csv(tmp_path, missing):
    (tmp_path / "list.csv").write_text("path,text,speaker\na.wav,go,x\nb.wav,,\n")
    rows = {"path": ["a.wav", "b.wav"], "text": ["go", missing], "speaker": ["x", missing]}
    for source in (tmp_path / "list.csv", pandas.DataFrame(rows, dtype=object), rows):
        assert [(u.text, u.speaker) for u in read_utterances(source)] == [("go", "x"), (None, "")]


def test_numbers_that_a_dataframe_made_of_transcripts(tmp_path):
    frame = pandas.DataFrame({"path": ["a.wav", "b.wav"], "text": [7, 10]})
    assert read_utterances(frame).texts == ["7", "10"]


def test_rows_that_name_the_same_sound_are_told():
    rows = {"path": ["a.wav"] * 3, "begins": [0, 1, 2], "text": ["one", "two", "three"]}
    with pytest.warns(UserWarning, match="2 rows name the sound of another row .* start or offset"):
        read_utterances(rows)
    table = Table("t", {"path": ["a.wav"] * 2, "text": ["one", "one"]}, ["1", "2"])
    assert len(list(rows_of_manifest(table, __import__("pathlib").Path()))) == 2


@pytest.mark.parametrize("space", ["\xa0", "\t", "\n", "\u3000", "  ", "\r\n", "\u2028", "\ufeff "])
def test_any_white_space_in_a_transcript_is_a_space(space):
    utterance = Utterance("u", f"{space}go{space}on{space}", path="a.wav")
    assert utterance.text == "go on"
    assert read_utterances([("a.wav", f"go{space}on")]).texts == ["go on"]
    assert read_utterances({"path": ["a.wav"], "text": [f"go{space}on"]}).texts == ["go on"]
