import hashlib
import json
import warnings

import numpy as np
import pytest
import torch
from tiny_signatures import sign, signatures

import elman
from elman.cli.app import main
from elman.data import Ink, write_ink
from elman.errors import DataError, ModelError, SettingsError
from elman.tasks import Signature
from elman.tasks.signature import Templates

SMALL = {"epochs": 2, "references": 3, "draws": 2, "hidden_size": 4, "baselines": False}


@pytest.fixture(scope="module")
def data():
    return signatures()


@pytest.fixture(scope="module")
def trained(data):
    return Signature(**SMALL).fit(data, progress=False)


@pytest.fixture
def enrolled(trained):
    rng = np.random.default_rng(5)
    trained.enrol("ann", [sign(50, rng) for _ in range(4)])
    yield trained
    if "ann" in trained.templates:
        trained.templates.remove("ann")


def test_a_new_person_is_told_from_others(enrolled):
    rng = np.random.default_rng(6)
    own = enrolled.verify("ann", sign(50, rng))
    other = enrolled.verify("ann", sign(51, rng))
    assert own.is_genuine
    assert not other.is_genuine
    assert own.score > other.score
    assert own.probability == pytest.approx(1 / (1 + np.exp(-own.score)))


def test_metrics(trained):
    metrics = trained.evaluate(signatures(persons=4, seed=9))
    assert metrics["eer_random"] <= 0.1
    assert {"eer_skilled", "eer_skilled_per_person", "far_skilled", "frr"} <= set(metrics)


def test_a_loaded_model_measures_training_persons_as_before(trained, data, tmp_path):
    trained.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").evaluate(data) == trained.evaluate(data)
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    assert len(config["cohort"]) > 1
    config["cohort"].pop()
    del config["checksum"]
    plain = json.dumps(config, sort_keys=True, ensure_ascii=False)
    path.write_text(json.dumps({**config, "checksum": hashlib.sha256(plain.encode()).hexdigest()}))
    with pytest.raises(ModelError, match="not of the"):
        elman.load(tmp_path / "model")


def test_saved_and_loaded(enrolled, tmp_path):
    enrolled.save(tmp_path / "model")
    enrolled.templates.save(tmp_path / "people.safetensors")
    loaded = elman.load(tmp_path / "model")
    loaded.templates = Templates.load(tmp_path / "people.safetensors")
    ink = sign(50, np.random.default_rng(7))
    assert loaded.verify("ann", ink).score == pytest.approx(
        enrolled.verify("ann", ink).score, abs=1e-4
    )


def test_templates_of_another_model_are_refused(enrolled, data, tmp_path):
    enrolled.templates.save(tmp_path / "people.safetensors")
    other = Signature(**SMALL, seed=1).fit(data, progress=False)
    with pytest.raises(ModelError, match="another model"):
        other.templates = Templates.load(tmp_path / "people.safetensors")


def test_templates_are_updated_and_deleted(enrolled):
    rng = np.random.default_rng(8)
    assert enrolled.enrol("ann", [sign(51, rng) for _ in range(3)]) == 3
    assert enrolled.verify("ann", sign(51, rng)).is_genuine
    enrolled.templates.remove("ann")
    with pytest.raises(SettingsError, match="'ann' is not enrolled; enrolled: nobody"):
        enrolled.verify("ann", sign(50, rng))


def test_a_damaged_store_is_refused(enrolled, tmp_path):
    path = tmp_path / "people.safetensors"
    enrolled.templates.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelError, match="damaged"):
        Templates.load(path)


@pytest.mark.parametrize("count", [0, 11])
def test_numbers_of_references(trained, count):
    inks = [sign(1, np.random.default_rng(0))] * count
    with pytest.raises((SettingsError, DataError)):
        trained.enrol("bob", inks)
    assert "bob" not in trained.templates


