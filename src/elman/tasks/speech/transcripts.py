"""What a recogniser makes of an utterance, and how far it is from what was said."""

from collections.abc import Sequence
from dataclasses import dataclass

from elman.decode.error_rates import Edit, ErrorRate, align, cer, show, wer
from elman.decode.hypothesis import Hypothesis


@dataclass(frozen=True)
class Transcript:
    """What was heard in one utterance.

    **Fields:** `name` and `seconds` of the utterance; `hypotheses`, the likeliest first; `error`,
    what is wrong with an utterance that cannot be heard, else None.
    """

    name: str
    seconds: float
    hypotheses: tuple[Hypothesis, ...]
    error: str | None = None

    @property
    def text(self) -> str:
        """The likeliest text; "" if nothing could be heard."""
        return self.hypotheses[0].text if self.hypotheses else ""


@dataclass(frozen=True)
class SpeechReport:
    """How well utterances were heard.

    **Fields:**

    - `transcripts`, `references`: what was heard and what was said, of those that could be heard.
    - `broken`: those that could not.
    - `real_time_factor`: time taken as a share of how long the utterances last.
    """

    transcripts: tuple[Transcript, ...]
    references: tuple[str, ...]
    broken: tuple[Transcript, ...]
    real_time_factor: float

    @property
    def wer(self) -> ErrorRate:
        """Errors a word."""
        return wer(self.references, self._texts)

    @property
    def cer(self) -> ErrorRate:
        """Errors a character."""
        return cer(self.references, self._texts)

    @property
    def metrics(self) -> dict[str, float]:
        """The rates, and the real-time factor."""
        return {
            "wer": self.wer.rate,
            "cer": self.cer.rate,
            "real_time_factor": self.real_time_factor,
            "utterances": float(len(self.transcripts)),
            "broken": float(len(self.broken)),
        }

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
