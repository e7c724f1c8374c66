import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elman.decode.alphabet import Alphabet
from elman.decode.ngram import estimate
from elman.decode.scorers import NGramScorer
from elman.decode.transducer_loss import transducer_loss
from elman.decode.transducer_search import TransducerBeam, TransducerGreedy
from elman.nn import Recurrent

ALPHABET = Alphabet(" ab")
EXACT = {"width": 10_000, "margin": math.inf}


class Network(nn.Module):
    """A transducer with random weights, in float64."""

    def __init__(self, seed: int, spread: float = 2.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(ALPHABET.size, 5)
            self.gru = Recurrent("gru", 5, 5)
            self.linear = nn.Linear(5, ALPHABET.size)
            self.to(torch.float64)
            with torch.no_grad():
                for parameter in self.parameters():
                    parameter.mul_(spread)
                self.linear.bias[:2] += 1.0
            self.steps = 0

    def predict(self, ids: Tensor, state: Any) -> tuple[Tensor, Any]:
        self.steps += len(ids)
        return self.gru.step(self.embedding(ids), state)

    def join(self, heard: Tensor, read: Tensor) -> Tensor:
        return self.linear(torch.tanh(heard + read))

    def lattice(self, encoded: Tensor, ids: list[int]) -> Tensor:
        output, _ = self.gru(self.embedding(torch.tensor([0, *ids]))[:, None])
        return self.join(encoded[:, None], output[:, 0])


def heard(frames: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(frames, 5, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("words", [False, True])
@torch.no_grad()
def test_a_wide_beam_is_exhaustive(seed: int, words: bool) -> None:
    """Of all texts with so few characters that each of their paths is searched."""
    network, encoded = Network(seed), heard(3, seed)
    scorers = [NGramScorer(ALPHABET, estimate(["a ab", "b a"], order=2))] if words else []
    beam = TransducerBeam(ALPHABET, network, most_symbols=3, scorers=scorers, **EXACT)
    state = beam.start()
    state.advance(encoded)
    found = {tuple(text.prefix.ids()): text.rank for text in state._texts}
    for count in range(4):
        for ids in itertools.product(range(1, ALPHABET.size), repeat=count):
            score = -transducer_loss(
                network.lattice(encoded, list(ids))[None],
                torch.tensor([ids], dtype=torch.int64).reshape(1, count),
                torch.tensor([3]),
                torch.tensor([count]),
            ).item()
            for scorer in scorers:
                at = scorer.start()
                for id in ids:
                    score += scorer.rows([at])[0, id]
                    at = scorer.after(at, id)
            assert found.get(ids, -math.inf) == pytest.approx(score)
    best = state.best(2)
    assert best[0].score >= best[1].score


@torch.no_grad()
def test_greedy_follows_the_best_path() -> None:
    network, encoded = Network(3), heard(40, 3)
    decoder = TransducerGreedy(ALPHABET, network, frame_seconds=0.1)
    [found] = decoder.decode(encoded)
    text: list[int] = []
    score, frames = 0.0, []
    for t in range(len(encoded)):
        for symbols in range(4):
            scores = network.lattice(encoded, text)[t, -1].log_softmax(-1)
            id = int(scores.argmax()) if symbols < 3 else 0
            score += scores[id].item()
            if id == 0:
                break
            text.append(id)
            frames.append(t)
    assert len(text) > 5
    assert found.text == " ".join(ALPHABET.decode(text).split())
    assert found.score == pytest.approx(score)
    first = next(i for i, id in enumerate(text) if id != ALPHABET.space)
    assert found.words[0].start == pytest.approx(0.1 * frames[first])


@pytest.mark.parametrize("chunk", [1, 7, 60])
@torch.no_grad()
def test_chunks_give_the_whole(chunk: int) -> None:
    encoded = heard(120, 4)
    for decoder in (
        TransducerBeam(ALPHABET, Network(4, 3.0), width=4),
        TransducerGreedy(ALPHABET, Network(4, 3.0)),
    ):
        state = decoder.start()
        for i in range(0, len(encoded), chunk):
            state.advance(encoded[i : i + chunk])
            state.best(2, final=False)
        assert state.best(2) == decoder.decode(encoded, 2)
        assert len(state.text) > 20


@torch.no_grad()
def test_the_beam_forgets_what_is_settled() -> None:
    network = Network(5, 3.0)
    beam = TransducerBeam(ALPHABET, network, width=4, most_unsettled=30)
    state = beam.start()
    longest, taken = 0, []
    for seed in range(20):
        state.advance(heard(50, seed))
        longest = max(longest, *(len(text.prefix.path()) for text in state._texts))
        taken += state.take()
    assert len(taken) > 10
    assert longest <= 30 + 3 * 50
    whole = beam.decode(torch.cat([heard(50, seed) for seed in range(20)]))[0]
    assert [*taken, *state.best()[0].words] == list(whole.words)
    assert all(word.start < word.end and 0 <= word.confidence <= 1 for word in whole.words)
    assert np.all(np.diff([word.start for word in whole.words]) > 0)
