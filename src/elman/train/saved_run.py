"""A run in its checkpoint: all that is needed to go on to the very weights of an unbroken one."""

import dataclasses
from typing import TYPE_CHECKING, Any

from elman.train.checkpoint import read_checkpoint, write_checkpoint
from elman.train.divergence import Guard
from elman.train.optim import fresh_state, load_optimizer
from elman.train.resume import Position, plain, refuse_other_terms
from elman.train.rng import rng_state, set_rng_state
from elman.train.schema import check, check_average, check_optimizer
from elman.train.tree import move
from elman.train.weights import assign, live_weights, refuse_other_weights

if TYPE_CHECKING:
    from elman.train.run import Run


def write_run(run: "Run") -> None:
    """Write the run's checkpoint, if it has a path."""
    if run.path is None:
        return
    average = run.average
    nest = {
        **_terms(run),
        "at": dataclasses.asdict(run.at),
        "guard": dataclasses.asdict(run.guard),
        "monitor": run.monitor and dataclasses.asdict(run.monitor.memory),
        "weights": live_weights(run.model),
        "best_weights": run.best_weights,
        "average": average and {"updates": average.updates, "values": average.values},
        "optimizer": run.optimizer.state_dict(),
        "state": run.state,
        "rng": rng_state(run.device),
    }
    write_checkpoint(run.path, nest)


def read_run(run: "Run") -> None:
    """Take up the run where its checkpoint stands.

    Raises `SettingsError` for other settings, data or weights, and `ModelError` for damage.
    """
    assert run.path is not None
    saved, source = read_checkpoint(run.path), str(run.path)
    check(saved, source)
    refuse_other_terms(saved, _terms(run), run.settings, source)
    refuse_other_weights(run.model, saved["weights"], source)
    fresh = fresh_state(run.settings, run.parameters[0])
    check_optimizer(run.optimizer, fresh, saved["optimizer"], source)
    if run.average is not None:
        check_average(saved["average"], run.average.values, source)
        run.average.updates = saved["average"]["updates"]
        run.average.values = move(saved["average"]["values"], run.device)
    assign(run.model, saved["weights"])
    run.at = Position(**saved["at"])
    run.at.farthest = max(run.at.farthest, float(run.at.step))
    run.extend()
    run.guard = Guard(**saved["guard"])
    if run.monitor is not None and saved.get("monitor"):
        run.monitor.memory = type(run.monitor.memory)(**saved["monitor"])
    load_optimizer(run.optimizer, saved["optimizer"])
    run.best_weights = saved["best_weights"] and move(saved["best_weights"], run.device)
    run.state = move(saved["state"], run.device)
    run.is_state_read = True
    set_rng_state(saved["rng"], run.device)
    more = run.at.step < run.total and run.at.epoch < run.epochs
    if run.at.stopped == "finished" and more:
        run.at.stopped = None


def _terms(run: "Run") -> dict[str, Any]:
    """What must be the same when a run is resumed."""
    return {
        "settings": plain(run.settings),
        "batches": len(run.batches),
        "data": run.data,
        "start": run.start_hash,
        "device": run.device.type,
    }
