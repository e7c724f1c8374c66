"""Multiple shooting: a long sequence is cut into chunks that are run at the same time.

The state before a chunk is not known, but most networks forget: run over the last steps of the
chunk before it, a *warm-up*, they come to the same state from any other. With these states all
chunks are run as a batch; then each chunk's last state is compared with the initial state of
the next one, and what differs is run again from there.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from elman.nn.chunks import Chunks, Run, Sequences, States
from elman.nn.forgetting import differences, forgetting, largest

_AIM = 0.1  # share of the tolerance that a warm-up is made for
_MARGIN = 1.25  # steps of a warm-up for each that the network seems to need
_SHARE = 0.5  # of a chunk that a warm-up may take
_PASSES = 3
_SHRINKS = 0.1  # a gap that does not shrink to this share from pass to pass is given up


class ShootingReport(NamedTuple):
    """How `chunks` were run.

    **Fields:**

    - `chunks`: how many at the same time; 1 if the sequence was run as a whole.
    - `warm_up`: steps that were run before each chunk, to come to its first state.
    - `passes`: runs over the chunks.
    - `gap`: largest difference left between a chunk's last state and the first one of the next,
      as a share of the state's largest value.
    - `extra_work`: steps run beyond those of the sequences, as a share of these.
    - `fell_back`: whether the sequence was run as a whole though chunks were asked for.
    - `reason`: why it was.
    """

    chunks: int = 1
    warm_up: int = 0
    passes: int = 0
    gap: float = 0.0
    extra_work: float = 0.0
    fell_back: bool = False
    reason: str | None = None


def refused(reason: str) -> ShootingReport:
    """The report of a run as a whole."""
    return ShootingReport(fell_back=True, reason=reason)


class Trajectory(NamedTuple):
    """All chunks as rows of one run."""

    chunks: Chunks
    rows: Sequences
    warm_up: int
    starts: States
    outputs: list[Tensor]
    ends: States


class Probe(NamedTuple):
    """Steps to run before each chunk, and the steps of rows that it took to see that; or the report
    of why chunks are refused."""

    warm_up: int
    work: int
    refusal: ShootingReport | None = None


def probe(run: Run, given: Sequences, count: int, tolerance: float) -> Probe:
    """Whether the network forgets fast enough for `count` chunks of the sequences."""
    steps, batch = len(given.x) // count, given.x.shape[1]
    given, longest = given.steps(0, count * steps), int(_SHARE * steps)
    seen = forgetting(run, given, _AIM * tolerance, longest)
    if seen.steps is None or seen.steps > longest:
        how = "never converge" if seen.steps is None else f"converge only after {seen.steps} steps"
        report = refused(f"states {how}, and a chunk has {steps} steps")
        extra = seen.work / (count * steps * batch)
        return Probe(0, seen.work, report._replace(extra_work=extra))
    return Probe(min(longest, math.ceil(_MARGIN * seen.steps)), seen.work)


def shoot(
    run: Run,
    given: Sequences,
    first: States,
    count: int,
    tolerance: float,
    probed: Probe,
    *,
    training: bool,
) -> tuple[Trajectory | None, ShootingReport]:
    """The chunks of count * n steps, each started from the last state of the one before.

    With `training` the trajectory has a graph of its own, from its starts and, if `given` wants a
    gradient, its input. None where the network does not forget fast enough.
    """
    warm_up, work, refusal = probed
    if refusal is not None:
        return None, refusal
    steps, batch = len(given.x) // count, given.x.shape[1]
    chunks, whole = Chunks(count, steps, batch), count * steps * batch
    rows = chunks.split_all(given)
    tails = rows.rows(slice(0, (count - 1) * batch)).steps(steps - warm_up, steps)
    with torch.no_grad():
        _, warm = run(tails, None)
        starts = _after(first, warm)
    work += warm_up * (count - 1) * batch
    report, gap = ShootingReport(count, warm_up), 1.0
    tried = _run(run, Trajectory(chunks, rows, warm_up, starts, [], ()), training=training)
    work += whole
    for turn in range(1, _PASSES + 1):
        before, (gap, apart) = gap, _gap(tried, tolerance)
        report = report._replace(passes=turn, gap=gap, extra_work=work / whole - 1)
        if gap <= tolerance:
            return tried, report
        if turn == _PASSES or not gap <= _SHRINKS * before:
            break
        starts = _after(first, tuple(e[..., : (count - 1) * batch, :] for e in tried.ends))
        tried = tried._replace(starts=starts)
        if training:
            tried, work = _run(run, tried, training=True), work + whole
        else:
            _run_again(run, tried, apart)
            work += len(apart) * steps
    reason = f"the chunks' ends still differ by {gap:.1e} after {report.passes} passes"
    return None, report._replace(chunks=1, fell_back=True, reason=reason)


def _after(first: States, ends: States) -> States:
    """The first states of all rows, from those of the batch and the ends of all chunks but one."""
    return tuple(torch.cat([f.detach(), e.detach()], -2) for f, e in zip(first, ends, strict=True))


def _run(run: Run, tried: Trajectory, *, training: bool) -> Trajectory:
    rows, starts = tried.rows, tried.starts
    with torch.set_grad_enabled(training):
        if training:
            rows = rows._replace(x=rows.x.detach().requires_grad_(rows.x.requires_grad))
            starts = tuple(each.detach().requires_grad_() for each in starts)
        outputs, ends = run(rows, starts)
    return tried._replace(rows=rows, starts=starts, outputs=outputs, ends=ends)


@torch.no_grad()
def _run_again(run: Run, tried: Trajectory, index: Tensor) -> None:
    """Some rows, into the trajectory."""
    starts = tuple(each.index_select(-2, index) for each in tried.starts)
    outputs, ends = run(tried.rows.rows(index), starts)
    for all_rows, some in zip((*tried.outputs, *tried.ends), (*outputs, *ends), strict=True):
        all_rows.index_copy_(all_rows.dim() - 2, index, some)


@torch.no_grad()
def _gap(tried: Trajectory, tolerance: float) -> tuple[float, Tensor]:
    """The largest difference at a border of two chunks, and the rows that begin with one beyond the
    tolerance."""
    chunks, lengths = tried.chunks, tried.rows.lengths
    batch = chunks.batch
    index = torch.arange(batch, chunks.number * batch, device=tried.rows.x.device)
    if lengths is not None:  # of the rest nobody sees the state
        index = index[lengths[batch:] > 0]
    if not len(index):
        return 0.0, index
    ends = tuple(each.index_select(-2, index - batch) for each in tried.ends)
    starts = tuple(each.index_select(-2, index) for each in tried.starts)
    found = differences(ends, starts, largest(tried.ends))
    return float(found.amax()), index[~(found <= tolerance)]
