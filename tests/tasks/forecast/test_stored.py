"""Saved forecasters: what was changed is refused as a whole, in one line, when it is loaded."""

import copy
import hashlib
import json
import random
import shutil
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import elman
from elman.errors import ElmanError, ModelError
from elman.files import sha256
from elman.tasks import Forecast

HISTORY = "history.safetensors"
SETTINGS: dict[str, Any] = {
    "horizon": 3, "hidden_size": 4, "max_steps": 2, "batch_size": 4, "season": 7,
    "past": "visits", "future": "offer", "static": ("size", "region"),
}  # fmt: skip


def table() -> dict[str, Any]:
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    n = len(days)
    return {
        "unique_id": ["a"] * n + ["b"] * n,
        "ds": np.concatenate([days, days]),
        "y": np.concatenate([10 + np.arange(n) % 7, 20 + np.arange(n) % 5]) * 1.0,
        "visits": np.arange(2 * n) % 3,
        "offer": np.arange(2 * n) % 4 == 0,
        "size": [1.0] * n + [2.0] * n,
        "region": ["north"] * n + ["south"] * n,
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecaster")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "on the held-out steps")
        Forecast(**SETTINGS).fit(table(), folder=folder / "model", progress=False)
    return folder / "model"


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change config.json as somebody would who knows how its checksum is made."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    config.pop("checksum", None)
    config["files"] = {name: sha256(folder / name) for name in config["files"]}
    plain = json.dumps(config, sort_keys=True, ensure_ascii=False)
    config["checksum"] = hashlib.sha256(plain.encode()).hexdigest()
    path.write_text(json.dumps(config), encoding="utf-8")


def refused(folder: Path, message: str = "does not hold what its task needs") -> None:
    with pytest.raises(ModelError, match=message) as caught:
        elman.load(folder)
    assert "\n" not in str(caught.value)


CHANGES: list[Callable[[dict[str, Any]], Any]] = [
    lambda c: c["settings"].update(horizon=10**9),
    lambda c: c["view"].update(horizon=10**9),
    lambda c: (c["settings"].update(horizon=10**9), c["view"].update(horizon=10**9)),
    lambda c: (c["settings"].update(horizon=90_000), c["view"].update(horizon=90_000)),
    lambda c: c["settings"].update(paths=10**9),
    lambda c: c["settings"].update(frequency="sometimes"),
    lambda c: c["settings"].update(target=["y", "z"]),
    lambda c: c["settings"].update(smoothing=True),
    lambda c: c["view"].update(seasons=[0]),
    lambda c: c["view"].update(seasons=[10**6]),
    lambda c: c["view"].update(seasons=[14]),
    lambda c: c["view"].update(seasons=[7, 8]),
    lambda c: c["view"].update(deviation=[0.0, 1.0]),
    lambda c: c["view"].update(mean=[1.0]),
    lambda c: c["view"].update(categories=[None, None]),
    lambda c: c["view"].update(calendar=0),
    lambda c: c["view"].update(more=1),
    lambda c: c["view"].pop("past"),
    lambda c: c["calendar"].update(step=0),
    lambda c: c["calendar"].update(step=10**15),
    lambda c: c["calendar"].update(kind="moons"),
    lambda c: c["calendar"].update(kind="number"),
    lambda c: c["calendar"].update(origin="yesterday"),
    lambda c: c["calendar"].update(origin="2024-02-31"),
    lambda c: c["calendar"].update(origin=5),
    lambda c: c["calendar"].update(zone="Atlantis/Centre"),
    lambda c: c["calendar"].update(unit="ps"),
    lambda c: c["calendar"].update(weekmask="0000000"),
    lambda c: c.update(series=[]),
    lambda c: c["series"].append(c["series"][0]),
    lambda c: c["series"][0].__setitem__(0, None),
    lambda c: c["series"][0].__setitem__(0, ["a"]),
    lambda c: c["series"][0].__setitem__(1, 10**12),
    lambda c: c["series"][0].__setitem__(1, "60"),
    lambda c: c["series"][0].__setitem__(2, [1.0]),
    lambda c: c["series"].pop(),
    lambda c: c.update(calibration=[[[1.0]]]),
    lambda c: c.update(calibration="wide"),
    lambda c: c.update(since=[["a"]]),
    lambda c: c.update(phases=[0]),
    lambda c: c.update(has_ids="yes"),
    lambda c: c.update(table={"library": "../pandas"}),
    lambda c: c.pop("view"),
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_configuration_that_makes_no_sense(folder: Path, change: Any) -> None:
    edit(folder, change)
    tracemalloc.start()
    refused(folder)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


TENSORS: list[Callable[[dict[str, Any]], Any]] = [
    lambda t: t.pop("0.filled"),
    lambda t: t.pop("1.state0"),
    lambda t: t.pop("patterns"),
    lambda t: t.update(extra=torch.zeros(1)),
    lambda t: t.update({"0.mean": torch.full_like(t["0.mean"], torch.nan)}),
    lambda t: t.update({"0.scale": -t["0.scale"]}),
    lambda t: t.update({"0.scale": torch.zeros_like(t["0.scale"])}),
    lambda t: t.update({"0.output": t["0.output"][:-1]}),
    lambda t: t.update({"0.output": t["0.output"].double()}),
    lambda t: t.update({"0.output": t["0.output"] / 0}),
    lambda t: t.update({"0.state0": t["0.state0"].repeat(2, 1)}),
    lambda t: t.update({"0.future": torch.zeros(3, 2, dtype=torch.float64)}),
    lambda t: t.update({"0.pending": t["0.pending"][1:]}),
    lambda t: t.update({"0.extremes": -t["0.extremes"]}),
    lambda t: t.update({"patterns": t["patterns"] + 1}),
    lambda t: t.update({"patterns": t["patterns"][:, :1]}),
    lambda t: t.update({"0.level": t["0.level"].long()}),
]


@pytest.mark.parametrize("change", TENSORS, ids=range(len(TENSORS)))
def test_a_history_that_makes_no_sense(folder: Path, change: Any) -> None:
    tensors = load_file(folder / HISTORY)
    change(tensors)
    save_file({name: each.contiguous() for name, each in tensors.items()}, folder / HISTORY)
    edit(folder, lambda config: None)
    refused(folder)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_broken_history(folder: Path, kept: int) -> None:
    path = folder / HISTORY
    path.write_bytes(path.read_bytes()[:kept])
    refused(folder, HISTORY)
    edit(folder, lambda config: None)
    refused(folder, HISTORY)


def test_a_model_of_before_is_loaded(folder: Path) -> None:
    """Its calendar had fewer fields, its names were not all texts, one floor was for all."""

    def older(config: dict[str, Any]) -> None:
        for name in ("unit", "weekmask", "day", "zone", "local"):
            del config["calendar"][name]
        del config["table"], config["phases"], config["settings"]["nonnegative"]
        config["positive"] = True

    expected = elman.load(folder).predict(future=coming())
    tensors = load_file(folder / HISTORY)
    for name in [name for name in tensors if name.endswith((".past", ".extremes"))]:
        del tensors[name]
    save_file(tensors, folder / HISTORY)
    edit(folder, older)
    found = elman.load(folder).predict(future=coming())
    for name in ("mean", "lo-95", "hi-95"):
        np.testing.assert_array_equal(found[name], expected[name])
    assert (found["ds"] == expected["ds"]).all()


def coming() -> dict[str, Any]:
    days = np.arange("2024-03-01", "2024-03-04", dtype="datetime64[D]")
    return {
        "unique_id": ["a"] * 3 + ["b"] * 3,
        "ds": np.concatenate([days, days]),
        "offer": np.zeros(6),
    }


VALUES: list[Any] = [
    None, True, 0, -1, 1, 7, 2**31, 10**9, 10**20, -0.5, 1e300, "", "a", "\ud800", "2024-01-01",
    [], [1], [[]], {}, {"a": 1},
]  # fmt: skip


def mutated(value: Any, draw: random.Random) -> Any:
    """A copy of JSON with one value in it replaced, removed or doubled."""
    value = copy.deepcopy(value)
    place = value
    for _ in range(draw.randrange(1, 5)):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        inner = [key for key in keys if isinstance(place[key], (dict, list)) and place[key]]
        if not inner:
            break
        place = place[draw.choice(inner)]
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    if not keys:
        return value
    key, what = draw.choice(keys), draw.randrange(4)
    if what == 0:
        del place[key]
    elif what == 1 and isinstance(place, list):
        place.insert(key, place[key])
    else:
        place[key] = draw.choice(VALUES)
    return value


def test_mutated_forecasters_are_refused_or_forecast(folder: Path, saved: Path) -> None:
    """Of whatever was changed, all is found when it is loaded, or nothing is wrong with it."""
    config = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    own = ("settings", "view", "calendar", "table", "series", "phases", "since", "calibration")
    draw = random.Random(5)
    loaded, messages = 0, []
    for _ in range(250):
        part = draw.choice(own)
        changed = mutated({name: config[name] for name in own if name == part}, draw)
        try:
            edit(folder, lambda c, new=changed, part=part: (c.pop(part), c.update(new)))
        except UnicodeEncodeError:  # cannot be the content of a file
            shutil.copy(saved / "config.json", folder)
            continue
        try:
            task = elman.load(folder)
        except ElmanError as error:
            messages.append(str(error))
        else:
            loaded += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    task.predict(future=coming())
                    task.rows(table())
                except ElmanError as error:  # such as other names of columns
                    messages.append(str(error))
        shutil.copy(saved / "config.json", folder)
    assert 10 < loaded < 200
    assert len(messages) > 50
    assert not [message for message in messages if "\n" in message or len(message) > 600]
