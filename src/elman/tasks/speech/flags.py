"""The task `Speech` on the command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from elman.errors import DataError, SettingsError
from elman.tasks.commands import Commands, EvaluateFlags, Note, Part, PredictFlags
from elman.tasks.speech.settings import SpeechSettings

if TYPE_CHECKING:
    from elman.tasks.formats import Format
    from elman.tasks.language import Language
    from elman.tasks.prediction import Prediction
    from elman.tasks.speech.task import Speech
    from elman.tasks.speech.transcripts import SpeechReport

MOST_SHOWN = 20  # utterances with errors
_PAUSE = 0.8  # seconds of silence that end a sentence
_LM = "ARPA file of a model of words that weighs transcripts."
_CHANNEL = "Channel of recordings with several, 0 the first; else their mean."


class Predict(PredictFlags):
    """How speech is written down."""

    format: Literal["text", "json", "srt", "vtt", "ctm"] | None = Field(
        None, description="Format of transcripts; text if not given."
    )
    hot_word: tuple[str, ...] = Field(
        (), description="A word or phrase that is more likely here; may be given several times."
    )
    language: str | None = Field(
        None, description="A character language model to combine with the recogniser."
    )
    lm: Path | None = Field(None, description=_LM)
    channel: int | None = Field(None, description=_CHANNEL)
    microphone: bool = Field(False, description="Transcribe the microphone.")

    def options(self) -> dict[str, Any]:
        """The flags that were given, as options of `predictions`."""
        given = super().options()
        if "hot_word" in given:
            given["hot_words"] = given.pop("hot_word")
        return given

    def run(
        self, task: "Speech", inputs: Sequence[str], data: str | None, *, as_json: bool
    ) -> Iterator[Part]:
        """The transcripts in the format; DataError after the last names what is broken."""
        from elman.data.sound.audio import SUFFIXES

        if data is not None and not inputs and data.lower().endswith(SUFFIXES):
            inputs, data = (data,), None
        decoding: dict[str, Any] = {
            "hot_words": self.hot_word,
            "language": _reader(self.language),
            "lm": self.lm,
        }
        if (bool(inputs), data is not None, self.microphone).count(True) != 1:
            raise SettingsError("give either sound files, or --data, or --microphone")
        if self.microphone:
            yield from listen(task, decoding)
            return
        given = list(inputs) if inputs else data
        found = task.predictions(given, channel=self.channel, **decoding)
        yield from transcripts(found, self.format or ("json" if as_json else "text"))


class Evaluate(EvaluateFlags):
    """How speech is written down that is compared."""

    lm: Path | None = Field(None, description=_LM)
    channel: int | None = Field(None, description=_CHANNEL)

    def run(self, task: "Speech", data: str, *, as_json: bool) -> Iterator[Part]:
        """The alignment of utterances with errors, and the rates."""
        found = task.report(data, lm=self.lm, channel=self.channel)
        yield found.metrics if as_json else report(found)


def _reader(language: str | None) -> "Language | None":
    """The language model that weighs transcripts."""
    if language is None:
        return None
    from elman.tasks.language import Language
    from elman.tasks.load import load

    reader = load(language)
    if not isinstance(reader, Language):
        raise SettingsError(f"--language: {language} is a model of the task {reader.name}")
    return reader


def transcripts(found: "Sequence[Prediction]", form: "Format | Literal['text']") -> Iterator[str]:
    """Predictions in a format; DataError after the last names the utterances that are broken.

    As text a line each, which begins with the name where there are several.
    """
    from elman.tasks.formats import formatted

    heard = [each for each in found if each.error is None]
    if form != "text":
        yield formatted(heard, form)
    elif len(found) > 1:
        yield from (f"{each.input}\t{each.value}\n" for each in heard)
    else:
        yield from (f"{each.value}\n" for each in heard)
    if broken := [each.error for each in found if each.error is not None]:
        raise DataError("; ".join(broken))


def report(found: "SpeechReport") -> str:
    """The alignment of utterances with errors, and the rates."""
    wrong = [lines for lines in found.alignment().split("\n\n") if lines]
    parts = [f"{lines}\n\n" for lines in wrong[:MOST_SHOWN]]
    if len(wrong) > MOST_SHOWN:
        parts.append(f"(and {len(wrong) - MOST_SHOWN} more utterances with errors)\n")
    parts += [f"not transcribed: {each.error}\n" for each in found.broken]
    parts += [f"word error rate       {found.wer}\n", f"character error rate  {found.cer}\n"]
    return "".join([*parts, f"real-time factor      {found.real_time_factor:.4f}\n"])


def listen(task: "Speech", decoding: dict[str, Any]) -> Iterator[Part]:
    """What is said into the microphone, a line for each sentence, until Ctrl-C.

    `decoding`: keywords of `Speech.stream`.
    """
    from elman.tasks.speech.microphone import blocks

    session = task.stream(pause=_PAUSE, **decoding)
    yield Note("listening; Ctrl-C ends")
    printed = 0
    try:
        for sound in blocks(16000 if task.acoustic is None else task.acoustic.rate):
            text = session.accept(sound)
            for each in session.segments[printed:]:
                yield f"\r\033[K{each.text}\n"
            printed = len(session.segments)
            yield f"\r\033[K{text}"
    except KeyboardInterrupt:
        session.finish()
        for each in session.segments[printed:]:
            yield f"\r\033[K{each.text}\n"


COMMANDS = Commands(
    SpeechSettings,
    """Train a speech recogniser on recordings and their transcripts: a table with a row for each
    recording, a folder of sound files with a .txt beside each, Kaldi's wav.scp and text, or a
    dataset.

    Example: `elman train speech --data recordings.csv --path file --text said`
    """,
    predict=Predict,
    evaluate=Evaluate,
    data_settings=("text", "path", "audio_folder", "channel"),
    reads=("table", "sound"),
)
