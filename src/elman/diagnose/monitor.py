"""Gradients watched while a network trains, at a cost that does not show.

At every step the norm of the gradient is held against those before, and nothing else is done. Now
and then, as often as a small share of the time allows, the gradients that enter the recurrent
layers are caught, a few sequences of the batch are run once more and their gradient is followed
back over the last steps. Where the norm jumps, the step is first run again to catch them.
"""

import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from elman.diagnose.calls import Call, as_layer, joined
from elman.diagnose.findings import Finding, of_layers
from elman.diagnose.layers import LayerReport, measure
from elman.diagnose.trajectory import Track
from elman.diagnose.watch import Caught, gradients, watched

SEQUENCES = 4  # of a batch that are followed
WINDOW = 128  # steps that they are followed back
SHARE = 0.01  # of the time that looks may take, if not told how often to look
SELDOM = 20  # steps at least between looks
REFERENCE = 512  # steps up to which no kernel is worth compiling for a look
JUMP = 100.0  # times the median of the last norms that is a jump
_RECENT, _ENOUGH = 50, 10
METRICS = ("rate", "memory", "growth", "entering")


@dataclass
class Memory:
    """What a monitor remembers between steps; goes into checkpoints.

    - `recent`: the last norms. `since`: "kind of layer" -> the step at which it was first seen, of
      all that was wrong when last looked.
    """

    recent: list[float] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One look: the step, by layer the `METRICS` and by finding what is new.

    `warnings` are the findings that began at this step, in words; `problems` all of them.
    """

    step: int
    layers: dict[str, dict[str, float]]
    warnings: list[str]
    problems: list[Finding]

    def entry(self) -> dict[str, Any]:
        """As plain values; what is not finite is None."""
        layers = {
            name: {key: value if math.isfinite(value) else None for key, value in values.items()}
            for name, values in self.layers.items()
        }
        return {"step": self.step, "layers": layers, "warnings": self.warnings}


class Monitor:
    """Watches the recurrent layers of `model`; used by `elman.train.fit`.

    Run each step's forward and backward pass within `with monitor.step(number):`, then call
    `look`. It looks `every` so many steps; None for as often as 1 % of the time allows, but no
    more than every 20 steps.

    >>> import contextlib, torch
    >>> model, x = nn.LSTM(2, 3), torch.randn(9, 4, 2)
    >>> monitor = Monitor(model, every=1)
    >>> def loss():
    ...     return model(x)[0].sum()
    >>> with monitor.step(1):
    ...     loss().backward()
    >>> seen = monitor.look(1, norm=1.0, again=contextlib.nullcontext(loss))
    >>> list(seen.layers), sorted(seen.layers["LSTM"])
    (['LSTM'], ['entering', 'growth', 'memory', 'rate'])
    """

    def __init__(self, model: nn.Module, every: int | None) -> None:
        self.every = every
        self.memory = Memory()
        self._model = model
        self._caught: list[Caught] | None = None
        self._problems: list[Finding] = []
        self._began, self._spent, self._looked = time.perf_counter(), 0.0, 0

    @contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Within, the layers' calls are caught if it is time to look."""
        self._caught = None
        if not self._due(number):
            yield
            return
        with watched(self._model) as caught:
            self._caught = caught
            yield

    def look(
        self, step: int, norm: float, again: AbstractContextManager[Callable[[], Tensor]]
    ) -> Seen | None:
        """Take in step number `step`; what was seen, where there was reason to look.

        Where only the norm is the reason, the step is run again: within `again`, by the function
        of the loss that it gives.
        """
        known = self.memory.recent
        usual = statistics.median(known) if len(known) >= _ENOUGH else math.inf
        jumped = not math.isfinite(norm) or norm > JUMP * usual
        if math.isfinite(norm):
            self.memory.recent = [*known[1 - _RECENT :], norm]
        if not jumped and self._caught is None:
            return None
        start = time.perf_counter()
        caught = self._caught
        if caught is None:
            with again as loss:
                caught, _, _ = gradients(self._model, loss)
        seen = self._measured(step, caught)
        self._caught = None
        self._spent += time.perf_counter() - start
        self._looked = step
        if jumped and math.isfinite(norm):
            words = f"the gradient's norm jumped to {norm:.3g} from a usual {usual:.3g}"
            seen = replace(seen, warnings=[f"step {step}: {words}", *seen.warnings])
        return seen

    def words(self) -> str:
        """What was wrong at the last look, with the step where each began."""
        return "; ".join(
            f"since step {self.memory.since[_key(finding)]} {finding.words}"
            for finding in self._problems
        )

    def _due(self, step: int) -> bool:
        if step == 1:
            return True
        if self.every is not None:
            return step % self.every == 0
        passed = time.perf_counter() - self._began
        return step >= self._looked + SELDOM and self._spent <= SHARE * passed

    def _measured(self, step: int, caught: Sequence[Caught]) -> Seen:
        calls = joined([one.call() for one in caught])
        reports = quick_reports([call.first(SEQUENCES) for call in calls])
        problems = [finding for finding in of_layers(reports) if finding.level != "note"]
        before, since = self.memory.since, {}
        warnings = []
        for finding in problems:
            key = _key(finding)
            since[key] = before.get(key, step)
            if key not in before:
                tries = " or ".join(remedy.words for remedy in finding.remedies[:2])
                warnings.append(f"step {step}: {finding.words}; try {tries}")
        self.memory.since, self._problems = since, problems
        layers = {
            report.name: {
                "rate": report.gradient.rate,
                "memory": report.gradient.memory,
                "growth": report.gradient.growth,
                "entering": report.entering,
            }
            for report in reports
        }
        return Seen(step, layers, warnings, problems)


