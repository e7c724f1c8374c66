"""metrics.jsonl and TensorBoard's files."""

import json
import math
import sys

import pytest

from elman.errors import SettingsError
from elman.train.log import MetricsLog


def test_lines_are_json_and_what_json_cannot_hold_is_null(tmp_path):
    with MetricsLog(tmp_path, lines=0, step=0, tensorboard=False) as log:
        log.write("train", {"step": 1, "loss": 0.1 + 0.2, "norm": math.nan})
        log.write("evaluation", {"step": 1, "perplexity": math.inf, "best": True})
        assert log.lines == 2
    first, second = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert first == {"kind": "train", "step": 1, "loss": 0.1 + 0.2, "norm": None}
    assert second == {"kind": "evaluation", "step": 1, "perplexity": None, "best": True}


@pytest.mark.parametrize(("keep", "kept"), [(0, []), (2, [1, 2]), (9, [1, 2, 3])])
def test_a_resumed_log_drops_what_came_after_the_checkpoint(tmp_path, keep, kept):
    with MetricsLog(tmp_path, lines=0, step=0, tensorboard=False) as log:
        for step in (1, 2, 3):
            log.write("train", {"step": step})
    with MetricsLog(tmp_path, lines=keep, step=2, tensorboard=False) as log:
        log.write("train", {"step": 10})
    lines = [json.loads(x)["step"] for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [*kept, 10]


def test_a_line_torn_by_a_kill_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    with MetricsLog(tmp_path, lines=2, step=2, tensorboard=False) as log:
        log.write("train", {"step": 3})
    assert [json.loads(x)["step"] for x in path.read_text().splitlines()] == [1, 3]


def test_without_a_folder_nothing_is_counted():
    with MetricsLog(None, lines=0, step=0, tensorboard=False) as log:
        log.write("train", {"step": 1})
    assert log.lines == 0


def test_tensorboard_scalars(tmp_path):
    module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with MetricsLog(tmp_path, lines=0, step=0, tensorboard=True) as log:
        log.write("train", {"step": 5, "loss": 0.5})
        log.write("train", {"step": 6, "loss": 0.25})
    events = module.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(5, 0.5), (6, 0.25)]


def test_tensorboard_missing_or_without_folder_is_one_clear_error(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="needs a folder"):
        MetricsLog(None, lines=0, step=0, tensorboard=True)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SettingsError, match=r"pip install 'elman\[tensorboard\]'"):
        MetricsLog(tmp_path, lines=0, step=0, tensorboard=True)
