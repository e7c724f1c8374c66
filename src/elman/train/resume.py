"""Going on with a run: where it stood, and what must be as it was."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from elman.errors import SettingsError
from elman.files import is_file
from elman.train.checkpoint import read_checkpoint
from elman.train.schema import check
from elman.train.settings import TrainSettings, usual_epochs

_MAY_DIFFER = {
    *("checkpoint_every", "log_every", "tensorboard", "device", "monitor", "monitor_every"),
    "budget",
    "baselines",
}
_MAY_GROW = {"epochs", "max_steps"}
_SHOWN = 6
_NAMES = {"batches": "len(batches)", "device": "on", "start": "start_from"}


@dataclass
class Position:
    """Where a run stands; together with weights and generators, all that a checkpoint needs."""

    step: int = 0
    epoch: int = 0
    in_epoch: int = 0
    seen: int = 0
    clipped: int = 0
    seconds: float = 0.0
    evaluated_at: int = 0
    best: float | None = None
    best_step: int | None = None
    best_loss: float | None = None
    stale: int = 0
    plateau_factor: float = 1.0
    restarts: int = 0
    cooling_from: int | None = None  # the step at which the rate began to go down for good
    cooling_pace: float = 1.0  # steps of the plan a step, from there on
    rounds: int = 0  # that the plan was gone through before the present one
    farthest: float = 0.0  # of all steps, by time where there is a budget
    earlier_sum: float = 0.0  # of the losses before those that are compared with chance
    earlier_count: int = 0
    early_sum: float = 0.0  # of the losses that are compared with chance
    early_count: int = 0
    log_lines: int = 0
    logged_sum: float = 0.0
    logged_count: int = 0
    entry_sum: float = 0.0
    entry_count: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    gradients: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: Literal["finished", "patience"] | None = None


def plain(settings: TrainSettings) -> dict[str, Any]:
    """Settings as a checkpoint holds them."""
    values: dict[str, Any] = json.loads(json.dumps(settings.model_dump(mode="json")))
    return values


def refuse_begun(path: Path) -> None:
    """Raise `SettingsError` where the checkpoint is that of a started run."""
    if (step := steps_in(path)) > 0:
        raise SettingsError(
            f"{path.parent} holds a run's checkpoint (step {step}): resume=True "
            "(--resume) continues it; or choose another folder"
        )


def steps_in(path: Path) -> int:
    """How many steps the run of a checkpoint has done; 0 where there is no checkpoint."""
    if not is_file(path):
        return 0
    saved = read_checkpoint(path)
    check(saved, str(path))
    steps: int = saved["at"]["step"]
    return steps


def refuse_other_terms(
    saved: Mapping[str, Any], now: Mapping[str, Any], settings: TrainSettings, source: str
) -> None:
    """Raise `SettingsError` that names what is not as it was when a run began.

    With a schedule that does not depend on the run's length that may grow.
    """
    then = _flat({**saved, "settings": settings.current(saved["settings"])})
    present = _flat(now)
    endless = settings.schedule in ("constant", "plateau") and not settings.warmup
    batches: int = now["batches"]
    names = [
        name
        for name in {**then, **present}
        if then.get(name) != present.get(name)
        and name not in _MAY_DIFFER
        and not (endless and _grew(name, then.get(name), present.get(name), batches))
    ]
    if names:
        shown = ", ".join(
            f"{n} was {then.get(n)!r:.60} and is {present.get(n)!r:.60}" for n in names[:_SHOWN]
        )
        shown += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise SettingsError(
            f"{source}: cannot resume with other settings: {shown}; resume with the old ones, or"
            " start a new run in another folder from the weights that a finished run saved:"
            " start_from (--from)"
        )


def _flat(terms: Mapping[str, Any]) -> dict[str, Any]:
    others = {_NAMES.get(n, n): terms.get(n) for n in ("batches", "data", "start", "device")}
    return {**terms["settings"], **others}


def _grew(name: str, then: Any, now: int | None, batches: int) -> bool:
    """Whether a run's length, if this is one, is now more than it was."""
    if name not in _MAY_GROW or not isinstance(then, int | None):
        return False
    unset = float(usual_epochs(batches)) if name == "epochs" else math.inf
    return (unset if then is None else then) <= (unset if now is None else now)