def _key(finding: Finding) -> str:
    return f"{finding.kind} of {finding.where}"


def quick_reports(calls: Sequence[Call]) -> list[LayerReport]:
    """Of each layer and direction what can be had at little cost: the gradient through time."""
    reports = []
    for call in calls:
        layer = as_layer(call.module)
        short = len(call.x) <= REFERENCE
        for track in call.tracks("reference" if short else None):
            name = call.name or type(layer.cell).__name__
            name += f", layer {track.layer}" if layer.num_layers > 1 else ""
            name += (", backward" if track.reverse else ", forward") * layer.bidirectional
            whole = len(track.after[0])
            report = measure(name, [_last(track, WINDOW)], quick=True)
            at = report.broken_at
            if at is not None and not track.reverse:
                at += max(0, whole - WINDOW)
            reports.append(replace(report, length=whole, broken_at=at))
    return reports


def _last(track: Track, steps: int) -> Track:
    """Only the last steps that a direction has read; the states before them stand for the rest."""
    if len(track.after[0]) <= steps:
        return track
    broken = any(not bool(part[:-steps].isfinite().all()) for part in track.after)
    if broken:  # the place where it began lies before
        return track
    return replace(
        track,
        gates=track.gates[-steps:],
        before=tuple(part[-steps:] for part in track.before),
        after=tuple(part[-steps:] for part in track.after),
        mask=None if track.mask is None else track.mask[-steps:],
        resets=None if track.resets is None else track.resets[-steps:],
        entering=None if track.entering is None else track.entering[-steps:],
    )


def read_history(folder: Path | str) -> list[dict[str, Any]]:
    """What a monitored run wrote to its metrics.jsonl, as `Seen.entry` gives it; empty if nothing.

    Lines that are no JSON are passed over.
    """
    path = Path(folder) / "metrics.jsonl"
    entries: dict[int, dict[str, Any]] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if not isinstance(values, dict) or not isinstance(values.get("step"), int):
            continue
        step = values["step"]
        empty: dict[str, Any] = {"step": step, "layers": {}, "warnings": []}
        if values.get("kind") == "gradients":
            entry = entries.setdefault(step, empty)
            for key, value in values.items():
                name, _, metric = key.rpartition(": ")
                if name and metric in METRICS:
                    entry["layers"].setdefault(name, {})[metric] = value
        elif values.get("kind") == "warning":
            entries.setdefault(step, empty)["warnings"].append(str(values.get("text", "")))
    return list(entries.values())
