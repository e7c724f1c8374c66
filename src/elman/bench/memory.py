"""Who remembers how far: cells on tasks of memory over growing lags, predicted and learnt.

Before training, the gradient through time of a task's own batch says how many steps back a cell can
be taught. Then it is taught, and measured. Both are ranked, and the ranks are compared.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman import html
from elman.cells import resolve
from elman.data.datasets.synthetic import MemoryBatch, adding_problem, copy_memory, delayed_recall
from elman.diagnose.report import diagnose
from elman.errors import SettingsError, TrainingDivergedError
from elman.nn import Recurrent, chrono
from elman.train import Step, TrainSettings, fit
from elman.train.tree import move

LAGS = (10, 30, 100, 300, 1000)
SOLVED = 0.9  # of the way from guessing to perfection
TEXTBOOK, STORY = ("rnn", "irnn", "lstm", "gru"), ("adding", "copy")
SYMBOLS = 3  # to be copied
_EVALUATION, _SEED = 512, 10**6
_SHARES = (1, 1 / 3, 1 / 9)  # of the learning rate, after each divergence


@dataclass(frozen=True)
class Contender:
    """A cell, its initialisation and its learning rate.

    `chrono`: for the lag of each task. `inputs`: deviation of the first input weights, if not the
    usual. `falls`: the rate is that of a lag of 100 on any task and falls as lags grow, since all
    that a step adds to an eigenvalue near 1 is raised to the power of the lag.
    """

    cell: str
    options: Mapping[str, Any]
    chrono: bool = False
    inputs: float | None = None
    lr: float = 5e-3
    falls: bool = False

    def rate(self, task: str, lag: int) -> float:
        """The learning rate."""
        return self.lr * min(100 / lag, 2) if self.falls else self.lr * TASKS[task].pace


CONTENDERS: Mapping[str, Contender] = {
    "rnn": Contender("rnn", {}),
    "irnn": Contender("rnn_relu", {"init": "identity"}, inputs=0.03, lr=4e-4, falls=True),
    "lstm": Contender("lstm", {"init": "orthogonal"}, chrono=True),
    "gru": Contender("gru", {"init": "orthogonal"}, chrono=True),
    "lstm_default": Contender("lstm", {}),
    "gru_default": Contender("gru", {}),
}


class _Task(NamedTuple):
    make: Callable[..., MemoryBatch]
    inputs: int
    outputs: int
    last: int  # steps at the end that count
    pace: float = 1.0  # times a contender's learning rate


TASKS: Mapping[str, _Task] = {
    "adding": _Task(adding_problem, 2, 1, 1),
    "copy": _Task(partial(copy_memory, length=SYMBOLS), 10, 10, SYMBOLS, pace=2.0),
    "recall": _Task(delayed_recall, 16, 8, 1),
}


@dataclass(frozen=True)
class Outcome:
    """What came of one cell on one task at one lag.

    - `predicted`: the memory in steps before training, from the gradient on the task's batch, no
      more than its steps T. `memory`: the same after training.
    - `score`: after training, from 0 (as good as guessing) to 1 (perfect), on new sequences.
    - `metric`: mean square error (adding) or accuracy at the steps that count.
    """

    task: str
    contender: str
    lag: int
    steps: int
    predicted: float
    memory: float
    score: float
    metric: float
    training_steps: int
    seconds: float

    def row(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Rememberer(nn.Module):
    """A recurrent layer and a linear readout of its last `last` steps.

    Inputs (T, B, I), or (T, B) int64 taken as one-hot vectors of I; returns (last, B, outputs).
    """

    def __init__(self, layer: Recurrent, outputs: int, last: int) -> None:
        super().__init__()
        self.recurrent, self.last = layer, last
        self.head = nn.Linear(layer.output_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Read the sequence, answer at its end."""
        if not x.is_floating_point():
            x = F.one_hot(x, self.recurrent.input_size).to(self.head.weight.dtype)
        answer: Tensor = self.head(self.recurrent(x)[0][-self.last :])
        return answer


class _Batches:
    def __init__(self, make: Callable[..., MemoryBatch], lag: int, batch: int, steps: int) -> None:
        self.make, self.lag, self.batch, self.steps = make, lag, batch, steps

    def __len__(self) -> int:
        return self.steps

    def epoch(self, e: int, start: int = 0) -> Iterator[MemoryBatch]:
        for i in range(start, self.steps):
            yield self.make(self.lag, self.batch, seed=1 + e * self.steps + i)


def check(contenders: Sequence[str], tasks: Sequence[str], lags: Sequence[int]) -> None:
    """Raise `SettingsError` for a name that is unknown or a lag that is too short."""
    for kind, names, known in (("cell", contenders, CONTENDERS), ("task", tasks, TASKS)):
        for name in names:
            if name not in known:
                raise SettingsError(f"{kind} {name!r} is unknown; there are {', '.join(known)}")
    if short := [lag for lag in lags if lag < 2]:
        raise SettingsError(f"lag {short[0]} is too short: 2 steps or more")


