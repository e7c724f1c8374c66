"""The encoder-decoder: whole sequences against single steps, states, padding."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tiny_translator import sources, tiny_translator
from torch import nn

from elman.errors import SettingsError
from elman.nn import Attention, Recurrent
from elman.nn.attention import Kind
from elman.nn.state import gather, reorder, scatter
from elman.tasks.encoder_decoder import Bridge, Decoder, EncoderDecoder, RecurrentEncoder

FORMS: list[tuple[str, str, int, Kind]] = [
    ("lstm", "gru", 1, "additive"),
    ("gru", "lstm", 2, "general"),
    ("indrnn", "peephole_lstm", 3, "general"),
]


@pytest.mark.parametrize(("first", "following", "num_layers", "kind"), FORMS)
def test_teacher_forcing_is_the_sum_over_steps(
    first: str, following: str, num_layers: int, kind: Kind
) -> None:
    model = tiny_translator(first=first, following=following, num_layers=num_layers, kind=kind)
    source, lengths = sources(4)
    target = torch.randint(5, (7, 4))
    with torch.no_grad():
        scores = model(source, lengths, target[:-1])
        loss = F.cross_entropy(scores.flatten(0, 1), target[1:].flatten(), reduction="sum")
        state, total = model.encode(source, lengths), torch.zeros(4, dtype=torch.float64)
        for ids, after, row in zip(target[:-1], target[1:], scores, strict=True):
            step, state = model.step(ids, state)
            torch.testing.assert_close(step, row)
            total += step.log_softmax(-1)[torch.arange(4), after]
    torch.testing.assert_close(loss, -total.sum())


def test_every_layer_runs_over_whole_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_translator(num_layers=2)
    calls: list[int] = []

    def counted(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        calls.append(len(args[0]))

    for layer in (model.encoder.recurrent, model.decoder.first, model.decoder.following):
        layer.register_forward_pre_hook(counted)
    source, lengths = sources(4)
    model(source, lengths, torch.randint(5, (9, 4)))
    assert calls == [6, 9, 9]


def test_a_batch_is_its_sentences() -> None:
    model = tiny_translator()
    source, lengths = sources(5)
    target = torch.randint(5, (4, 5))
    with torch.no_grad():
        scores = model(source, lengths, target)
        for b, length in enumerate(lengths.tolist()):
            alone = model(source[:length, b : b + 1], None, target[:, b : b + 1])
            torch.testing.assert_close(scores[:, b : b + 1], alone)


def test_what_stands_on_padding_changes_nothing() -> None:
    model = tiny_translator()
    source, lengths = sources(5)
    target = torch.randint(5, (4, 5))
    other = torch.where(torch.arange(6).unsqueeze(1) < lengths, source, (source + 1) % 7)
    encoded = model.encoder(source, lengths)
    real = (torch.arange(6).unsqueeze(1) < lengths).unsqueeze(-1)
    dirty = torch.where(real, encoded, torch.nan)
    with torch.no_grad():
        assert torch.equal(model(source, lengths, target), model(other, lengths, target))
        for one, two in zip(
            model.start(encoded, lengths), model.start(dirty, lengths), strict=True
        ):
            assert torch.equal(one, two)


def test_a_source_without_a_step() -> None:
    model = tiny_translator()
    scores = model(
        torch.zeros(3, 2, dtype=torch.int64), torch.tensor([0, 3]), torch.ones(2, 2).long()
    )
    assert bool(scores.isfinite().all())
    scores.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_states_are_gathered_scattered_and_reordered_without_knowing_the_model() -> None:
    model = tiny_translator(num_layers=2)
    source, lengths = sources(3)
    ids = torch.tensor([1, 2, 3])
    with torch.no_grad():
        _, state = model.step(ids, model.encode(source, lengths))
        assert all(part.shape[1] == 3 for part in state)
        expected, _ = model.step(ids, state)
        apart = scatter(state)
        torch.testing.assert_close(model.step(ids, gather(apart))[0], expected)
        order = torch.tensor([2, 2, 0])
        turned, _ = model.step(ids[order], reorder(state, order))
        torch.testing.assert_close(turned, expected[order])
        # sentences that came one by one, each with a memory of its own length
        single = [
            model.step(ids[b : b + 1], model.encode(source[:length, b : b + 1]))[1]
            for b, length in enumerate(lengths.tolist())
        ]
        torch.testing.assert_close(model.step(ids, gather(single))[0], expected)


def test_a_bridge_gives_each_layer_its_states() -> None:
    layers = [Recurrent("lstm", 3, 6, proj_size=2), Recurrent("gru", 4, 5, num_layers=3)]
    states = Bridge(7, layers)(torch.randn(9, 2, 7), torch.tensor([9, 4]))
    assert [part.shape for part in states] == [(1, 2, 2), (1, 2, 6), (3, 2, 5)]
    layers[0](torch.randn(4, 2, 3), states[:2])
    layers[1](torch.randn(4, 2, 4), states[2:])


def test_it_learns_to_turn_sequences_round() -> None:
    torch.manual_seed(0)
    layers = [Recurrent("gru", 8, 24), Recurrent("gru", 24 + 48, 24)]
    model = EncoderDecoder(
        RecurrentEncoder(nn.Embedding(6, 8), Recurrent("gru", 8, 24, bidirectional=True)),
        Bridge(48, layers),
        Attention(24, 48, kind="general"),
        Decoder(nn.Embedding(6, 8), *layers),
        nn.Linear(24 + 48, 6),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        source = torch.randint(1, 6, (5, 32))
        target = F.pad(source.flip(0), (0, 0, 1, 0))
        scores = model(source, None, target[:-1])
        loss = F.cross_entropy(scores.flatten(0, 1), target[1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.1


def test_sizes_that_do_not_fit_are_refused() -> None:
    def build(query: int = 6, inputs: int = 14, *, bidirectional: bool = False) -> EncoderDecoder:
        layers = [Recurrent("gru", 3, 6, bidirectional=bidirectional), Recurrent("gru", inputs, 5)]
        return EncoderDecoder(
            RecurrentEncoder(nn.Embedding(7, 3), Recurrent("gru", 3, 8)),
            Bridge(8, layers),
            Attention(query, 8),
            Decoder(nn.Embedding(5, 3), *layers),
            nn.Linear(5 + 8, 5),
        )

    assert build().decoder.output_size == 5 + 8
    with pytest.raises(SettingsError, match="query_size: the attention's is 7, the decoder's 6"):
        build(query=7)
    with pytest.raises(SettingsError, match="memory_size: the attention's is 8, the decoder's 7"):
        build(inputs=13)
    with pytest.raises(SettingsError, match="one direction"):
        build(bidirectional=True)


@pytest.mark.parametrize(("first", "following", "num_layers", "kind"), FORMS)
def test_hypotheses_of_a_sequence_share_its_memory(
    first: str, following: str, num_layers: int, kind: Kind
) -> None:
    """Whatever a search asks for, the scores are those of states that are copied whole."""
    model = tiny_translator(first=first, following=following, num_layers=num_layers, kind=kind)
    orders = [
        ([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], 4),
        ([2, 0, 0, 5, 3, 3, 8, 8, 6, 11, 10, 9], 4),
        ([1, 0, 11, 10], 2),  # two sequences are done
        ([1, 1, 0, 2, 3, 3], 2),
        ([0, 2, 3], 3),  # not as many of each
        ([2, 1, 0, 0], 4),
        ([], 0),
    ]
    with torch.no_grad():
        shared = copied = model.encode(*sources(4))
        for order, columns in orders:
            index = torch.tensor(order, dtype=torch.int64)
            shared, copied = model.reorder(shared, index), reorder(copied, index)
            assert shared[0].shape[1] == columns
            ids = torch.arange(len(order)) % 5
            scores, shared = model.step(ids, shared)
            expected, copied = model.step(ids, copied)
            torch.testing.assert_close(scores, expected)


def test_a_memory_that_stays_is_not_copied() -> None:
    model = tiny_translator()
    state = model.encode(*sources(3))
    wide = model.reorder(state, torch.arange(3).repeat_interleave(4))
    again = model.reorder(wide, torch.tensor([3, 3, 0, 1, 4, 4, 4, 4, 11, 8, 8, 10]))
    assert all(one is other for one, other in zip(again[:3], state[:3], strict=True))


@pytest.mark.parametrize(("first", "following", "num_layers", "kind"), FORMS)
def test_alignments_are_the_weights_of_each_step(
    first: str,
    following: str,
    num_layers: int,
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = tiny_translator(first=first, following=following, num_layers=num_layers, kind=kind)
    source, lengths = sources(4)
    target = torch.randint(5, (7, 4))
    seen = []
    attend = model.attention.attend

    def recorded(*args: Any) -> Any:
        context, weights = attend(*args)
        seen.append(weights)
        return context, weights

    with torch.no_grad():
        weights = model.alignments(source, lengths, target)
        monkeypatch.setattr(model.attention, "attend", recorded)
        state = model.encode(source, lengths)
        for ids in target:
            _, state = model.step(ids, state)
    assert weights.shape == (7, 4, 6)
    torch.testing.assert_close(weights, torch.cat(seen))
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    for b, length in enumerate(lengths.tolist()):
        assert not weights[:, b, length:].any()


def test_alignments_of_several_targets_of_each_source() -> None:
    model = tiny_translator()
    source, lengths = sources(3)
    targets = torch.randint(5, (4, 6))
    with torch.no_grad():
        together = model.alignments(source, lengths, targets)
        for n in range(2):
            alone = model.alignments(source, lengths, targets[:, n::2])
            torch.testing.assert_close(together[:, n::2], alone)
    with pytest.raises(ValueError, match="target has 4 sequences for 3 sources"):
        model.alignments(source, lengths, targets[:, :4])
