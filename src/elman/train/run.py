"""A run: its steps, evaluations and checkpoints, from nothing or from where one was killed."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from elman.errors import SettingsError, TrainingDivergedError
from elman.nn.modes import modes_kept
from elman.train.divergence import Guard
from elman.train.log import MetricsLog
from elman.train.look import look
from elman.train.objective import Goal
from elman.train.optim import (
    PLATEAU_EVALUATIONS,
    PLATEAU_FACTOR,
    RESTART_FACTOR,
    ParameterGroup,
    clip_gradients,
    freeze,
    gradient_norm,
    make_optimizer,
    rate,
    set_rate,
)
from elman.train.pace import MOST_ROUNDS, Pace, run_improves
from elman.train.progress import Display
from elman.train.restart import begin_again, check_chance
from elman.train.resume import Position, refuse_begun
from elman.train.rng import preserved_rng
from elman.train.saved_run import first_terms, take_run, write_run
from elman.train.settings import TrainSettings, usual_epochs
from elman.train.signals import StopRequest
from elman.train.tree import move
from elman.train.types import Batches, Result, Step, TrainingInterrupted
from elman.train.weights import Average, assign, copied, live_weights
from elman.train.whole_batch import WholeBatch
from elman.train.workers.one_process import OneProcess

if TYPE_CHECKING:
    from elman.diagnose.monitor import Monitor
    from elman.train.workers.sharded_batch import ShardedBatch


@dataclass
class Run:
    """A run of `fit`, from its checkpoint or from nothing to its end."""

    model: Any
    batches: Batches[Any]
    loss: Callable[[Any, Any, Any], Step]
    settings: TrainSettings
    evaluate: Callable[[Any], Mapping[str, float]] | None
    goal: Goal | None
    device: torch.device
    path: Path | None
    unit: str
    data: str | None
    start_hash: str | None
    workers: OneProcess
    spent: float = 0.0  # seconds of the budget, before
    chance: float | None = None  # the loss of the best constant prediction
    groups: Sequence[ParameterGroup] = ()
    after_evaluation: Callable[[Mapping[str, float]], None] | None = None

    def __post_init__(self) -> None:
        settings = self.settings
        self.epochs = settings.epochs or usual_epochs(len(self.batches))
        self.total = self.epochs * len(self.batches)
        if settings.max_steps is not None:
            self.total = min(self.total, settings.max_steps)
        self.planned_epochs, self.planned_steps = self.epochs, self.total
        self.pace = Pace(self.total, settings.budget)
        self.first_weights = copied(live_weights(self.model)) if settings.restarts else None
        self.optimizer = self.new_optimizer()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.average = Average(self.model, settings.ema) if settings.ema else None
        self.best_weights: dict[str, Tensor] | None = None
        self.at = Position()
        self.guard = Guard()
        self.monitor: Monitor | None = None
        if settings.monitor == "gradients" and self.workers.is_first:
            from elman.diagnose import monitor

            self.monitor = monitor.Monitor(self.model, settings.monitor_every)
        self.state: Any = None
        self.is_state_read = False  # from a checkpoint, and not used yet
        self.sharded: ShardedBatch | None = None
        if settings.shards is not None:
            from elman.train.workers import sharded_batch

            self.sharded = sharded_batch.ShardedBatch(self)
        self.gradient = self.sharded or WholeBatch(self)

    def new_optimizer(self) -> torch.optim.Optimizer:
        """The optimizer before its first step."""
        return make_optimizer(self.model, self.settings, self.groups)

    def start(self, saved: Any) -> None:
        """Take up the run of a checkpoint that was read, or write the first."""
        if self.workers.size > 1:
            self.workers.check_same(first_terms(self))
        if saved is not None:
            take_run(self, saved)
            return
        if self.path is not None:
            refuse_begun(self.path)
        write_run(self)

    # -- training

    def train(self, progress: bool) -> Result:
        """From where the run stands to its end."""
        at, settings = self.at, self.settings
        folder = None if self.path is None else self.path.parent
        self.began = time.monotonic() - at.seconds - (0 if at.step else self.spent)
        with (
            MetricsLog(
                folder, lines=at.log_lines, step=at.step, tensorboard=settings.tensorboard
            ) as self.log,
            Display(self.total, at.step, at.seen, unit=self.unit, shown=progress) as self.display,
            StopRequest(announce=progress) as self.request,
        ):
            done = at.stopped is not None
            while self.at.stopped is None and not self._asked_to_stop():
                try:
                    self._one_epoch()
                except TrainingDivergedError as error:
                    if self.first_weights is None or self.at.restarts >= settings.restarts:
                        raise
                    begin_again(self, str(error))
            if not done:
                self._checkpoint()
        self._hold_best_weights()
        at = self.at  # another one after a restart
        if at.stopped is None:
            signum = self._signal()
            assert signum is not None
            where = "" if folder is None else f"; resume from {folder}"
            result = self._result("interrupted")
            message = f"interrupted after step {at.step}{where}"
            raise TrainingInterrupted(message, result, signum)
        return self._result(at.stopped)

    def _signal(self) -> int | None:
        """The signal that asks to stop, of which all workers know."""
        return self.sharded.signum if self.sharded is not None else self.request.signum

    def _asked_to_stop(self) -> bool:
        return self._signal() is not None

    def _clock(self) -> float:
        """Seconds of the whole run that decide what is done next, the same in all workers."""
        return self.sharded.seconds if self.sharded is not None else self.seconds()

    def _one_epoch(self) -> None:
        at, settings = self.at, self.settings
        every = settings.evaluate_every
        if every is not None and at.step % every == 0:
            self._evaluate()
        if at.stopped is None and self._is_over():  # a signal came in the last step
            self._finish()
        if at.stopped is not None:
            return
        for batch in self.batches.epoch(at.epoch, start=at.in_epoch):
            self._step(batch)
            if self._asked_to_stop():
                return
            if self._is_over():
                self._finish()
                return
            if self._is_due(every):
                self._evaluate()
            if at.step % settings.checkpoint_every == 0:
                self._checkpoint()
            if at.stopped is not None or self._asked_to_stop():
                return
        if at.in_epoch == 0:
            raise SettingsError(f"batches gave no batch in epoch {at.epoch}")
        if every is None and settings.budget is None:
            self._evaluate()
        at.epoch += 1
        at.in_epoch = 0
        self.state = None
        if at.stopped is None and at.epoch >= self.epochs:
            self._finish()

    def _is_over(self) -> bool:
        at, settings = self.at, self.settings
        if settings.max_steps is not None and at.step >= settings.max_steps:
            return True
        ends_early = settings.budget is not None or at.cooling_from is not None
        return ends_early and at.farthest >= self.total

    def _is_due(self, every: int | None) -> bool:
        at = self.at
        if self.settings.budget is not None:
            return self.pace.is_due(self.before, at.farthest, self._clock())
        return every is not None and at.step % every == 0

    def _finish(self) -> None:
        self._evaluate()
        at = self.at
        is_at_its_limit = at.step == self.settings.max_steps or at.rounds >= MOST_ROUNDS
        is_at_its_limit = is_at_its_limit or at.cooling_from is not None
        has_time = self.pace.has_time(self._clock()) and not is_at_its_limit
        goal = self.goal
        if has_time and goal and run_improves(at.history, goal.metric, maximize=goal.maximize):
            at.rounds += 1
            self.extend()
            self.display.note(f"still improving: training continues to step {self.total}")
            self.display.begin(self.total, self.pace.position(at.step, self._clock()), at.seen)
        else:
            at.stopped = "finished"

    def extend(self) -> None:
        """Make the plan longer by its first length, as often as the run has gone on."""
        self.epochs = self.planned_epochs * (1 + self.at.rounds)
        self.total = self.pace.total = self.planned_steps * (1 + self.at.rounds)

    def _step(self, batch: Any) -> None:
        at, settings = self.at, self.settings
        if self.device.type != "cpu":
            batch = move(batch, self.device)
        for parameter in self.parameters:
            parameter.grad = None
        watch = nullcontext() if self.monitor is None else self.monitor.step(at.step + 1)
        step = self.gradient.backward(batch, watch)
        freeze(self.optimizer, at.farthest / self.planned_steps)
        self.is_state_read = False
        count, norm = step.count, gradient_norm(self.parameters)
        loss_value, norm_value = step.loss.item(), norm.item()
        if self.monitor is not None:
            look(self, self.monitor, at.step + 1, norm_value, batch)
        try:
            self.guard.check(at.step + 1, loss_value, norm_value, self.model, settings)
        except TrainingDivergedError as error:
            problems = self.monitor.words() if self.monitor is not None else ""
            raise TrainingDivergedError(
                f"{error}. {problems}" if problems else str(error)
            ) from None
        if settings.clip is not None and norm_value > settings.clip:
            clip_gradients(self.parameters, norm, settings.clip)
            at.clipped += 1
        lr = rate(at.farthest, self.total, settings) * at.plateau_factor
        lr *= RESTART_FACTOR**at.restarts
        set_rate(self.optimizer, lr)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.state = step.state
        at.step += 1
        position = self.pace.position(at.step, self._clock())
        if at.cooling_from is not None:
            position = max(position, at.farthest + at.cooling_pace)
        self.before, at.farthest = at.farthest, max(at.farthest, position)
        at.in_epoch += 1
        at.seen += count
        at.logged_sum += loss_value * count
        at.logged_count += count
        at.entry_sum += loss_value * count
        at.entry_count += count
        if at.step % settings.log_every == 0:
            self._log_training(lr, norm_value)
        check_chance(self, loss_value, count)
        share = at.clipped / at.step
        smoothed = self.guard.smoothed
        self.display.step(at.step, self._epochs(), smoothed, at.seen, share, at.farthest)

    def _evaluate(self) -> None:
        at = self.at
        if at.evaluated_at == at.step:
            return
        at.evaluated_at = at.step
        metrics: dict[str, float] = {}
        best, seconds = False, 0.0
        if self.evaluate is not None and self.goal is not None:
            with (
                preserved_rng(self.device),
                modes_kept(self.model),
                self.average.applied() if self.average else nullcontext(),
                torch.no_grad(),
            ):
                self.model.eval()
                metrics, seconds = self.workers.from_first(self._measure, "evaluating")
                best, improved = self.goal.compare(metrics, at.best, at.best_loss)
                if best:
                    value = self.goal.value(metrics)
                    if improved or at.best in (None, value):
                        at.best, at.best_loss = value, metrics.get("loss")
                    at.best_step = at.step
                    self.best_weights = copied(live_weights(self.model))
            if improved:
                at.stale = 0
            else:
                self._no_better()
        self.pace.evaluated(seconds)
        mean = at.entry_sum / max(1, at.entry_count)
        at.entry_sum, at.entry_count = 0.0, 0
        entry = {"step": at.step, "epoch": self._epochs(), "training_loss": mean, **metrics}
        at.history.append(entry)
        self.log.write("evaluation", {**entry, "best": best, "seconds": self.seconds()})
        shown = {"training_loss": mean, **metrics}
        self.display.evaluation(at.step, self._epochs(), shown, best)
        if self.settings.cooldown is not None and self._cannot_improve():
            self._cool_down()
        if self.after_evaluation is not None:
            self.after_evaluation(metrics)

    def _cannot_improve(self) -> bool:
        """Whether the metric was perfect at the last two evaluations."""
        goal, last = self.goal, self.at.history[-2:]
        return (
            len(last) == 2
            and goal is not None
            and all(goal.metric in each and goal.is_perfect(each[goal.metric]) for each in last)
        )

    def _measure(self) -> tuple[dict[str, float], float]:
        """The metrics, and the seconds that they took."""
        assert self.evaluate is not None
        began = time.monotonic()
        metrics = {name: float(v) for name, v in self.evaluate(self.model).items()}
        return metrics, time.monotonic() - began

    def _no_better(self) -> None:
        at, settings = self.at, self.settings
        at.stale += 1
        if settings.schedule == "plateau" and at.stale % PLATEAU_EVALUATIONS == 0:
            at.plateau_factor *= PLATEAU_FACTOR
        if settings.patience is not None and at.stale >= settings.patience:
            at.stopped = "patience"
        if settings.cooldown is not None and at.stale >= settings.cooldown:
            self._cool_down()

    def _cool_down(self) -> None:
        """Continue from the best weights, the rest of the plan in half of the steps to them."""
        at = self.at
        if at.cooling_from is not None or not at.best_step or at.farthest >= self.total:
            return
        at.cooling_from = at.step
        at.cooling_pace = max(1.0, (self.total - at.farthest) / math.ceil(at.best_step / 2))
        assert self.best_weights is not None
        assign(self.model, self.best_weights)
        if self.average is not None:
            self.average.begin_again()

    # -- records

    def _log_training(self, lr: float, norm: float) -> None:
        at = self.at
        line = {
            "step": at.step,
            "epoch": self._epochs(),
            "loss": at.logged_sum / max(1, at.logged_count),
            "lr": lr,
            "norm": norm,
            "clipped": at.clipped / at.step,
            "seen": at.seen,
            "seconds": self.seconds(),
        }
        self.log.write("train", line)
        at.logged_sum, at.logged_count = 0.0, 0

    def _checkpoint(self) -> None:
        self.at.seconds = self.seconds()
        self.at.log_lines = self.log.lines
        write_run(self)

    def _epochs(self) -> float:
        return self.at.epoch + min(1.0, self.at.in_epoch / len(self.batches))

    def seconds(self) -> float:
        """Of the whole run, those of earlier processes included."""
        return time.monotonic() - self.began

    def _hold_best_weights(self) -> None:
        if self.best_weights is not None:
            assign(self.model, self.best_weights)
        elif self.average is not None:
            assign(self.model, self.average.weights())

    def _result(self, because: Literal["finished", "patience", "interrupted"]) -> Result:
        at = self.at
        return Result(
            best=at.best,
            best_step=at.best_step,
            step=at.step,
            history=at.history,
            stopped_because=because,
            seconds=at.seconds,
            clipped=at.clipped / max(1, at.step),
            gradients=at.gradients,
            warnings=at.warnings,
        )
