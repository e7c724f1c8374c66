"""The commands that use a trained model: predict, evaluate, diagnose and generate."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from elman.cli import output
from elman.cli.bench import AsJson
from elman.cli.standard_input import readable, suffix_for
from elman.data.delimited import check_delimiter
from elman.data.sound.audio import SUFFIXES
from elman.data.text.encodings import check_encoding
from elman.errors import SettingsError
from elman.files import check_picture
from elman.tasks import Classify, Forecast, Language, Speech, Task, load

Source = Annotated[
    str | None,
    Parameter(
        help="A file of yours, - for standard input, or a dataset's name, as text_sst2:train.",
        allow_leading_hyphen=True,
    ),
]
Encoding = Annotated[
    str | None,
    Parameter(help="The data's encoding, as cp1251; the trained model's or found if not given."),
]
Delimiter = Annotated[
    str | None,
    Parameter(
        help="What parts a table's fields, as ';' or tab; the trained model's or found if not"
        " given.",
        allow_leading_hyphen=True,
    ),
]
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=.*)?")
Lm = Annotated[
    Path | None, Parameter(help="ARPA file of a model of words that weighs transcripts.")
]
Channel = Annotated[
    int | None, Parameter(help="Channel of recordings with several, 0 the first; else their mean.")
]
Model = Annotated[str, Parameter(help="A model's folder, or owner/name on the hub.")]


def predict(
    model: Model,
    /,
    *inputs: Annotated[
        str,
        Parameter(
            help="Texts, each in quotes, or sound files; - for standard input.",
            allow_leading_hyphen=True,
        ),
    ],
    data: Source = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    format: Annotated[
        Literal["text", "json", "srt", "ctm"] | None,
        Parameter(help="How transcripts are written; text if not given."),
    ] = None,
    hot_words: Annotated[
        tuple[str, ...],
        Parameter(
            name="--hot-word",
            help="A word or phrase that is likelier here; may be given again.",
            negative=(),
            show_default=False,
        ),
    ] = (),
    language: Annotated[
        str | None, Parameter(help="A language model of characters that weighs transcripts, too.")
    ] = None,
    lm: Lm = None,
    channel: Channel = None,
    microphone: Annotated[
        bool, Parameter(help="Write down what is said now.", negative="", show_default=False)
    ] = False,
    json: AsJson = False,
    plot: Annotated[
        Path | None, Parameter(help="Draw forecasts, too, to this file (.png, .svg, .pdf).")
    ] = None,
) -> None:
    """Say what a model makes of texts given here, or of the lines or rows of a file; a forecaster,
    without data, of the series that it was trained on; a recogniser, of sound files.

    Example: `elman predict runs/classify "a funny film" "a long string of cliches"`

    Example: `elman predict runs/speech talk.wav --format srt > talk.srt`
    """
    if unknown := [word for word in inputs if _OPTION.fullmatch(word)]:
        raise SettingsError(f"there is no option {unknown[0]} (elman predict --help)")
    task = _loaded(model, encoding, delimiter)
    if inputs == ("-",) and data is None:
        inputs, data = (), "-"
    with readable(data, suffix_for(task)) as source:
        if isinstance(task, Speech):
            if source is not None and data != source and source.endswith(SUFFIXES):
                inputs, source = (source,), None
            decoding = {"hot_words": hot_words, "language": _reader(language), "lm": lm}
            form = format or ("json" if json else "text")
            _transcribe(task, inputs, source, decoding, channel, form, microphone)
            return
        of_speech = (format, language, lm, channel, hot_words or None, microphone or None)
        if any(each is not None for each in of_speech):
            raise SettingsError(
                "--format, --hot-word, --language, --lm, --channel and --microphone are for speech"
            )
        if isinstance(task, Forecast):
            _forecast(task, inputs, source, plot, json)
            return
        if plot is not None:
            raise SettingsError(
                f"--plot draws forecasts, and {model} is a model of the task {task.name}"
            )
        if bool(inputs) == (source is not None):
            raise SettingsError(
                "give either texts, or --data FILE, or - for standard input, to predict"
            )
        output.rows(task.rows(list(inputs) if inputs else source), as_json=json)


def _loaded(model: str, encoding: str | None, delimiter: str | None) -> Task:
    """The model, which reads text files as it is told here, or as it was for training."""
    task = load(model)
    told = {"encoding": check_encoding(encoding), "delimiter": check_delimiter(delimiter)}
    told = {name: value for name, value in told.items() if value is not None}
    for name in told:
        if not hasattr(task.settings, name):
            raise SettingsError(
                f"--{name} is of tables; {model} is a model of the task {task.name}"
            )
    task.settings = task.settings.model_copy(update=told)
    return task


def _reader(language: str | None) -> Language | None:
    """The language model that weighs transcripts."""
    if language is None:
        return None
    reader = load(language)
    if not isinstance(reader, Language):
        raise SettingsError(f"--language: {language} is a model of the task {reader.name}")
    return reader


def _transcribe(
    task: Speech,
    inputs: tuple[str, ...],
    data: str | None,
    decoding: dict[str, Any],
    channel: int | None,
    form: Literal["text", "json", "srt", "ctm"],
    microphone: bool,
) -> None:
    from elman.cli import speech_output

    if (bool(inputs), data is not None, microphone).count(True) != 1:
        raise SettingsError("give either sound files, or --data, or --microphone")
    if microphone:
        speech_output.listen(task, decoding)
    else:
        found = task.transcribe(list(inputs) if inputs else data, channel=channel, **decoding)
        speech_output.transcripts(found, form)


def _forecast(
    task: Forecast, inputs: tuple[str, ...], data: str | None, plot: Path | None, json: bool
) -> None:
    if inputs:
        raise SettingsError("a forecast is made of series: give --data FILE, or nothing")
    if plot is not None:
        check_picture(plot)
        task.forecasts(data).plot().savefig(plot, dpi=130)
    output.rows(task.rows(data), as_json=json)


def evaluate(
    model: Model,
    /,
    *,
    data: Source = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    lm: Lm = None,
    channel: Channel = None,
    json: AsJson = False,
) -> None:
    """Measure a model on data that it has not seen.

    Example: `elman evaluate runs/classify --data text_sst2:test`
    """
    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to evaluate on")
    task = _loaded(model, encoding, delimiter)
    if (lm is not None or channel is not None) and not isinstance(task, Speech):
        raise SettingsError("--lm and --channel are for speech")
    with readable(data, suffix_for(task)) as source:
        if isinstance(task, Classify):
            report = task.report(source)
            output.metrics(report.metrics, as_json=json)
            if report.confusion is not None and not json:
                output.confusion(report.labels, report.confusion)
        elif isinstance(task, Forecast) and not json:
            output.table(task.backtest(source).summary())
        elif isinstance(task, Speech):
            from elman.cli import speech_output

            transcribed = task.report(source, lm=lm, channel=channel)
            if json:
                output.metrics(transcribed.metrics, as_json=True)
            else:
                speech_output.report(transcribed)
        else:
            output.metrics(task.evaluate(source), as_json=json)


def diagnose(
    model: Model,
    /,
    *,
    data: Source = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sequences: Annotated[int, Parameter(help="Sequences followed through time.")] = 16,
    out: Annotated[
        Path | None, Parameter(help="Where to write the page; MODEL/diagnosis.html by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say why a trained network learns or not: gradient through time, Jacobians, gates.

    Example: `elman diagnose runs/classify --data text_sst2:validation`
    """
    from elman.diagnose.monitor import read_history
    from elman.diagnose.report import diagnose as examine

    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to diagnose on")
    task = _loaded(model, encoding, delimiter)
    with readable(data, suffix_for(task)) as source:
        found = examine(task, source, sequences=sequences, history=read_history(model))
    page = found.to_html(out or Path(model) / "diagnosis.html")
    if json:
        print(found.to_json())
    else:
        output.diagnosis(found, page)


def generate(
    model: Model,
    prompt: Annotated[str, Parameter(help="What the text begins with.", show_default=False)] = "",
    /,
    *,
    length: Annotated[int, Parameter(help="Most tokens to write.")] = 500,
    temperature: Annotated[float, Parameter(help="Below 1 safer, above 1 wilder; 0 greedy.")] = 1.0,
    top_k: Annotated[int | None, Parameter(help="Draw from the k likeliest tokens.")] = None,
    top_p: Annotated[float | None, Parameter(help="Draw from this much probability.")] = None,
    seed: Annotated[int | None, Parameter(help="The same seed writes the same text.")] = None,
    stop: Annotated[
        tuple[str, ...],
        Parameter(
            help="End before this string; may be given again.", negative=(), show_default=False
        ),
    ] = (),
) -> None:
    """Write with a language model, as it comes.

    Example: `elman generate runs/language "ROMEO:" --length 300 --temperature 0.8 --seed 1`
    """
    task = load(model)
    if not isinstance(task, Language):
        raise SettingsError(f"{model} is a model of the task {task.name}; only language can write")
    pieces = task.stream(
        prompt,
        length=length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
