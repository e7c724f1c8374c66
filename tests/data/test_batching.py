import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import BucketSampler, Chunks, TokenBuckets
from elman.errors import DataError, SettingsError

sizes = st.integers(1, 9)


@given(st.lists(st.integers(0, 50), max_size=200), sizes, sizes, st.integers(0, 5), st.booleans())
def test_every_example_once_an_epoch(lengths, batch_size, pool, seed, shuffle):
    def sampler():
        return BucketSampler(lengths, batch_size, seed=seed, shuffle=shuffle, pool=pool)

    for epoch in range(3):
        batches = sampler().epoch(epoch)
        assert len(batches) == len(sampler())
        assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
        assert sum(len(batch) != batch_size for batch in batches) <= 1
        again = sampler()
        again.epoch(0)
        for one, other in zip(batches, again.epoch(epoch), strict=True):
            np.testing.assert_array_equal(one, other)


def padded(lengths, batches):
    cells = sum(len(batch) * lengths[batch].max() for batch in batches)
    return 1 - lengths.sum() / cells


def test_batches_are_of_similar_length_and_epochs_differ():
    lengths = np.random.default_rng(0).integers(1, 100, 5000)
    sampler = BucketSampler(lengths, 32, seed=3)
    random = np.array_split(np.random.default_rng(1).permutation(5000), 157)
    assert padded(lengths, random) > 0.4
    assert padded(lengths, sampler.epoch(0)) < 0.05
    order = [lengths[batch].mean() for batch in sampler.epoch(0)]
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.3
    first, second = (np.concatenate(sampler.epoch(epoch)) for epoch in (0, 1))
    assert (first != second).any()
    other = np.concatenate(BucketSampler(lengths, 32, seed=4).epoch(0))
    assert (first != other).any()


def test_without_shuffling_the_order_is_that_of_length():
    batches = BucketSampler([5, 1, 3, 2, 4], 2, shuffle=False).epoch(7)
    assert [batch.tolist() for batch in batches] == [[1, 3], [2, 4], [0]]


@given(st.integers(2, 300), sizes, st.integers(1, 20), st.integers(0, 3), st.booleans())
def test_chunks_go_on_row_by_row(count, batch_size, length, seed, random_offset):
    if count <= batch_size:
        with pytest.raises(DataError, match="too few"):
            Chunks(np.arange(count), batch_size, length)
        return
    tokens = np.arange(count, dtype=np.uint16)
    chunks = Chunks(tokens, batch_size, length, seed=seed, random_offset=random_offset)
    for epoch in range(3):
        batches = list(chunks.epoch(epoch))
        assert len(batches) == len(chunks)
        assert all(len(inputs) == length for inputs, _ in batches[:-1])
        inputs = torch.cat([inputs for inputs, _ in batches])
        targets = torch.cat([targets for _, targets in batches])
        assert inputs.dtype == targets.dtype == torch.int64
        torch.testing.assert_close(targets, inputs + 1)
        torch.testing.assert_close(inputs[1:], inputs[:-1] + 1)
        first, last = int(inputs[0, 0]), int(targets[-1, -1])
        assert torch.equal(inputs.T.flatten(), torch.arange(first, last))
        assert 0 <= first < max(1, length if random_offset else 1)
        missed = count - (last - first + 1)
        assert missed < batch_size + (length if random_offset else 0)
        start = len(batches) // 2
        for one, other in zip(batches[start:], chunks.epoch(epoch, start), strict=True):
            assert torch.equal(one[0], other[0])
            assert torch.equal(one[1], other[1])


def test_the_offset_moves_with_epoch_and_seed():
    def firsts(seed):
        chunks = Chunks(np.arange(1000), 2, 50, seed=seed, random_offset=True)
        return [int(next(chunks.epoch(epoch))[0][0, 0]) for epoch in range(10)]

    assert len(set(firsts(0))) > 5
    assert firsts(0) == firsts(0)
    assert firsts(0) != firsts(1)


def test_a_memory_map_is_read_chunk_by_chunk(tmp_path):
    np.arange(1000, dtype=np.uint16).tofile(tmp_path / "t")
    tokens = np.memmap(tmp_path / "t", np.uint16, mode="r")
    inputs, targets = next(Chunks(tokens, 4, 8).epoch(0))
    np.testing.assert_array_equal(inputs[:, 1], np.arange(249, 257))
    inputs += 1  # the chunk is a copy
    assert tokens[0] == 0
    assert targets.shape == (8, 4)


def test_bad_sizes():
    with pytest.raises(SettingsError, match="batch_size=0"):
        BucketSampler([1], 0)
    with pytest.raises(SettingsError, match="length=0"):
        Chunks(np.arange(9), 1, 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=40), st.integers(1, 60))
def test_token_buckets_hold_every_example_once_and_few_tokens(lengths, tokens):
    buckets = TokenBuckets(np.array(lengths).reshape(-1, 2), tokens, seed=3)
    longest = [max(both) for both in lengths]
    for epoch in range(3):
        batches = buckets.epoch(epoch)
        assert len(batches) == len(buckets)
        assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(lengths)))
        for batch in batches:
            most = max(longest[i] for i in batch)
            assert len(batch) == 1 or len(batch) * most <= tokens


def test_token_buckets_depend_on_seed_and_epoch_alone():
    lengths = np.random.default_rng(0).integers(1, 9, 60)
    first, second = (TokenBuckets(lengths, 20, seed=1) for _ in range(2))
    second.epoch(0)
    shown = [[batch.tolist() for batch in buckets.epoch(2)] for buckets in (first, second)]
    assert shown[0] == shown[1]
    assert shown[0] != [batch.tolist() for batch in first.epoch(1)]
    assert shown[0] != [b.tolist() for b in TokenBuckets(lengths, 20, seed=2).epoch(2)]
    assert len(TokenBuckets([], 20)) == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.data())
def test_as_many_batches_as_asked(lengths, data):
    number = data.draw(st.integers(1, len(lengths)))
    buckets = TokenBuckets(lengths, None, number=number, seed=3)
    batches = buckets.epoch(1)
    assert len(batches) == len(buckets) == number
    assert all(len(batch) for batch in batches)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    largest = int(max(len(batch) * np.asarray(lengths)[batch].max() for batch in batches))
    assert len(TokenBuckets(lengths, largest)) <= number
    assert largest == max(lengths) or len(TokenBuckets(lengths, largest - 1)) > number


def test_more_batches_than_sequences():
    with pytest.raises(DataError, match="2 sequences cannot be put into 3 batches"):
        TokenBuckets([4, 5], None, number=3)
