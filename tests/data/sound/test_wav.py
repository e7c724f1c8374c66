import io
import struct
import warnings

import numpy as np
import pytest
import soundfile

from elman.data import read_audio
from elman.data.sound.audio import audio_seconds
from elman.errors import DataError

RATE = 8000
SOUND = (np.sin(np.arange(3001) / 7) / 2).astype(np.float32)


def written(form: str = "WAV", subtype: str = "PCM_16", endian: str = "FILE") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SOUND, RATE, format=form, subtype=subtype, endian=endian)
    return file.getvalue()


def stated(content: bytes, size: int, order: str = "<") -> bytes:
    """The same with another size of the samples in its header."""
    at = content.find(b"data") + 4
    return content[:at] + struct.pack(f"{order}I", size) + content[at + 4 :]


def heard(content: bytes) -> np.ndarray:
    audio = read_audio(io.BytesIO(content))
    assert audio.rate == RATE
    assert audio_seconds(io.BytesIO(content)) == audio.seconds
    return audio.samples


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "PCM_U8", "ULAW"])
@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_stream_is_read_to_its_end(form: str, subtype: str, size: int) -> None:
    content = written(form, subtype)
    np.testing.assert_array_equal(heard(stated(content, size))[:3001], heard(content)[:3001])


def test_a_big_endian_stream_is_read_to_its_end() -> None:
    content = written(endian="BIG")
    assert content.startswith(b"RIFX")
    np.testing.assert_array_equal(heard(stated(content, 0, ">"))[:3001], heard(content))


@pytest.mark.parametrize("size", [0, 2**64 - 1])
@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_large_files_that_state_no_size(name: bytes, size: int) -> None:
    content = bytearray(written("RF64"))
    np.testing.assert_allclose(heard(bytes(content)), SOUND, atol=1e-4)
    content[:4] = name
    content[20:44] = struct.pack("<QQQ", size, size, size)
    np.testing.assert_allclose(heard(bytes(content))[:3001], SOUND, atol=1e-4)


@pytest.mark.parametrize("before", [b"fmt ", b"data"])
@pytest.mark.parametrize("pad", [b"", b"\0"])
def test_chunks_of_odd_sizes(before: bytes, pad: bytes) -> None:
    content = written()
    at = content.find(before)
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx" + pad
    np.testing.assert_allclose(heard(content[:at] + odd + content[at:]), SOUND, atol=1e-4)


def test_a_file_that_is_cut_short_is_read_with_a_warning(tmp_path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(written()[:-2002])
    with pytest.warns(UserWarning, match=r"cut\.wav is cut short.* 6,002 bytes .* 4,000 follow"):
        samples = read_audio(path).samples
    np.testing.assert_allclose(samples, SOUND[:2000], atol=1e-4)


def test_no_samples_are_none() -> None:
    empty = io.BytesIO()
    soundfile.write(empty, np.zeros(0, np.float32), RATE, format="wav", subtype="PCM_16")
    listed = empty.getvalue() + b"LIST" + struct.pack("<I", 4) + b"INFO"
    for content in (empty.getvalue(), listed):
        with pytest.raises(DataError, match="holds no samples"):
            read_audio(io.BytesIO(content))


def test_no_damage_is_raw(tmp_path) -> None:
    """Bytes changed, left out and doubled at random: sound or a clear error."""
    random = np.random.default_rng(0)
    path, content = tmp_path / "a.wav", written("WAVEX", "PCM_24")[:600]
    read = 0
    for _ in range(300):
        damaged = bytearray(content)
        for at in random.integers(100, size=1):
            match random.integers(3):
                case 0:
                    damaged[at] = random.integers(256)
                case 1:
                    del damaged[at : at + int(random.integers(1, 9))]
                case _:
                    damaged[at:at] = damaged[at : at + int(random.integers(1, 9))]
        path.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read += np.isfinite(read_audio(path).samples).all()
            except DataError:
                continue
    assert read > 20
