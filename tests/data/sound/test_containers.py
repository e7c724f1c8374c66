import numpy as np
import pytest

from elman.data import read_audio, read_utterances
from elman.errors import DataError


def test_without_pyav_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    for name, head in (("a.m4a", b"x"), ("a.webm", b"x"), ("a.bin", b"\0\0\0\x20ftypM4A rest")):
        (tmp_path / name).write_bytes(head)
        with pytest.raises(DataError, match=rf"{name} is MP4, WebM .* pip install av"):
            read_audio(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.mka", "libopus")]
)
def test_what_pyav_reads(tmp_path, tone, name, codec):
    av = pytest.importorskip("av")
    sound = np.stack([tone(1.0, 48000), 0 * tone(1.0, 48000)])
    with av.open(str(tmp_path / name), "w") as container:
        track = container.add_stream(codec, rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            (sound * 32767).astype(np.int16).T.reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate = 48000
        resampler = av.AudioResampler(format=track.format, layout="stereo", rate=48000)
        for part in resampler.resample(frame):
            container.mux(track.encode(part))
        container.mux(track.encode(None))
    audio = read_audio(tmp_path / name, channel=0)
    assert audio.rate == 48000
    assert audio.seconds == pytest.approx(1, abs=0.06)
    assert np.sqrt((audio.samples**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    assert np.abs(read_audio(tmp_path / name, channel=1).samples).max() < 0.05
    assert read_audio(tmp_path / name, start=0.25, end=0.5).seconds == 0.25
    (utterance,) = read_utterances(tmp_path)
    assert utterance.seconds == audio.seconds


def test_damaged_containers(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    with pytest.raises(DataError, match=r"a\.m4a is not audio that can be read"):
        read_audio(tmp_path / "a.m4a")
