"""Models saved by released versions load, and measure what they did."""

import json
from typing import Any

import pytest
from save_small_tasks import KINDS, SAVED, measures

import elman

# What tasks say of so little data is no concern here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
VERSIONS = sorted(path for path in SAVED.iterdir() if path.is_dir())
FOLDERS = [(version, path) for version in VERSIONS for path in version.iterdir() if path.is_dir()]


def name(path: Any) -> str:
    return str(path.relative_to(SAVED))


def test_there_is_a_folder_of_every_task() -> None:
    saved = {folder.name for folder in VERSIONS[-1].iterdir() if folder.is_dir()}
    assert saved <= set(KINDS)
    assert {kind.name for kind, _, _ in KINDS.values()} == {KINDS[each][0].name for each in saved}


@pytest.mark.parametrize(("version", "folder"), FOLDERS, ids=name)
def test_a_saved_folder_loads_and_measures_the_same(version: Any, folder: Any) -> None:
    expected = json.loads((version / "expected.json").read_text())[folder.name]
    task = elman.load(folder)
    assert measures(folder.name, task) == pytest.approx(expected, rel=1e-3, abs=1e-6, nan_ok=True)
