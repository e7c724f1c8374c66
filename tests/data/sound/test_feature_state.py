"""Features of sound whose computation is saved and goes on elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import AcousticFeatures


@settings(max_examples=40)
@given(
    st.sampled_from([2000, 7777, 8000, 11025, 16000, 44100]),
    st.sampled_from(["log_mel", "mfcc"]),
    st.lists(st.integers(0, 900), max_size=8),
)
def test_a_restored_stream_gives_the_same_frames(rate: int, kind: str, sizes: list[int]) -> None:
    features = AcousticFeatures(rate=rate, kind=kind, bins=10)
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, sum(sizes)).astype(np.float32)
    stream, frames, begin = features.online(), [], 0
    for size in sizes:
        frames.append(stream.accept(sound[begin : begin + size]))
        begin += size
        other = features.online()
        other.restore(stream.state)
        stream = other
    found = np.concatenate([*frames, stream.finish()])
    np.testing.assert_array_equal(found, features.offline(sound))


def test_what_is_remembered_does_not_grow() -> None:
    stream = AcousticFeatures(rate=8000).online()
    for _ in range(50):
        stream.accept(np.zeros(1234, np.float32))
    assert len(stream.state["recent"]) < 400


def test_samples_that_do_not_fit_are_refused() -> None:
    features = AcousticFeatures(rate=8000)
    stream = features.online()
    stream.accept(np.zeros(1234, np.float32))
    with pytest.raises(ValueError, match="not those after"):
        features.online().restore({**stream.state, "given": 0})
