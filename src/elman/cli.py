"""The command line: it parses, and calls what a notebook would call."""

from elman import cli_signals  # isort: skip  # the imports below take a second

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import App, Group, Parameter
from cyclopts.config import Dict
from pydantic import BaseModel, ValidationError

import elman
from elman import show
from elman.cli_bench import AsJson, bench_app
from elman.cli_data import data_app
from elman.compiler import cache
from elman.errors import ElmanError, SettingsError
from elman.files import check_picture
from elman.tasks import (
    Classify,
    ClassifySettings,
    Forecast,
    ForecastSettings,
    Language,
    LanguageSettings,
    Speech,
    SpeechSettings,
    Task,
    load,
)
from elman.tasks.settings import RecurrentSettings, in_one_line
from elman.train import TrainingInterrupted, TrainSettings

app = App(
    name="elman",
    help="Recurrent neural networks, from the equation to the service.",
    version=elman.__version__,
    result_action="return_value",
    help_format="markdown",
    suppress_keyboard_interrupt=False,  # main says how to go on
)
train = App(name="train", help="Train a model on your data; each task has a command.")
app.command(train)
app.command(data_app)
app.command(bench_app)

OF_DATA, OF_TASK, OF_NETWORK, OF_TRAINING = (
    Group.create_ordered(name) for name in ("Data and files", "Task", "Network", "Training")
)


_LISTS = ("target", "past", "future", "static")
_COLUMNS = {
    *("text", "label", "features", "path", "separator"),
    *("id", "time", *_LISTS),
}


def _grouped(settings: type[BaseModel]) -> None:
    """Have the settings listed in help under what they are about, the task's own first."""
    for name, field in settings.model_fields.items():
        group = OF_NETWORK if name in RecurrentSettings.model_fields else OF_TASK
        group = OF_TRAINING if name in TrainSettings.model_fields else group
        group = OF_DATA if name in _COLUMNS else group
        field.metadata.append(Parameter(group=group))


for _settings in (ClassifySettings, ForecastSettings, LanguageSettings, SpeechSettings):
    _grouped(_settings)

Source = Annotated[
    str | None, Parameter(help="A file of yours or a dataset's name, as text_sst2:train.")
]
TrainingData = Annotated[Source, Parameter(group=OF_DATA)]
Validation = Annotated[
    str | None,
    Parameter(help="Data to choose the best weights by; else a share is held out.", group=OF_DATA),
]
Out = Annotated[
    Path | None, Parameter(help="The run's folder, runs/TASK if not given.", group=OF_DATA)
]
Resume = Annotated[
    bool,
    Parameter(
        help="Go on from the folder's checkpoint.", negative="", show_default=False, group=OF_DATA
    ),
]
From = Annotated[
    str | None,
    Parameter(
        name="--from",
        help="Start from this model's weights and preprocessing; settings not given are its own.",
        group=OF_DATA,
    ),
]
Config = Annotated[
    Path | None,
    Parameter(help="A YAML or TOML file with any of these settings; flags win.", group=OF_DATA),
]
PrintConfig = Annotated[
    bool,
    Parameter(
        help="Print the settings as such a file, and stop.",
        negative="",
        show_default=False,
        group=OF_DATA,
    ),
]
Model = Annotated[str, Parameter(help="A model's folder, or owner/name on the hub.")]


@train.command(name="classify")
def train_classify(
    *,
    data: TrainingData = None,
    validation: Validation = None,
    out: Out = None,
    resume: Resume = False,
    start_from: From = None,
    config: Config = None,
    print_config: PrintConfig = False,
    settings: Annotated[ClassifySettings, Parameter(name="*")] = ClassifySettings(),  # noqa: B008
) -> None:
    """Train a classifier of texts, of spoken words and other sound, or of feature vectors.

    Example: `elman train classify --data reviews.csv --text review --label stars`
    """
    del config  # read before the flags
    _train(Classify, settings, data, validation, out, resume, start_from, print_config)


@train.command(name="forecast")
def train_forecast(
    *,
    data: TrainingData = None,
    out: Out = None,
    resume: Resume = False,
    start_from: From = None,
    config: Config = None,
    print_config: PrintConfig = False,
    settings: Annotated[ForecastSettings, Parameter(name="*")] = ForecastSettings(),  # noqa: B008
) -> None:
    """Train a forecaster of one series or many, a row for each series and time.

    Example: `elman train forecast --data sales.csv --id shop --time day --target sold --horizon 28`
    """
    del config  # read before the flags
    parted = {name: ",".join(getattr(settings, name)).split(",") for name in _LISTS}
    some = {name: words for name, words in parted.items() if words != [""]}
    settings = ForecastSettings(**{**settings.model_dump(exclude_unset=True), **some})
    _train(Forecast, settings, data, None, out, resume, start_from, print_config)


@train.command(name="language")
def train_language(
    *,
    data: TrainingData = None,
    validation: Validation = None,
    out: Out = None,
    resume: Resume = False,
    start_from: From = None,
    config: Config = None,
    print_config: PrintConfig = False,
    settings: Annotated[LanguageSettings, Parameter(name="*")] = LanguageSettings(),  # noqa: B008
) -> None:
    """Train a language model on text: a file, a folder of .txt files, or a dataset.

    Example: `elman train language --data book.txt --hidden-size 256 --epochs 5`
    """
    del config  # read before the flags
    _train(Language, settings, data, validation, out, resume, start_from, print_config)


