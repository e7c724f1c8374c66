"""What a recogniser makes of an utterance, and how far it is from what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from elman.decode.error_rates import Edit, ErrorRate, align, cer, show, wer
from elman.decode.hypothesis import Hypothesis
from elman.errors import DataError
from elman.tasks.prediction import Evaluation, Prediction

COLUMNS = "text", "name"  # of a prediction's value and of its input


def predicted(hypotheses: Sequence[Hypothesis]) -> Prediction:
    """The most likely text as a prediction, its score and words among the details; `others` are the
    other hypotheses."""
    best, *others = hypotheses
    more = {"others": tuple(others)} if others else {}
    details = {"score": best.score, "words": best.words, **more}
    return Prediction(best.text, details=details, columns=COLUMNS)


@dataclass(frozen=True)
class Transcript:
    """What was heard in one utterance.

    **Fields:** `name` and `seconds` of the utterance; `hypotheses`, the most likely first; `error`,
    what is wrong with an utterance that cannot be heard, else None.
    """

    name: str
    seconds: float
    hypotheses: tuple[Hypothesis, ...]
    error: str | None = None

    @classmethod
    def of(cls, prediction: Prediction) -> Self:
        """From a prediction of `Speech`."""
        name, details = prediction.input, prediction.details
        if prediction.error is not None:
            return cls(name, 0.0, (), prediction.error)
        best = Hypothesis(prediction.value, details["score"], details["words"])
        return cls(name, details["seconds"], (best, *details.get("others", ())))

    @property
    def text(self) -> str:
        """The most likely text; "" if nothing could be heard."""
        return self.hypotheses[0].text if self.hypotheses else ""


@dataclass(frozen=True)
class SpeechReport(Evaluation):
    """How well utterances were heard.

    **Fields:**

    - `metrics`: the rates, the real-time factor, and how many utterances were heard and broken.
    - `transcripts`, `references`: what was heard and what was said, of those that could be heard.
    - `broken`: those that could not.
    - `real_time_factor`: time taken as a share of how long the utterances last.
    """

    transcripts: tuple[Transcript, ...]
    references: tuple[str, ...]
    broken: tuple[Transcript, ...]
    real_time_factor: float

    @classmethod
    def of(cls, found: Sequence[Transcript], references: Sequence[str], seconds: float) -> Self:
        """From the transcripts of all utterances and the time taken; DataError if none is heard."""
        broken = tuple(each for each in found if each.error)
        heard = [p for p in zip(found, references, strict=True) if not p[0].error]
        if not heard:
            raise DataError(f"no utterance can be transcribed: {broken[0].error}")
        transcripts, texts = zip(*heard, strict=True)
        written = [each.text for each in transcripts]
        factor = seconds / sum(each.seconds for each in transcripts)
        metrics = {
            "wer": wer(texts, written).rate,
            "cer": cer(texts, written).rate,
            "real_time_factor": factor,
            "utterances": float(len(transcripts)),
            "broken": float(len(broken)),
        }
        return cls(metrics, transcripts, texts, broken, factor)

    @property
    def wer(self) -> ErrorRate:
        """Errors a word."""
        return wer(self.references, self._texts)

    @property
    def cer(self) -> ErrorRate:
        """Errors a character."""
        return cer(self.references, self._texts)

    @property
    def _texts(self) -> Sequence[str]:
        return [transcript.text for transcript in self.transcripts]

    def edits(self) -> list[list[Edit]]:
        """For each utterance what was said and heard, word for word."""
        pairs = zip(self.references, self._texts, strict=True)
        return [align(said.split(), heard.split()) for said, heard in pairs]

    def alignment(self) -> str:
        """The utterances with errors, reference and hypothesis below one another."""
        return "\n\n".join(
            f"{transcript.name}\n{show(edits)}"
            for transcript, edits in zip(self.transcripts, self.edits(), strict=True)
            if any(edit.kind != "=" for edit in edits)
        )
