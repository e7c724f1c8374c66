"""A recogniser's part of a run's report: confusions, the worst utterances, the data."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from elman import html
from elman.decode.error_rates import Edit, align, show
from elman.tasks.run_report.data import Duplicates, key_of, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.tasks.speech.dataset import SpeechData

if TYPE_CHECKING:
    from elman.tasks.speech.task import Speech

_CONFUSIONS = 20
_WORST = 20
_LOOKED_AT = 200  # held-out utterances that are decoded once more


@dataclass(frozen=True)
class SpeechRun:
    """A trained recogniser with its training and validation utterances."""

    task: "Speech"
    train: SpeechData
    held_out: SpeechData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "Confusions": self.confusions,
            "Worst utterances": self.worst,
            "Data": self.data,
        }
        return Own(sections, self.advice)

    @cached_property
    def _some(self) -> SpeechData:
        data = self.held_out
        if len(data) <= _LOOKED_AT:
            return data
        from elman.data import Utterances

        return data.part(Utterances(data.utterances[:_LOOKED_AT]))

    @cached_property
    def _heard(self) -> list[str]:
        task = self.task
        found = task.decode(task._outputs(self._some), task.preprocessing, {})
        return [each.value for each in found]

    @cached_property
    def _edits(self) -> list[list[Edit]]:
        pairs = zip(self._some.texts, self._heard, strict=True)
        return [align(said.split(), heard.split()) for said, heard in pairs]

    def confusions(self) -> list[str]:
        """The most frequent substitutions, deletions and insertions of words."""
        counts = Counter(
            (edit.kind, edit.reference, edit.hypothesis)
            for edits in self._edits
            for edit in edits
            if edit.kind != "="
        )
        words = sum(len(text.split()) for text in self._some.texts)
        intro = (
            f"{counts.total():,} errors in {words:,} words of {len(self._some):,} validation"
            " utterances."
        )
        if not counts:
            return [html.text(intro)]
        kinds = {"S": "substituted", "D": "left out", "I": "inserted"}
        rows = [
            (shortened(said, 80) or "-", shortened(heard, 80) or "-", kinds[kind], count)
            for (kind, said, heard), count in counts.most_common(_CONFUSIONS)
        ]
        header = ["reference", "hypothesis", "error", "times"]
        return [html.text(intro), html.table(header, rows, caption="The most frequent errors.")]

    def worst(self) -> list[str]:
        """The utterances with the most errors a word, reference above hypothesis."""
        rates = []
        for i, edits in enumerate(self._edits):
            errors = sum(edit.kind != "=" for edit in edits)
            if errors:
                said = max(1, sum(edit.kind != "I" for edit in edits))
                rates.append((errors / said, errors, i))
        rates.sort(key=lambda rate: (-rate[0], -rate[1], rate[2]))
        parts = []
        for rate, errors, i in rates[:_WORST]:
            name = shortened(self._some.shown(i), 120)
            title = f"{name}: {errors} errors ({rate:.0%}), {self._some.seconds[i]:.1f} s"
            parts.append(html.text(title))
            parts.append(html.aligned(show(self._edits[i])))
        if not parts:
            return []
        return [html.text("Reference and hypothesis, word below word:"), *parts]

    def data(self) -> list[str]:
        """Lengths of sound and transcripts, duplicates, transcripts that training has, too."""
        train, held_out = self.train, self.held_out
        known = set(train.texts)
        seen = sum(text in known for text in held_out.texts)
        silent = sum(not text.strip() for text in train.texts)
        parts = [
            *lengths(train.seconds, "seconds"),
            *lengths([len(text.split()) for text in train.texts], "words"),
            *self._duplicates.parts("utterances", held_out.shown),
            html.text(
                f"{seen:,} of {len(held_out):,} validation transcripts are in the training data,"
                " too, in other recordings."
            ),
        ]
        if silent:
            parts.append(html.text(f"{silent:,} training utterances have an empty transcript."))
        return parts

    @cached_property
    def _duplicates(self) -> Duplicates:
        keys, unseen = ([key_of(e) for e in part.frames] for part in (self.train, self.held_out))
        return Duplicates.of_inputs(keys, unseen, self.train.texts)

    def advice(self) -> list[str]:
        """On duplicates, and on recordings that are few."""
        found = self._duplicates.advice
        hours = sum(self.train.all_seconds) / 3600
        if hours < 1:
            found.append(
                f"Training has only {60 * hours:.0f} minutes of speech: more recordings are likely"
                " to help most."
            )
        return found
