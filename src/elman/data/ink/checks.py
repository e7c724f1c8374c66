"""A look at handwriting before training: what cannot be used, and what is doubtful."""

from dataclasses import dataclass

import numpy as np

from elman.data.arguments import check_number
from elman.data.ink.ink import Ink
from elman.data.ink.inks import Inks
from elman.data.problems import DataProblem, told
from elman.errors import DataError, SettingsError

_FEWEST_STEPS = 8  # of a piece of ink, to tell a jump by its median step


class InkProblem(DataProblem):
    """What is wrong with one piece of ink.

    Its kinds: unreadable, no strokes, no text, one point, time runs back, jump, repeated points
    or drawn twice.
    """

    fatal = frozenset({"unreadable", "no strokes", "no text"})


@dataclass(frozen=True)
class InkCheck:
    """What a check found; `usable` are the inks without a fatal problem, in their order."""

    inks: Inks
    problems: tuple[InkProblem, ...]

    @property
    def usable(self) -> Inks:
        """All that can be trained on; `DataError` with the first problem if nothing is left."""
        out = {p.index for p in self.problems if p.is_fatal and p.kind != "unreadable"}
        kept = [i for i in range(len(self.inks)) if i not in out]
        if not kept:
            first = self.problems[0]
            raise DataError(f"no ink can be used; {first.name}: {first.message}")
        return self.inks.select(kept)

    def summary(self) -> str:
        """How many, of how many writers and texts, and what is wrong with which."""
        inks = self.inks
        points = sum(map(len, inks.inks))
        strokes = sum(len(ink.starts) for ink in inks.inks)
        what = f"{len(inks):,} pieces of ink, {strokes:,} strokes, {points:,} points"
        if inks.writers is not None:
            what += f"; {len(set(inks.writers) - {''}):,} writers"
        if inks.texts is not None:
            what += f"; {len(inks.classes):,} different texts"
        return "\n".join([what, *told(self.problems)])


def check_inks(
    inks: Inks, *, jump: float = 20.0, repeated: float = 0.5, texts: bool | None = None
) -> InkCheck:
    """List ink without strokes or texts, of one point, with jumps, drawn twice, ...

    **Arguments:**

    - `jump`: a step within a stroke that is so many times the median step is a jump, if it is also
      longer than half the longer side of the box.
    - `repeated`: the share of points at the place of the point before from which on it is reported.
    - `texts`: whether each needs one; None asks for them where there are any.

    One point is legal (a full stop), and so are the other doubtful kinds; only unreadable ink and
    ink without strokes or, where asked for, text is left out of `usable`. Whether ink is upside
    down cannot be told from it alone: look at `draw`.

    >>> line, none = Ink.of_strokes([[(0, 0), (0, 9)]]), Ink.of_strokes([])
    >>> print(check_inks(Inks([line, none], None, None, ["a", "b"])).summary())
    2 pieces of ink, 1 strokes, 2 points
    1 no strokes, left out
      b: it has no strokes
    """
    if not isinstance(inks, Inks):
        raise SettingsError(f"check_inks takes what read_inks gives, not a {type(inks).__name__}")
    check_number("jump", jump, 1)
    check_number("repeated", repeated, 0, 1)
    problems = [
        InkProblem(place, f"number {place}", "unreadable", reason)
        for place, reason in inks.left_out.items()
    ]
    needs_texts = inks.texts is not None if texts is None else texts
    seen: dict[bytes, int] = {}
    for i, (ink, name) in enumerate(zip(inks.inks, inks.names, strict=True)):
        found = _of_ink(ink, jump, repeated)
        if needs_texts and not (inks.texts is not None and inks.texts[i].strip()):
            found.append(("no text", "it has no text"))
        if len(ink) > 1:
            first = seen.setdefault(ink.points.tobytes() + ink.starts.tobytes(), i)
            if first != i:
                found.append(("drawn twice", f"it is the same as {inks.names[first]}"))
        problems += [InkProblem(i, name, kind, words) for kind, words in found]
    return InkCheck(inks, tuple(problems))


def _of_ink(ink: Ink, jump: float, repeated: float) -> list[tuple[str, str]]:
    if not len(ink):
        return [("no strokes", "it has no strokes")]
    if len(ink) == 1:
        return [("one point", "it is one point")]
    found = []
    if ink.time is not None:
        steps = np.diff(ink.time)
        if (steps < 0).any():
            place = int(np.argmax(steps < 0)) + 1
            words = f"time runs back by {-steps[place - 1]:.3g} s at point {place}"
            found.append(("time runs back", words))
    moves = np.diff(ink.points, axis=0)
    is_within = ~ink.is_start[1:]
    lengths = np.where(is_within, np.hypot(moves[:, 0], moves[:, 1]), 0.0)
    moving = lengths[lengths > 0]
    side = float(np.ptp(ink.points, axis=0).max())
    if len(moving) >= _FEWEST_STEPS:
        largest, middle = float(lengths.max()), float(np.median(moving))
        if largest > jump * middle and largest > side / 2:
            words = f"a jump of {largest:.3g} at point {int(lengths.argmax()) + 1}"
            found.append(("jump", f"{words}, {largest / middle:.0f} times the median step"))
    share = float((lengths[is_within] == 0).mean()) if is_within.any() else 0.0
    if share >= repeated:
        words = f"{share:.0%} of the points are at the place of the point before"
        found.append(("repeated points", words))
    return found
