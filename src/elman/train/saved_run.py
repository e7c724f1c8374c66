"""A run in its checkpoint: all that is needed to continue it to the same weights."""

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.errors import WorkerError
from elman.train.checkpoint import digest, write_checkpoint
from elman.train.divergence import Guard
from elman.train.optim import fresh_state, load_optimizer
from elman.train.resume import Position, plain, refuse_other_terms
from elman.train.rng import rng_state, set_rng_state
from elman.train.schema import check, check_average, check_optimizer
from elman.train.tree import map_tensors, move
from elman.train.weights import assign, live_weights, refuse_other_weights
from elman.version import __version__

if TYPE_CHECKING:
    from elman.train.run import Run


def write_run(run: "Run") -> None:
    """Write the run's checkpoint, if it has a path; all workers call it, and the first writes.

    Raises `WorkerError` where the workers' weights are no longer the same.
    """
    state = _whole_state(run)
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
        "state": state,
        "rng": rng_state(run.device),
    }
    write_checkpoint(run.path, nest)


def take_run(run: "Run", saved: Any) -> None:
    """Take up the run where its checkpoint stands; `saved` is what `read_checkpoint` gave.

    Raises `SettingsError` for other settings, data or weights, and `ModelError` for damage.
    """
    source = "the checkpoint" if run.path is None else str(run.path)
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


def first_terms(run: "Run") -> dict[str, Any]:
    """What must be the same in all workers when a run begins."""
    versions = {"elman's version": __version__, "torch's version": torch.__version__}
    weights = _hash(run.model)
    terms = _terms(run)
    return {**versions, **terms.pop("settings"), **terms, "weights": weights}


def _whole_state(run: "Run") -> Any:
    """The carried state; of shards those of all workers, which compare their weights by the way."""
    if run.sharded is None:
        return run.state
    own = run.sharded.own_states()
    mine = (_hash(run.model), map_tensors(Tensor.cpu, own))
    everyone = run.workers.gathered(mine, "writing a checkpoint")
    for rank, (weights, _) in enumerate(everyone):
        if weights != everyone[0][0]:
            raise WorkerError(
                f"worker {rank} has other weights than worker 0 after step {run.at.step}: their"
                " processors round differently; train on machines of one kind"
            )
    states = [state for _, some in everyone for state in some]
    return None if all(each is None for each in states) else states


def _hash(model: Any) -> str:
    """A SHA-256 of the weights."""
    weights = live_weights(model)
    return digest("", {name: value.cpu().contiguous() for name, value in weights.items()})


def _terms(run: "Run") -> dict[str, Any]:
    """What must be the same when a run is resumed."""
    return {
        "settings": plain(run.settings),
        "batches": len(run.batches),
        "data": run.data,
        "start": run.start_hash,
        "device": run.device.type,
    }
