import numpy as np
import pytest
import torch

from elman.tasks import SynthesisSettings
from elman.tasks.synthesis.batches import PointBatches, Sample, batch_of, by_length, texts_of
from elman.tasks.synthesis.likelihood import log_likelihood
from elman.tasks.synthesis.network import Texts, WriterNetwork, inputs_of
from elman.tasks.synthesis.window import Window


def network(characters: int, **settings: object) -> WriterNetwork:
    torch.manual_seed(0)
    chosen = SynthesisSettings(hidden_size=6, components=2, window=3, embedding_size=4, dropout=0)
    chosen = chosen.model_copy(update=settings)
    return WriterNetwork(chosen, "lstm", characters, pace=0.3).eval()


def sample(length: int, seed: int, text: tuple[int, ...] = ()) -> Sample:
    random = np.random.default_rng(seed)
    pens = random.integers(0, 2, length)
    pens[-1] = 2
    offsets = random.normal(0, 1, (length, 2)).astype(np.float32)
    offsets[0] = 0
    return Sample(offsets, pens, text)


NO_NOISE = np.zeros((1, 2), np.float32)


@pytest.mark.parametrize("characters", [0, 5])
def test_step_by_step_as_all_at_once(characters: int) -> None:
    model = network(characters)
    points = inputs_of(torch.randn(7, 2, 2), torch.randint(3, (7, 2)))
    texts = texts_of([[1, 2, 0], [3, 4, 1, 2, 0]]) if characters else None
    whole, last = model(points, texts)
    state, rows = None, []
    for each in points:
        scores, state = model(each.unsqueeze(0), texts, state)
        rows.append(scores[0])
    assert torch.allclose(torch.stack(rows), whole, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(last, state or (), strict=True))


@pytest.mark.parametrize("characters", [0, 5])
def test_padding_changes_nothing(characters: int) -> None:
    model = network(characters)
    text = (1, 2, 0) if characters else ()
    longer = (*text[:-1], 3, 4, 3, 4, 0) if characters else ()
    short, long = sample(3, 0, text), sample(8, 1, longer)
    alone = batch_of([short], [NO_NOISE])
    both = batch_of([short, long], [NO_NOISE, NO_NOISE])
    one, _ = model(alone.inputs, alone.texts, lengths=alone.lengths)
    two, _ = model(both.inputs, both.texts, lengths=both.lengths)
    for own, padded in zip(
        log_likelihood(one, alone, 1.0), log_likelihood(two, both, 1.0), strict=True
    ):
        assert torch.allclose(own[:, 0], padded[:3, 0], atol=1e-5)
        assert (padded[3:, 0] == 0).all()


def test_no_point_depends_on_itself_or_on_those_after_it() -> None:
    model = network(5)
    short, other = sample(6, 0, (1, 2, 0)), sample(6, 0, (1, 2, 0))
    other.offsets[3] += 1
    scores = [
        model(batch.inputs, batch.texts)[0]
        for batch in (batch_of([each], [NO_NOISE]) for each in (short, other))
    ]
    assert torch.equal(scores[0][:4], scores[1][:4])
    assert not torch.equal(scores[0][4], scores[1][4])


