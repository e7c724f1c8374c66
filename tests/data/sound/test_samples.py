import numpy as np
import pytest
import torch

from elman.data import Audio, Utterance
from elman.data.sound.samples import checked, scale_problem
from elman.errors import DataError

TONE = (np.sin(np.arange(800) / 5) / 2).astype(np.float32)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.float16, np.float64])
def test_every_type_gives_the_same_sound(kind: type) -> None:
    whole = np.issubdtype(kind, np.integer)
    given = np.round(TONE * 2.0 ** (8 * kind().itemsize - 1)) if whole else TONE
    samples = Audio(given.astype(kind), 8000).samples
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, atol=1 / 128 if kind is np.int8 else 1e-3)


def test_unsigned_bytes_have_their_middle_at_128() -> None:
    assert Audio(np.array([128, 0, 192], np.uint8), 8000).samples.tolist() == [0, -1, 0.5]
    assert Audio(torch.tensor([0.5, -0.5]), 8000).samples.tolist() == [0.5, -0.5]
    assert Audio([0.5, -0.5], 8000).seconds == 2 / 8000


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros(9, np.int64), 8000, "type int64 where floats .* or integers of 8, 16 or 32 bits"),
        (np.zeros(9, complex), 8000, "type complex128"),
        (None, 8000, "type object"),
        (torch.zeros(9, requires_grad=True), 8000, "no array can be made of a Tensor"),
        (0.5, 8000, r"shape \(\) where \(N,\)"),
        (TONE, 0, "rate must be a whole number .* not 0"),
        (TONE, "8000", "rate must be a whole number .* not '8000'"),
        pytest.param(TONE, 10**5000, "rate must be .* not a int", id="thousands of digits"),
        (TONE, 8000.5, "not 8000.5"),
    ],
)
def test_what_is_no_sound(samples: object, rate: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Audio(samples, rate)


def test_two_channels_in_memory_are_refused_with_a_hint() -> None:
    with pytest.raises(DataError, match=r"shape \(800, 2\) .* mix the channels"):
        checked(np.stack([TONE, TONE], 1), "u")


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (100, "reach 50, where full scale is 1: divide 16-bit integers by 32768, 8-bit"),
        (32767, r"reach 1\.64e\+04, .* divide 16-bit integers by 32768"),
        (2.0**23, r"reach .* divide 24-bit integers by 8388608"),
        (2.0**31, r"reach .* divide 32-bit integers by 2147483648"),
    ],
)
def test_integers_as_floats_are_noticed(scale: float, message: str) -> None:
    utterance = Utterance("u", audio=Audio(np.round(TONE * scale), 8000))
    with pytest.raises(DataError, match=f"u: samples {message}"):
        utterance.samples(8000)


def test_loud_floats_are_no_integers() -> None:
    assert scale_problem(2 * TONE) is None
    assert scale_problem(5.5 * TONE) is None
    assert scale_problem(np.array([0, 1, -1], np.float32)) is None
    assert "divide by what full scale is" in str(scale_problem(500.7 * TONE))