def network(contender: str, task: str, lag: int, hidden_size: int, seed: int = 0) -> Rememberer:
    """The network of a contender for a task at a lag, at its first weights."""
    check([contender], [task], [lag])
    known, asked = CONTENDERS[contender], TASKS[task]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = Recurrent(resolve(known.cell), asked.inputs, hidden_size, **known.options)
        if known.chrono:
            chrono(layer, max(lag, 3))
        if known.inputs is not None:
            nn.init.normal_(layer.get_parameter("weight_ih_l0"), 0, known.inputs)
        return Rememberer(layer, asked.outputs, asked.last)


def run(
    contender: str,
    task: str,
    lag: int,
    *,
    hidden_size: int = 64,
    batch: int = 32,
    steps: int = 6000,
    seconds: float = math.inf,
    lr: float | None = None,
    seed: int = 0,
) -> Outcome:
    """Predict, train and measure one contender.

    Training ends after `steps` steps or `seconds` of time, or once the task is solved to 0.99. One
    that diverges is restarted at a third of its learning rate, and again at a ninth.

    >>> outcome = run("gru", "recall", 5, hidden_size=16, steps=150, lr=0.02)
    >>> outcome.steps, outcome.score > 0.9
    (6, True)
    """
    asked = TASKS[task]
    first = asked.make(lag, 16, seed=_SEED + 1)
    held_out = asked.make(lag, _EVALUATION, seed=_SEED)
    model = network(contender, task, lag, hidden_size, seed)
    predicted = _memory(model, asked, first)
    taken, start = 0, time.perf_counter()
    best = (0.0, _measure(model, asked, held_out))

    def evaluate(model: Rememberer) -> dict[str, float]:
        nonlocal best
        metric = _measure(model, asked, held_out)
        best = max(best, (_score(task, metric), metric))
        return {"score": best[0]}

    def loss(model: Rememberer, given: MemoryBatch, state: Any) -> Step:  # noqa: ARG001
        nonlocal taken
        if taken and (time.perf_counter() - start > seconds or best[0] > 0.99):
            raise _Enough
        taken += 1
        return Step(_loss(asked, model, given), given.inputs.shape[1])

    rate = lr or CONTENDERS[contender].rate(task, lag)
    for share in _SHARES:
        model = network(contender, task, lag, hidden_size, seed)
        settings = TrainSettings(
            epochs=1,
            lr=rate * share,
            clip=1.0,
            evaluate_every=max(1, steps // 30),
            seed=seed,
        )
        try:
            fit(
                model,
                _Batches(asked.make, lag, batch, steps),
                loss,
                settings=settings,
                evaluate=evaluate,
                metric="score",
                maximize=True,
                progress=False,
            )
        except TrainingDivergedError:
            continue
        except _Enough:
            evaluate(model)
        break
    passed = time.perf_counter() - start
    memory = _memory(model, asked, first)
    length = len(first.inputs)
    return Outcome(task, contender, lag, length, predicted, memory, *best, taken, passed)


def _memory(model: Rememberer, asked: _Task, given: MemoryBatch) -> float:
    given = move(given, model.head.weight.device)
    found = diagnose(model, given, loss=partial(_loss, asked)).layers[0].gradient.memory
    return 0.0 if math.isnan(found) else min(found, float(len(given.inputs)))


class _Enough(Exception):  # noqa: N818
    pass


def _loss(asked: _Task, model: Any, given: MemoryBatch) -> Tensor:
    answer = model(given.inputs)
    if asked.outputs == 1:
        return F.mse_loss(answer[-1], given.targets)
    wanted = given.targets if given.targets.dim() == 1 else given.targets[-asked.last :]
    return F.cross_entropy(answer.flatten(0, 1), wanted.flatten())


@torch.no_grad()
def _measure(model: Rememberer, asked: _Task, given: MemoryBatch) -> float:
    given = move(given, model.head.weight.device)
    answer = model(given.inputs)
    if asked.outputs == 1:
        return float(F.mse_loss(answer[-1], given.targets))
    wanted = given.targets if given.targets.dim() == 1 else given.targets[-asked.last :]
    return float((answer.argmax(-1).flatten() == wanted.flatten()).double().mean())


def _score(task: str, metric: float) -> float:
    """From guessing (0) to perfection (1)."""
    if not math.isfinite(metric):
        return 0.0
    if task == "adding":
        return min(max(1 - 6 * metric, 0.0), 1.0)
    return min(max((metric - 1 / 8) / (1 - 1 / 8), 0.0), 1.0)


def memory(
    contenders: Sequence[str] = TEXTBOOK,
    tasks: Sequence[str] = STORY,
    lags: Sequence[int] = LAGS,
    **options: Any,
) -> Iterator[Outcome]:
    """Every contender on every task at every lag, the short lags first; see `run` for options."""
    for task in tasks:
        for lag in lags:
            for contender in contenders:
                yield run(contender, task, lag, **options)


def reached(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], int]:
    """(task, contender) -> the longest lag up to which all were solved; 0 for none."""
    found: dict[tuple[str, str], int] = {}
    failed: set[tuple[str, str]] = set()
    for each in sorted(outcomes, key=lambda outcome: outcome.lag):
        key = (each.task, each.contender)
        found.setdefault(key, 0)
        if each.score < SOLVED:
            failed.add(key)
        elif key not in failed:
            found[key] = each.lag
    return found


