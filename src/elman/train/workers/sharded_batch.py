"""The gradient of a step from the shards of its batch, the same whoever computes them."""

import math
import random
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elman.errors import SettingsError
from elman.train.shards import entropy, shard_of
from elman.train.tree import detach
from elman.train.types import Step
from elman.train.whole_batch import loss_of
from elman.train.workers.tree_sum import cover, leaves_summed, nodes_summed, owned

if TYPE_CHECKING:
    from elman.train.run import Run

_OF_A_SHARD = 3
_LOSS, _WEIGHT, _COUNT = range(_OF_A_SHARD)
_DOING = "exchanging gradients"


class ShardedBatch:
    """Computes the gradient of a step as the weighted mean of those of its batch's shards.

    Shard k of a step has random numbers of its own, by seed, restart, step and k, and a carried
    state of its own. The gradients are added along a fixed tree, so that the sum has the same bits
    for any number of workers. `run.state` is a list of the shards' states, None of other workers'.
    """

    def __init__(self, run: "Run") -> None:
        self.run, self.workers = run, run.workers
        assert run.settings.shards is not None
        self.shards: int = run.settings.shards
        size = self.workers.size
        self.ranges = [owned(rank, size, self.shards) for rank in range(size)]
        self.nodes = [cover(own, self.shards) for own in self.ranges]
        self.most = max(map(len, self.nodes))
        self.dtype = run.parameters[0].dtype
        for parameter in run.parameters:
            self.dtype = torch.promote_types(self.dtype, parameter.dtype)
        ends = np.cumsum([p.numel() for p in run.parameters]).tolist()
        self.places = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        self.seconds = 0.0  # of worker 0 at the last step
        self.signum: int | None = None  # that a worker was sent before it
        self.is_checked = False

    def backward(self, batch: Any, watch: AbstractContextManager[None]) -> Step:
        """Leave the batch's gradient in the parameters; gives its mean loss. `watch` is entered
        for the first shard."""
        before = self.run.state
        self.states = list(before) if before is not None else [None] * self.shards
        self.found = np.zeros((self.shards, _OF_A_SHARD))
        self.present = [0.0] * len(self.places)

        def gradient(number: int) -> Tensor:
            with watch if number == 0 else nullcontext():
                return self._gradient(batch, number)

        own = self.nodes[self.workers.rank]
        sums = [leaves_summed(node, gradient) for node in own]
        self.is_checked = True
        self._exchange_numbers()
        weights = self.found[:, _WEIGHT].tolist()
        whole = math.fsum(weights) or math.nan
        losses = self.found[:, _LOSS].tolist()
        loss = sum(loss * w for loss, w in zip(losses, weights, strict=True)) / whole
        total = self._total(sums).div_(whole)
        for parameter, place, present in zip(
            self.run.parameters, self.places, self.present, strict=True
        ):
            gradient_of_it = total[place].view_as(parameter).to(parameter.dtype)
            parameter.grad = gradient_of_it if present else None
        self._seed(self.shards)  # whatever is drawn next is the same in all workers
        count = int(self.found[:, _COUNT].sum())
        state = None if all(each is None for each in self.states) else self.states
        return Step(torch.tensor(loss, dtype=torch.float64), count, state)

    def again(self, batch: Any) -> Tensor:
        """The loss of the step's first shard, once more, with its graph."""
        self._seed(0)
        state = None if self.run.state is None else self.run.state[0]
        return self.run.loss(self.run.model, shard_of(batch, 0, self.shards), state).loss

    def own_states(self) -> list[Any]:
        """The carried states of this worker's shards."""
        states, own = self.run.state, self.ranges[self.workers.rank]
        return [None] * len(own) if states is None else list(states[own.start : own.stop])

    def _gradient(self, batch: Any, number: int) -> Tensor:
        """One shard's gradient times its weight, of all parameters one after the other."""
        run = self.run
        flat = torch.zeros(self.places[-1].stop, dtype=self.dtype, device=run.device)
        shard = shard_of(batch, number, self.shards)
        if shard is None:
            return flat
        self._seed(number)
        buffers = [] if self.is_checked else [each.clone() for each in run.model.buffers()]
        step = loss_of(run, shard, self.states[number])
        weight = float(step.count if step.weight is None else step.weight)
        self.states[number] = None if step.state is None else detach(step.state)
        if weight:
            step.loss.backward()  # type: ignore[no-untyped-call]
            self.found[number] = step.loss.item(), weight, step.count
        for index, (parameter, place) in enumerate(zip(run.parameters, self.places, strict=True)):
            if parameter.grad is not None:
                torch.mul(parameter.grad.reshape(-1).to(flat.dtype), weight, out=flat[place])
                parameter.grad, self.present[index] = None, 1.0
        if not self.is_checked:
            _refuse_changed(run.model, buffers)
        return flat

    def _seed(self, number: int) -> None:
        at, seed = self.run.at, self.run.settings.seed
        drawn = entropy(seed, at.restarts, at.step, number)
        torch.manual_seed(drawn)
        np.random.seed(drawn % 2**32)
        random.seed(drawn)

    def _exchange_numbers(self) -> None:
        """Losses and weights of all shards; worker 0's clock; a signal that any worker was sent."""
        run, rank = self.run, self.workers.rank
        own = self.ranges[rank]
        values = np.zeros((max(map(len, self.ranges)), _OF_A_SHARD))
        values[: len(own)] = self.found[own.start : own.stop]
        lead = [run.seconds(), float(run.request.signum or 0), *self.present]
        numbers = torch.tensor([*lead, *values.ravel()], dtype=torch.float64)
        rows = [each.clone() for each in self.workers.rows(numbers, _DOING)]
        for other, row in zip(self.ranges, rows, strict=True):
            values = row[len(lead) :].numpy().reshape(-1, _OF_A_SHARD)
            self.found[other.start : other.stop] = values[: len(other)]
        leads = torch.stack(rows)[:, : len(lead)]
        self.seconds = float(leads[0, 0])
        self.signum = int(leads[:, 1].max()) or None
        self.present = leads[:, 2:].amax(0).tolist()

    def _total(self, sums: list[Tensor]) -> Tensor:
        """The sum over the shards of all workers from those over this worker's nodes."""
        if self.workers.size == 1:
            return sums[0]
        missing = [torch.zeros_like(sums[0])] * (self.most - len(sums))
        stacked = torch.stack([*sums, *missing])
        total = torch.empty_like(sums[0])
        for stretch, rows in self.workers.blocks(stacked, _DOING):
            parts = {
                node: part
                for nodes, row in zip(self.nodes, rows, strict=True)
                for node, part in zip(nodes, row, strict=False)
            }
            total[stretch] = nodes_summed(parts, self.shards)
        return total


def _refuse_changed(model: Any, before: list[Tensor]) -> None:
    """Raise `SettingsError` where a shard has changed what others read."""
    for (name, now), old in zip(model.named_buffers(), before, strict=True):
        if not torch.equal(now.nan_to_num(), old.nan_to_num()):
            raise SettingsError(
                f"the buffer {name!r} changes with every batch, as batch normalisation's running"
                " statistics do, and depends on how batches are divided: train without shards and"
                " workers, or with layer or group normalisation"
            )
