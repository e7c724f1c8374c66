"""The sum over shards has the same bits whoever adds which of its parts."""

import torch

from elman.train.workers.tree_sum import cover, leaves_summed, nodes_summed, owned


def shards(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    return [torch.randn(5, generator=generator) * 10**k for k in range(count)]


def by_workers(parts: list[torch.Tensor], size: int) -> torch.Tensor:
    count, nodes = len(parts), {}
    for rank in range(size):
        for node in cover(owned(rank, size, count), count):
            nodes[node] = leaves_summed(node, lambda k: parts[k].clone())
    return nodes_summed(nodes, count)


def test_any_number_of_workers_gives_the_same_bits() -> None:
    for count in range(1, 18):
        parts = shards(count)
        alone = by_workers(parts, 1)
        torch.testing.assert_close(alone, torch.stack(parts).sum(0), rtol=1e-5, atol=0)
        for size in range(2, count + 1):
            assert torch.equal(by_workers(parts, size), alone), (count, size)


def test_the_tree_adds_neighbours() -> None:
    a, b, c, d, e = shards(5)
    assert torch.equal(by_workers([a, b, c, d, e], 2), ((a + b) + (c + d)) + e)


def test_every_shard_is_owned_once_and_nobody_is_idle() -> None:
    for count in range(1, 20):
        for size in range(1, count + 1):
            ranges = [owned(rank, size, count) for rank in range(size)]
            assert [k for own in ranges for k in own] == list(range(count))
            assert max(map(len, ranges)) - min(map(len, ranges)) <= 1 <= min(map(len, ranges))


def test_a_node_holds_few_parts_at_a_time() -> None:
    held = most = 0
    kinds = torch.zeros(1)

    def leaf(number: int) -> torch.Tensor:
        nonlocal held, most
        held += 1
        made = kinds.clone()
        most = max(most, held)
        return Counted(made)

    class Counted(torch.Tensor):
        def add_(self, other):
            nonlocal held
            held -= 1
            return self

    leaves_summed((0, 64), leaf)
    assert most <= 7
