"""The command line: it parses, and calls what a notebook would call."""

import io
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, TextIO

import cyclopts
from cyclopts import App, Group, Parameter
from cyclopts.config import Dict
from pydantic import BaseModel, ValidationError

from elman.cli import output, signals
from elman.cli.bench import bench_app
from elman.cli.data import data_app
from elman.cli.model import Source, diagnose, evaluate, generate, predict
from elman.cli.standard_input import readable, suffix_for
from elman.compiler import cache
from elman.data.validation import Settings
from elman.errors import ElmanError, SettingsError
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
)
from elman.tasks.settings import RecurrentSettings, in_one_line
from elman.train import TrainingInterrupted, TrainSettings
from elman.version import __version__

app = App(
    name="elman",
    help="Recurrent neural networks, from the equation to the service.",
    version=__version__,
    result_action="return_value",
    help_format="markdown",
    suppress_keyboard_interrupt=False,  # main says how to go on
)
train = App(name="train", help="Train a model on your data; each task has a command.")
app.command(train)
app.command(data_app)
app.command(bench_app)
for _command in (predict, evaluate, diagnose, generate):
    app.command(_command)

OF_DATA, OF_TASK, OF_NETWORK, OF_TRAINING = (
    Group.create_ordered(name) for name in ("Data and files", "Task", "Network", "Training")
)


_LONGEST_MESSAGE = 2000  # characters
_LISTS = ("target", "past", "future", "static")
_COLUMNS = {
    *("text", "label", "features", "path", "separator", "audio_folder", "channel"),
    *("id", "time", *_LISTS),
    *("encoding", "delimiter"),
}


def _grouped(settings: type[BaseModel]) -> None:
    """Have the settings listed in help under what they are about, the task's own first."""
    for name, field in settings.model_fields.items():
        group = OF_NETWORK if name in RecurrentSettings.model_fields else OF_TASK
        group = OF_TRAINING if name in TrainSettings.model_fields else group
        group = OF_DATA if name in _COLUMNS else group
        field.metadata.append(Parameter(group=group))


_SETTINGS: dict[str, type[Settings]] = {
    "classify": ClassifySettings,
    "forecast": ForecastSettings,
    "language": LanguageSettings,
    "speech": SpeechSettings,
}
for _settings in _SETTINGS.values():
    _grouped(_settings)

TrainingData = Annotated[Source, Parameter(group=OF_DATA)]
Validation = Annotated[
    str | None,
    Parameter(
        help="Data to choose the best weights by; else a share is held out.",
        allow_leading_hyphen=True,
        group=OF_DATA,
    ),
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
        output.config(settings, data=data, validation=validation, out=str(out))
        return
    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to train on")
    if data == validation == "-":
        raise SettingsError("--data - and --validation -: standard input can be read only once")
    task = kind(**settings.model_dump(exclude_unset=True))
    suffix = suffix_for(task)
    with readable(data, suffix) as train_data, readable(validation, suffix) as held_out:
        task.fit(train_data, held_out, folder=out, resume=resume, start_from=start_from)
    output.trained(task, out)


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
    output.info()


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
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        if len(argv) > 1 and argv[0] == "train" and (settings := _SETTINGS.get(argv[1])):
            argv = settings.current_flags(argv)
        _run(argv)


def _run(argv: list[str]) -> None:
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app.config = _config_of(argv)
        with signals.raised():
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
        print(signals.MESSAGE, file=sys.stderr)
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
            settings = output.read_config(path)
            by_task = {name: kind.current(settings) for name, kind in _SETTINGS.items()}
            return (Dict({"train": by_task}, source=str(path)),)
    return ()


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,
    line: str | None = None,  # noqa: ARG001
) -> None:
    lead = "" if issubclass(category, UserWarning) else f"{category.__name__}: "
    print(f"elman: warning: {lead}{' '.join(str(message).split())}", file=file or sys.stderr)


def _fail(message: str) -> None:
    line = " ".join(message.split())
    line = line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
    print(f"elman: error: {line}", file=sys.stderr)
    sys.exit(2)


signals.imported()

if __name__ == "__main__":
    main()