@pytest.mark.parametrize("count", [1, 2])
def test_few_references_are_warned_of(trained, count):
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match=f"with {count} signatures, 3 are recommended"):
        trained.enrol("bob", [sign(60, rng) for _ in range(count)])
    genuine, other = (trained.verify("bob", sign(p, rng)).score for p in (60, 61))
    trained.templates.remove("bob")
    assert genuine > other


def test_bad_ink(enrolled):
    with pytest.raises(DataError, match="no point"):
        enrolled.verify("ann", Ink.of_strokes([]))
    with pytest.raises(DataError, match="single point"):
        enrolled.enrol("bob", [Ink.of_strokes([[(0, 0)]])] * 3)
    with pytest.raises(DataError, match="NaN"):
        Ink.of_strokes([[(np.nan, 0)]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pressure
        assert not enrolled.verify("ann", Ink.of_strokes([[(0, 0)]])).is_genuine
        huge = Ink.of_strokes([np.random.default_rng(0).normal(size=(80, 2)) * 1e9])
        assert not enrolled.verify("ann", huge).is_genuine


def test_without_pressure_it_goes_on_with_a_warning(enrolled):
    rng = np.random.default_rng(6)
    with pytest.warns(UserWarning, match="1 of 1 signatures have no pressure"):
        found = enrolled.verify("ann", sign(50, rng, pen=False))
    assert np.isfinite(found.score)


def test_without_forgeries_training_says_so(tmp_path):
    data = signatures(forged=0)
    with pytest.warns(UserWarning, match="no skilled forgeries"):
        task = Signature(**SMALL).fit(data, progress=False, folder=tmp_path / "run")
    assert "eer_skilled" not in task.record["metrics"]
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "Add skilled forgeries" in page


def test_too_few_persons():
    with pytest.raises(DataError, match="3 persons are too few"):
        Signature(**SMALL).fit(signatures(persons=3), progress=False)


def test_labels_and_persons_are_checked(data):
    wrong = type(data)(data.inks, ["real"] * len(data), data.writers, data.names)
    with pytest.raises(DataError, match='"genuine" or "forgery" is needed'):
        Signature(**SMALL).fit(wrong, progress=False)
    nobody = type(data)(data.inks, data.texts, None, data.names)
    with pytest.raises(DataError, match="whose signatures"):
        Signature(**SMALL).fit(nobody, progress=False)


def test_rows_name_errors_in_place(enrolled):
    rng = np.random.default_rng(6)
    inks = [sign(50, rng), Ink.of_strokes([]), sign(51, rng)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = enrolled.rows(inks, person="ann")
    assert [row["genuine"] for row in rows] == [True, None, False]
    assert "no point" in rows[1]["error"]


def test_baseline_beside_the_model(data):
    task = Signature(**{**SMALL, "baselines": True})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no better than it on data this easy
        task.fit(data, progress=False)
    (row,) = task.record["baselines"]
    assert "dynamic time warping" in row["name"]
    assert 0 <= row["model"] <= 1


def test_the_same_seed_gives_the_same_weights(data, trained):
    again = Signature(**SMALL).fit(data, progress=False)
    for one, other in zip(trained.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_commands(enrolled, tmp_path, capsys):
    enrolled.save(tmp_path / "run")
    rng = np.random.default_rng(3)
    for name, person in (("a", 70), ("b", 70), ("c", 70), ("new", 70), ("other", 71)):
        write_ink(sign(person, rng), tmp_path / f"{name}.inkml")
    run, store = str(tmp_path / "run"), str(tmp_path / "people.safetensors")
    files = [str(tmp_path / f"{name}.inkml") for name in "abc"]
    main(["predict", run, "--templates", store, "--enrol", "eve", *files])
    assert "eve is enrolled by 3 signatures" in capsys.readouterr().err
    main(
        ["predict", run, "--templates", store, "--person", "eve", "--json"]
        + [str(tmp_path / f"{name}.inkml") for name in ("new", "other")]
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["genuine"] for row in rows] == [True, False]
    main(["predict", run, "--templates", store, "--remove", "eve"])
    assert "0 persons" in capsys.readouterr().err