@train.command(name="speech")
def train_speech(
    *,
    data: TrainingData = None,
    validation: Validation = None,
    out: Out = None,
    resume: Resume = False,
    start_from: From = None,
    config: Config = None,
    print_config: PrintConfig = False,
    settings: Annotated[SpeechSettings, Parameter(name="*")] = SpeechSettings(),  # noqa: B008
) -> None:
    """Train a recogniser of speech on recordings and their transcripts: a table with a row for
    each, a folder of sound with a .txt beside each, Kaldi's wav.scp and text, or a dataset.

    Example: `elman train speech --data recordings.csv --path file --text said`
    """
    del config  # read before the flags
    _train(Speech, settings, data, validation, out, resume, start_from, print_config)


def _train(
    kind: type[Task],
    settings: Any,
    data: str | None,
    validation: str | None,
    out: Path | None,
    resume: bool,
    start_from: str | None,
    print_config: bool,
) -> None:
    out = out or Path("runs") / kind.name
    if print_config:
        show.config(settings, data=data, validation=validation, out=str(out))
        return
    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to train on")
    task = kind(**settings.model_dump(exclude_unset=True))
    task.fit(data, validation, folder=out, resume=resume, start_from=start_from)
    show.trained(task, out)


@app.command
def predict(
    model: Model,
    /,
    *inputs: Annotated[str, Parameter(help="Texts, each in quotes, or sound files.")],
    data: Source = None,
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
    task = load(model)
    if isinstance(task, Speech):
        from elman import show_speech

        if (bool(inputs), data is not None, microphone).count(True) != 1:
            raise SettingsError("give either sound files, or --data, or --microphone")
        reader = None if language is None else load(language)
        if reader is not None and not isinstance(reader, Language):
            raise SettingsError(f"--language: {language} is a model of the task {reader.name}")
        wishes: dict[str, Any] = {"hot_words": hot_words, "language": reader}
        if microphone:
            show_speech.listen(task, wishes)
        else:
            found = task.transcribe(list(inputs) if inputs else data, **wishes)
            show_speech.transcripts(found, format or ("json" if json else "text"))
        return
    if format is not None or hot_words or language is not None or microphone:
        raise SettingsError("--format, --hot-word, --language and --microphone are for speech")
    if isinstance(task, Forecast):
        if inputs:
            raise SettingsError("a forecast is made of series: give --data FILE, or nothing")
        if plot is not None:
            check_picture(plot)
            task.forecasts(data).plot().savefig(plot, dpi=130)
        show.rows(task.rows(data), as_json=json)
        return
    if plot is not None:
        raise SettingsError(
            f"--plot draws forecasts, and {model} is a model of the task {task.name}"
        )
    if bool(inputs) == (data is not None):
        raise SettingsError("give either texts or --data FILE to predict")
    show.rows(task.rows(list(inputs) if inputs else data), as_json=json)


@app.command
def evaluate(model: Model, /, *, data: Source = None, json: AsJson = False) -> None:
    """Measure a model on data that it has not seen.

    Example: `elman evaluate runs/classify --data text_sst2:test`
    """
    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to evaluate on")
    task = load(model)
    if isinstance(task, Classify):
        report = task.report(data)
        show.metrics(report.metrics, as_json=json)
        if report.confusion is not None and not json:
            show.confusion(report.labels, report.confusion)
    elif isinstance(task, Forecast) and not json:
        show.table(task.backtest(data).summary())
    elif isinstance(task, Speech) and not json:
        from elman import show_speech

        show_speech.report(task.report(data))
    else:
        show.metrics(task.evaluate(data), as_json=json)


@app.command
def diagnose(
    model: Model,
    /,
    *,
    data: Source = None,
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
    found = examine(load(model), data, sequences=sequences, history=read_history(model))
    page = found.to_html(out or Path(model) / "diagnosis.html")
    if json:
        print(found.to_json())
    else:
        show.diagnosis(found, page)


@app.command
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


@app.command
def info(
    *,
    clear_kernels: Annotated[
        bool, Parameter(help="Remove the compiled kernels kept on disk.", negative="")
    ] = False,
) -> None:
    """Show versions, backends, cells and tasks of this machine's elman.

    Example: `elman info`
    """
    if clear_kernels:
        print(f"removed {cache.clear()} compiled kernels from {cache.folder()}")
        return
    show.info()


@app.command
def quickstart(
    *,
    out: Annotated[Path, Parameter(help="Where models and the report go.")] = Path("quickstart"),
) -> None:
    """Train three small models on real data in two minutes, and see what they do.

    Example: `elman quickstart`
    """
    from elman.quickstart import run

    run(out)


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exit status 2 and one line for what the user can mend."""
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app.config = _config_of(argv)
        with cli_signals.raised():
            app(argv, exit_on_error=False, print_error=False)
            sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        cause = error.__cause__
        _fail(in_one_line(cause) if isinstance(cause, ValidationError) else str(error))
    except ElmanError as error:
        _fail(str(error))
    except TrainingInterrupted as stop:
        print(f"elman: {stop}; the same command with --resume goes on", file=sys.stderr)
        sys.exit(128 + stop.signum)
    except KeyboardInterrupt as stop:
        print(cli_signals.MESSAGE, file=sys.stderr)
        sys.exit(128 + getattr(stop, "signum", signal.SIGINT))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # as if ended by SIGPIPE
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _config_of(argv: list[str]) -> tuple[Dict, ...]:
    """The settings file that --config names, for cyclopts to read under the flags."""
    for i, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == "--config":
            path = Path(value if equals else "".join(argv[i + 1 : i + 2]))
            if path == Path():
                raise SettingsError("--config names no file")
            settings = show.read_config(path)
            return (Dict({"train": dict.fromkeys(train, settings)}, source=str(path)),)
    return ()


def _fail(message: str) -> None:
    print(f"elman: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


cli_signals.imported()

if __name__ == "__main__":
    main()
