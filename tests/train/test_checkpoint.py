"""Checkpoints: what goes in comes out, and no damage passes unseen."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from safetensors import SafetensorError
from safetensors.torch import save_file

from elman.errors import FileError, ModelError, SettingsError
from elman.train.checkpoint import read_checkpoint, write_checkpoint

NEST = {
    "weights": {
        "a.b": torch.arange(6.0).reshape(2, 3),
        "half": torch.ones(3, dtype=torch.bfloat16),
    },
    "state": (None, [torch.tensor(3), (torch.zeros(0, 2),)]),
    "numbers": {1: 0.1 + 0.2, 0: float("inf"), "text": "µ", "true": True},
    "rng": torch.get_rng_state(),
}


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, NEST)
    return path


def test_what_goes_in_comes_out(path):
    assert same(NEST, read_checkpoint(path))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
NESTS = st.recursive(
    LEAVES | st.lists(st.integers(0, 9)).map(torch.tensor),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=12,
)


@given(nest=NESTS)
@settings(max_examples=25)
def test_any_nest_comes_back(nest, tmp_path_factory):
    path = tmp_path_factory.mktemp("nest") / "checkpoint"
    write_checkpoint(path, nest)
    assert same(nest, read_checkpoint(path))


def test_views_of_one_storage_are_kept_apart(tmp_path):
    flat = torch.arange(8.0)
    nest = [flat[:4], flat[4:], flat.reshape(2, 4).T, flat[0]]
    write_checkpoint(tmp_path / "c", nest)
    assert same(nest, read_checkpoint(tmp_path / "c"))


def test_every_flipped_byte_is_noticed(path):
    whole = path.read_bytes()
    for at in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[at] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=r"checkpoint\.safetensors: "):
            read_checkpoint(path)


def test_every_truncation_is_noticed(path):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 301), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="the checkpoint is damaged"):
            read_checkpoint(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(ModelError, match="the checkpoint is damaged"):
        read_checkpoint(path)


def test_other_files_are_refused(path, tmp_path):
    with pytest.raises(ModelError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none")
    with pytest.raises(ModelError, match="no such checkpoint"):
        read_checkpoint(tmp_path)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ModelError, match=r"not a checkpoint of elman\.train"):
        read_checkpoint(path)


@pytest.mark.parametrize("thing", [{1, 2}, object(), b"bytes", {(1, 2): 3}, 1j])
def test_what_it_cannot_hold_is_named(thing, tmp_path):
    with pytest.raises(SettingsError, match=f"'state/0', a {type(thing).__name__}"):
        write_checkpoint(tmp_path / "c", {"state": [thing]})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_checkpoint(path, monkeypatch):
    def full(tensors, filename, metadata):
        filename.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("elman.tensor_files.save_file", full)
    with pytest.raises(FileError, match=r"checkpoint\.safetensors cannot be written: No space"):
        write_checkpoint(path, {"step": 2})
    assert same(NEST, read_checkpoint(path))
    assert list(path.parent.iterdir()) == [path]