def test_the_likelihood_of_a_sample_by_two_loops() -> None:
    model, scale = network(0), 2.5
    given = sample(5, 3)
    batch = batch_of([given], [NO_NOISE])
    scores, _ = model(batch.inputs)
    offsets, pens = log_likelihood(scores, batch, scale)
    total, state = 0.0, None
    before = torch.zeros(1, 1, 5)
    for number in range(5):
        out, state = model(before, None, state)
        row = out[0, 0].double()
        if number:
            weights = row[:2].softmax(0)
            density = 0.0
            for j in range(2):
                mean = row[[2 + j, 4 + j]]
                spread = 0.01 + torch.nn.functional.softplus(row[[6 + j, 8 + j]])
                rho = 0.99 * torch.tanh(row[10 + j])
                both = rho * spread.prod()
                covariance = torch.stack([spread[0] ** 2, both, both, spread[1] ** 2]).view(2, 2)
                normal = torch.distributions.MultivariateNormal(mean * scale, covariance * scale**2)
                point = torch.from_numpy(given.offsets[number]).double() * scale
                density += (weights[j] * normal.log_prob(point).exp()).item()
            total += np.log(density)
        total += row[-3:].log_softmax(0)[int(given.pens[number])].item()
        step = torch.from_numpy(given.offsets[number])
        before = inputs_of(step, torch.tensor(int(given.pens[number]))).view(1, 1, 5)
    assert (offsets.sum() + pens.sum()).item() == pytest.approx(total, rel=1e-5)


def test_the_window_moves_on_and_sees_only_its_text() -> None:
    torch.manual_seed(0)
    window = Window(4, 3, pace=0.25).double()
    text = torch.randn(2, 5, 3, dtype=torch.float64)
    hidden = torch.randn(6, 2, 4, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([5, 2])
    seen, last = window(hidden, text, lengths, None)
    changed = text.clone()
    changed[1, 2:] = 9
    assert torch.equal(window(hidden, changed, lengths, None)[0], seen)
    first, between = window(hidden[:2], text, lengths, None)
    rest, end = window(hidden[2:], text, lengths, between)
    assert torch.allclose(torch.cat([first, rest]), seen)
    assert torch.allclose(end, last)
    assert (end > between).all()
    weights, precision, moves = window.linear(hidden).chunk(3, -1)
    right = torch.zeros(3, dtype=torch.float64)
    place = torch.nn.functional.softplus(moves[:3, 0]).sum(0)
    for k in range(3):
        for u in range(5):
            width = 0.05 + torch.nn.functional.softplus(precision[2, 0, k])
            weight = weights[2, 0].softmax(0)[k]
            right += weight * torch.exp(-width * (place[k] - u) ** 2) * text[0, u]
    assert torch.allclose(seen[2, 0], right)
    assert torch.autograd.gradcheck(lambda h: window(h, text, lengths, None), (hidden,))


def test_the_window_begins_at_the_pace_of_the_data() -> None:
    window = Window(4, 3, pace=0.2)
    _, places = window(torch.zeros(10, 1, 4), torch.zeros(1, 5, 2), torch.tensor([5]), None)
    assert places.mean().item() == pytest.approx(2, rel=0.5)


def test_noise_is_added_to_what_is_predicted_and_differs_by_epoch() -> None:
    samples = [sample(4, seed) for seed in range(3)]
    batches = PointBatches(samples, 3, seed=0, noise=0.5)
    first, second = (next(batches.epoch(e)) for e in (0, 1))
    again = next(batches.epoch(0))
    assert torch.equal(first.offsets, again.offsets)
    order = [samples[i] for i in batches.sampler.epoch(0)[0]]
    clean = torch.from_numpy(np.stack([each.offsets for each in order], 1))
    away = first.offsets - clean
    assert away.abs().max() <= 0.25
    assert away.std() > 0.1
    assert torch.equal(first.inputs[1:, :, :2], clean[:-1])
    assert not torch.equal(first.offsets.sort().values, second.offsets.sort().values)


def test_the_noise_of_a_sample_does_not_depend_on_the_others() -> None:
    samples = [sample(4, 0), sample(4, 1)]
    both = next(by_length(samples, 1.0).epoch(0))
    alone = next(by_length(samples[1:], 1.0).epoch(0))
    assert torch.equal(both.offsets[:, 1], alone.offsets[:, 0])


def test_texts_are_padded() -> None:
    found = texts_of([[1, 0], [2, 3, 0]])
    assert isinstance(found, Texts)
    assert found.ids.tolist() == [[1, 0, 0], [2, 3, 0]]
    assert found.lengths.tolist() == [2, 3]
