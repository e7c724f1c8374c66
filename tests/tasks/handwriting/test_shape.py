"""The linear model of symbols' shapes beside the network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import elman
from elman.data import Ink
from elman.data.ink.preparation import rotated
from elman.errors import ModelError, SettingsError
from elman.nn import Ragged
from elman.tasks import Handwriting
from elman.tasks.handwriting.shape import SHAPE, ShapeModel, shape, shapes
from elman.tasks.handwriting.steps import Steps

from .conftest import SMALL, drawn, symbols

SQUARE = Steps(is_text=False, resolution=16, size=10.0, top=5.0)
CROSS = [[(0, 0), (10, 10)], [(10, 0), (0, 10)]]


def of(*strokes: list[tuple[float, float]], keep_size: bool = False) -> np.ndarray:
    """The shape of one ink."""
    return shapes([SQUARE.read(Ink.of_strokes(list(strokes)))[0]], 16, keep_size=keep_size)[0]


def maps(*strokes: list[tuple[float, float]]) -> np.ndarray:
    return of(*strokes).reshape(5, 8, 8) ** 2


def test_directions_have_maps_of_their_own() -> None:
    for at, stroke in enumerate(
        ([(0, 0), (10, 0)], [(0, 0), (10, 10)], [(0, 0), (0, 10)], [(0, 10), (10, 0)])
    ):
        found = maps(stroke)
        length = np.hypot(*np.diff(np.array(stroke), axis=0)[0]) / 10
        sums = found.sum((1, 2))
        assert sums[at] == pytest.approx(length, rel=1e-3)
        assert np.delete(sums, [at, 4]).max() < 1e-3
        assert sums[4] == pytest.approx(length, rel=0.15)


def test_ink_lies_where_it_was_drawn() -> None:
    found = maps([(0, 0), (10, 0)], [(0, 10), (10, 10)])
    assert found[0, 0].sum() == pytest.approx(1, rel=1e-3)
    assert found[0, 7].sum() == pytest.approx(1, rel=1e-3)
    assert found[0, 1:7].max() < 1e-6


def test_order_and_sense_of_strokes_do_not_matter() -> None:
    first = of(*CROSS)
    np.testing.assert_allclose(of(*CROSS[::-1]), first, atol=1e-3)
    turned = [stroke[::-1] for stroke in CROSS]
    np.testing.assert_allclose(maps(*turned)[:4], maps(*CROSS)[:4], atol=1e-2)


def test_dots_count() -> None:
    found = maps([(0, 4), (0, 10)], [(0, 0)])
    assert found[:4, 0].sum() == 0
    assert found[4, 0].sum() == pytest.approx(1 / 16, rel=1e-3)
    assert np.isfinite(of([(3, 3)], keep_size=True)).all()


def test_padding_does_nothing() -> None:
    random = np.random.default_rng(0)
    steps = [SQUARE.read(drawn(each, random))[0] for each in ("-", "x", "v")]
    padded, _ = Ragged.from_list(steps).pad()
    real = padded[..., 3:4] > 0
    garbage = torch.where(real, padded, torch.tensor([torch.nan, 7, 1, 0, 9, 9]))
    for keep_size in (False, True):
        alone = shapes(steps, 16, keep_size=keep_size)
        for given in (padded, garbage):
            found = shape(given, 16, keep_size=keep_size).numpy()
            np.testing.assert_allclose(found, alone, atol=1e-5)


def test_place_and_size_count_where_they_are_kept() -> None:
    large = [[(0, 0), (30, 30)], [(30, 0), (0, 30)]]
    np.testing.assert_allclose(of(*large), of(*CROSS), atol=1e-3)
    size = np.log([1 + 0.02, 3 + 0.02])
    for strokes, log, top in ((CROSS, size[0], 0), (large, size[1], 1)):
        own = of(*strokes, keep_size=True)[320:]
        np.testing.assert_allclose(own, [top, log, log, [1, 3][top]], atol=1e-4)


def test_scores_are_those_of_network_and_shape(reader: Handwriting) -> None:
    known, head = reader.preprocessing, reader.model.head
    assert reader.settings.shape_model
    some = symbols(8, seed=3)
    network = reader._outputs(reader.read(some, labelled=True))
    sequences = known.sequences(reader.read(some, labelled=True))
    values = shapes(sequences, known.steps.resolution, keep_size=False)
    model = known.shape
    plain = ((values - model.mean) * model.scale).clip(-10, 10) @ model.weight.double().numpy()
    linear = known.linear_scores(sequences)
    np.testing.assert_allclose(linear.numpy(), plain + model.bias.numpy(), rtol=1e-3, atol=1e-3)
    weight = float(head.linear_weight)
    head.linear_weight.zero_()
    alone = reader._outputs(reader.read(some, labelled=True))
    head.linear_weight.fill_(weight)
    expected = torch.stack(alone) + weight * linear / head.temperature
    torch.testing.assert_close(torch.stack(network), expected)


def test_a_shape_that_is_drawn_in_an_unknown_way_is_read() -> None:
    """All writers draw the circle to the left, and the angle like its end; one goes right."""
    angles = np.linspace(0, 2 * np.pi, 30)
    circle = np.column_stack([np.sin(angles), -np.cos(angles)]) * 5
    random = np.random.default_rng(0)
    inks, texts = [], []
    for _ in range(30):
        for text, points in (
            ("o", circle[::-1]),
            ("s", np.array([(4, -5), (-4, -2), (4, 2), (-4, 5)])),
            ("l", np.array([(0, -5), (0, 5)])),
        ):
            inks.append(Ink.of_strokes([points + random.normal(0, 0.3, points.shape)]))
            texts.append(text)
    task = Handwriting(**SMALL, epochs=8).fit((inks, texts), progress=False)
    unknown = [Ink.of_strokes([circle + random.normal(0, 0.3, circle.shape)]) for _ in range(10)]
    task.model.head.linear_weight.fill_(1)
    assert task.predict(unknown) == ["o"] * 10


def test_saved_and_loaded(reader: Handwriting, tmp_path: Path) -> None:
    reader.save(tmp_path / "m")
    again = elman.load(tmp_path / "m")
    some = symbols(8, seed=4).inks
    np.testing.assert_array_equal(again.predict_proba(some), reader.predict_proba(some))
    tensors = load_file(tmp_path / "m" / SHAPE)
    path = tmp_path / "other"
    for name in tensors:
        save_file({**tensors, name: tensors[name][:-1].contiguous()}, path)
        with pytest.raises(ModelError, match=f"{name} do not fit a model of 4 classes and 320"):
            ShapeModel.load(path, 4, keep_size=False)
    with pytest.raises(ModelError, match="do not fit a model of 4 classes and 324"):
        ShapeModel.load(tmp_path / "m" / SHAPE, 4, keep_size=True)


def test_the_model_of_all_samples_is_learnt_at_the_end() -> None:
    some = symbols(96)
    task = Handwriting(**SMALL, epochs=1).fit(some, progress=False)
    given = Handwriting(**SMALL, epochs=1).fit(some, symbols(16, seed=1), progress=False)
    assert "linear model" in task.record["training"]
    assert "linear model" not in given.record["training"]
    torch.testing.assert_close(task.preprocessing.shape.weight, given.preprocessing.shape.weight)


def test_without_it() -> None:
    task = Handwriting(**SMALL, epochs=1, shape_model=False).fit(symbols(32), progress=False)
    assert task.preprocessing.shape is None
    assert set(task.predict(symbols(4).inks)) <= set(task.labels)


def test_texts_have_none(lines: elman.data.Inks) -> None:
    with pytest.raises(SettingsError, match="shapes are of symbols, and these samples are texts"):
        Handwriting(**SMALL, kind="text", shape_model=True).fit(lines, progress=False)


def test_a_writer_moves_the_linear_model_too(reader: Handwriting) -> None:
    random = np.random.default_rng(3)
    texts = ["-", "l", "v", "x"] * 4
    inks = [rotated(drawn(text, random), 55) for text in texts]
    before = reader.preprocessing.shape
    adapted = reader.adapt((inks, texts), steps=1)
    after = adapted.preprocessing.shape
    assert reader.preprocessing.shape is before
    known = adapted.preprocessing
    data = adapted.read((inks, texts), labelled=True)
    targets, sequences = known.targets(data), known.sequences(data)
    losses = [
        float(torch.nn.functional.cross_entropy(each.scores(sequences, 6), targets))
        for each in (before, after)
    ]
    assert losses[1] < losses[0] / 2