def rank_correlation(outcomes: Sequence[Outcome], what: str = "predicted") -> float:
    """Spearman's correlation of memory and score over contenders, a mean over the tasks.

    Each contender counts with its means over the lags: of its memory, `what` "predicted" before or
    "memory" after training, as a share of the sequence, and of the score, where all that is
    solved counts alike, as training stops there. NaN with fewer than three contenders.

    >>> def made(name, predicted, score):
    ...     return Outcome("adding", name, 10, 10, predicted, predicted, score, 0.0, 1, 1.0)
    >>> rank_correlation([made("a", 1, 0.1), made("b", 5, 0.4), made("c", 9, 0.9)])
    1.0
    """
    values = []
    for task in dict.fromkeys(each.task for each in outcomes):
        own = [each for each in outcomes if each.task == task]
        names = list(dict.fromkeys(each.contender for each in own))
        if len(names) < 3:
            return math.nan
        predicted = [
            np.mean([getattr(e, what) / e.steps for e in own if e.contender == n]) for n in names
        ]
        scores = [np.mean([min(e.score, SOLVED) for e in own if e.contender == n]) for n in names]
        values.append(_spearman(np.array(predicted), np.array(scores)))
    return round(float(np.mean(values)), 6) if values else math.nan


def correlations(outcomes: Sequence[Outcome]) -> str:
    """Both rank correlations in words."""
    before, after = (rank_correlation(outcomes, what) for what in ("predicted", "memory"))
    return (
        f"Rank correlation of score and memory: {before:.2f} predicted before training,"
        f" {after:.2f} measured after it."
    )


def _spearman(a: Any, b: Any) -> float:
    ranks = [_ranks(np.asarray(each, float)) for each in (a, b)]
    centred = [each - each.mean() for each in ranks]
    size = math.sqrt(float((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / size if size else math.nan


def _ranks(values: Any) -> Any:
    """Ranks from 0, those that tie their mean."""
    order = np.sort(values)
    left, right = np.searchsorted(order, values, "left"), np.searchsorted(order, values, "right")
    return (left + right - 1) / 2


def page(outcomes: Sequence[Outcome]) -> str:
    """Who remembers how far, as one page that loads nothing."""
    names = list(dict.fromkeys(each.contender for each in outcomes))
    charts = []
    for task in dict.fromkeys(each.task for each in outcomes):
        for key, label in (("score", "score"), ("predicted", "predicted memory / steps")):
            ax = html.axes("lag", label)
            for i, name in enumerate(names):
                own = [e for e in outcomes if e.task == task and e.contender == name]
                values = [e.score if key == "score" else e.predicted / e.steps for e in own]
                style = ("-", "--", ":")[i // len(html.SERIES)]
                colour = html.SERIES[i % len(html.SERIES)]
                points = [e.lag for e in own], values
                ax.plot(*points, marker="o", label=name, color=colour, linestyle=style)
            ax.set_xscale("log")
            ax.set_ylim(-0.05, 1.05)
            charts.append(html.chart(ax, f"{task}: {label} over the lag."))
    furthest = reached(outcomes)
    table = [(task, name, lag or "none") for (task, name), lag in furthest.items()]
    rows = [
        (
            *(e.task, e.contender, e.lag, f"{e.predicted:.0f}", f"{e.memory:.0f}"),
            *(f"{e.score:.3f}", f"{e.metric:.4g}"),
        )
        for e in outcomes
    ]
    header = ["task", "cell", "lag", "memory before", "and after", "score", "error or accuracy"]
    sections = [
        html.Section("How far each remembers", [html.strong(correlations(outcomes))]),
        html.Section("Over the lag", [html.charts(*charts)]),
        html.Section("Solved up to", [html.table(["task", "cell", "lag"], table)]),
        html.Section("Every run", [html.table(header, rows)]),
    ]
    lead = "Predicted from the gradient through time before training; then trained and measured."
    return html.page("Who remembers how far", sections, lead=lead, generator="elman bench memory")
