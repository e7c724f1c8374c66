"""Settings to find events with, from long videos and how long their events last."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.errors import DataError
from elman.tasks.plan import Plan, Preset, length, units
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.plan import form_of, usual_of
from elman.tasks.video.settings import sides

_FRAMES = 12  # of a short event, from which on frames are left out
_SHORT = 0.25  # quantile of durations
_WINDOW = 4  # usual events
_SHORTEST, _LONGEST = 32, 256  # frames of a window
_PIXELS = 2048 * 48 * 48  # of the frames of a batch
_STEPS = 800


def event_plan(train: VideoData, given: Mapping[str, Any], preset: Preset) -> Plan:
    """What suits these videos, beside the settings that were given."""
    usual = usual_of(train.clips.clips)
    chosen, _ = form_of(usual, given)
    seconds = [each.end - each.start for own in train.events for each in own]
    if not seconds:
        raise DataError("there is no event in the videos to train on")
    rate = given.get("rate") or usual.rate
    if rate is None:
        raise DataError("the frames have no times, which events need: give a rate")
    if not given.get("rate"):
        wanted = _FRAMES / float(np.quantile(seconds, _SHORT))
        rate = float(f"{rate / max(1, math.floor(rate / wanted)):.6g}")
    chosen |= {"kind": "events", "rate": rate}
    window = given.get("window") or int(
        np.clip(round(_WINDOW * float(np.median(seconds)) * rate), _SHORTEST, _LONGEST)
    )
    chosen["window"] = window
    frames = round(usual.frames * rate / (usual.rate or rate))
    pixels = math.prod(sides(chosen["size"]))
    windows = len(train) * max(1, round(frames / window))
    most = int(np.clip(windows // 8, 2, 16))
    batch_size = given.get("batch_size") or int(np.clip(_PIXELS // (window * pixels), 2, most))
    chosen["batch_size"] = batch_size
    steps = max(_STEPS, 3 * windows / batch_size)
    chosen |= length(windows, batch_size, steps=steps, preset=preset, longest=1000)
    chosen["hidden_size"] = units(96, preset)
    is_grey = (given.get("colour") or chosen["colour"]) == "grey"
    facts = (
        f"{len(train):,} videos with {len(seconds):,} events of {len(train.clips.classes)} labels,"
        f" usually of {float(np.median(seconds)):.3g} s;"
        f" {usual.described(len(train), frames, pixels * (1 if is_grey else 3))}"
    )
    return Plan(facts, chosen)
