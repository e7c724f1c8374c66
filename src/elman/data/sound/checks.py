"""A look at utterances before training: what cannot be used, and what is doubtful."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from elman.data.arguments import check_number, listed
from elman.data.sound.samples import scale_problem
from elman.data.sound.utterance import Utterance, Utterances
from elman.errors import DataError, SettingsError

_SILENT = 1e-3  # of full scale, 60 dB below it
_FULL = 0.999
_CLIPPED_RUN = 4  # samples at full scale in a row
_MOST_SHOWN = 20
# A recogniser can learn from these all the same.
_DOUBTFUL = {"clipped", "mixed channels"}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one utterance.

    **Fields:**

    - `index`, `name`: which utterance.
    - `kind`: broken, silent, clipped, not scaled, mixed channels, too short, too long, no
      transcript, transcript too long or unknown character.
    - `message`: the same in words.
    """

    index: int
    name: str
    kind: str
    message: str

    @property
    def is_fatal(self) -> bool:
        """Whether the utterance is left out."""
        return self.kind not in _DOUBTFUL


@dataclass(frozen=True)
class UtteranceCheck:
    """What a check found; `usable` are the utterances without a fatal problem, in their order."""

    utterances: Utterances
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def usable(self) -> Utterances:
        """All that can be trained on; `DataError` with the first problem if nothing is left."""
        out = {problem.index for problem in self.problems if problem.is_fatal}
        kept = [i for i in range(len(self.utterances)) if i not in out]
        if not kept:
            first = self.problems[0]
            raise DataError(f"no utterance can be used; {first.name}: {first.message}")
        return self.utterances.select(kept)

    @property
    def are_mixed(self) -> bool:
        """Whether channels of some are mixed to one."""
        return any(problem.kind == "mixed channels" for problem in self.problems)

    def summary(self) -> str:
        """How many, how long, and what is wrong with which."""
        lines = [f"{len(self.utterances)} utterances, {self.seconds / 60:.1f} minutes"]
        kinds = Counter(problem.kind for problem in self.problems)
        if not kinds:
            lines.append("nothing is wrong with them")
        lines += [
            f"{count} {kind}{'' if kind in _DOUBTFUL else ', left out'}"
            for kind, count in kinds.most_common()
        ]
        lines += [f"  {p.name}: {p.message}" for p in self.problems[:_MOST_SHOWN]]
        if len(self.problems) > _MOST_SHOWN:
            lines.append(f"  and {len(self.problems) - _MOST_SHOWN} more")
        return "\n".join(lines)


def check_utterances(
    utterances: Utterances,
    *,
    characters: Iterable[str] | None = None,
    step_seconds: float = 0.01,
    shortest: float = 0.05,
    longest: float = 60.0,
    transcripts: bool = True,
) -> UtteranceCheck:
    """Read everything once and list what is broken, silent, clipped, too long, ...

    **Arguments:**

    - `characters`: the alphabet; no other character may occur in a transcript.
    - `step_seconds`: how long one output of the network lasts. A CTC network has room for a
      transcript with as many steps as it has characters, and one more for each that follows
      itself (Graves et al. 2006).
    - `shortest`, `longest`: in seconds.
    - `transcripts`: whether each needs one.

    >>> from elman.data import Audio
    >>> sound = Audio(np.sin(np.arange(8000, dtype=np.float32)) / 2, 8000)
    >>> found = check_utterances(Utterances([
    ...     Utterance("a", "yes", audio=sound),
    ...     Utterance("b", "y€s", audio=sound),
    ...     Utterance("c", "no", audio=Audio(np.zeros(8000, np.float32), 8000)),
    ... ]), characters="enosy")
    >>> print(found.summary())
    3 utterances, 0.1 minutes
    1 unknown character, left out
    1 silent, left out
      b: '€' is not in the alphabet
      c: silence: no sample is above 0
    >>> [utterance.name for utterance in found.usable]
    ['a']
    """
    if not isinstance(utterances, Utterances):
        raise SettingsError(
            f"check_utterances takes what read_utterances gives, not a {type(utterances).__name__}"
        )
    for name, value in (
        ("step_seconds", step_seconds),
        ("shortest", shortest),
        ("longest", longest),
    ):
        check_number(name, value)
    if step_seconds <= 0 or not 0 <= shortest < longest:
        raise SettingsError(
            f"step_seconds={step_seconds}, shortest={shortest}, longest={longest}: numbers above 0"
            " in rising order are needed"
        )
    known = None
    if characters is not None:
        known = set(
            listed(
                list(characters) if isinstance(characters, str) else characters,
                "characters",
                str,
                "characters",
            )
        )
    problems: list[Problem] = []
    total = 0.0
    for index, utterance in enumerate(utterances):
        try:
            seconds, found = _sound(utterance, shortest, longest)
        except DataError as error:
            problems.append(Problem(index, utterance.name, "broken", str(error)))
            continue
        total += seconds
        if transcripts:
            found += _transcript(utterance.text, seconds, known, step_seconds)
        problems += [Problem(index, utterance.name, kind, words) for kind, words in found]
    return UtteranceCheck(utterances, tuple(problems), total)


def steps_needed(text: str) -> int:
    """The fewest outputs of a CTC network that spell a text: repeated characters need a blank.

    >>> steps_needed("hello")
    6
    """
    return len(text) + sum(a == b for a, b in pairwise(text))


def _sound(
    utterance: Utterance, shortest: float, longest: float
) -> tuple[float, list[tuple[str, str]]]:
    found = []
    seconds = utterance.seconds
    if seconds > longest:  # by its header: it is not read
        return seconds, [("too long", f"{seconds:.1f} s, the longest allowed are {longest} s")]
    if utterance.features is None:
        audio = utterance.load()
        seconds = audio.seconds
        size = np.abs(audio.samples)
        peak = float(size.max())
        if peak < _SILENT:
            found.append(("silent", f"silence: no sample is above {peak:.2g}"))
        elif problem := scale_problem(audio.samples):
            found.append(("not scaled", problem))
        elif _longest_run(size >= _FULL) >= _CLIPPED_RUN:
            share = float((size >= _FULL).mean())
            found.append(("clipped", f"clipped: {share:.2%} of the samples are at full scale"))
        if (channels := utterance.mixed_channels) > 1:
            how = f"the mean of {channels} channels is taken; channel=0 takes the first alone"
            found.append(("mixed channels", how))
    if seconds < shortest:
        found.append(("too short", f"{seconds:.3f} s, the shortest allowed are {shortest} s"))
    return seconds, found


def _transcript(
    text: str | None, seconds: float, known: set[str] | None, step_seconds: float
) -> list[tuple[str, str]]:
    if text is None or not text.strip():
        return [("no transcript", "there is no transcript")]
    found = []
    unknown = [] if known is None else [c for c in dict.fromkeys(text) if c not in known]
    if unknown:
        words = f"{', '.join(map(repr, unknown))} {'is' if len(unknown) == 1 else 'are'}"
        found.append(("unknown character", f"{words} not in the alphabet"))
    steps, needed = int(seconds / step_seconds + 0.5), steps_needed(text)
    if steps < needed:
        found.append(
            (
                "transcript too long",
                f"{seconds:.2f} s give {steps} outputs, the transcript's {len(text)} characters"
                f" need {needed}",
            )
        )
    return found


def _longest_run(flags: "np.typing.NDArray[np.bool_]") -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
