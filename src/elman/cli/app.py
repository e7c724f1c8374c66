"""The command line: it parses, and calls what a notebook would call."""

import io
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TextIO

import cyclopts
from cyclopts import App
from cyclopts.config import Dict
from pydantic import ValidationError

from elman.cli import signals, workers
from elman.errors import ElmanError, SettingsError, WorkerLostError
from elman.train.types import TrainingInterrupted
from elman.train.workers.environment import LOST
from elman.version import __version__

_COMMANDS = {  # each imported when it is used: where it is, and what it says of itself
    "train": ("elman.cli.train:app", "Train a model on your data; each task has a command."),
    "predict": (
        "elman.cli.model:predict",
        """Predict for texts, for files of sound, ink or video, or for the rows of --data.

        Without data, a forecaster continues the series that it was trained on.

        Example: `elman predict runs/classify "a funny film" "a long string of cliches"`

        Example: `elman predict runs/speech talk.wav --format srt > talk.srt`

        Example: `elman predict runs/classify --data 'in/*.parquet' --out out/ --workers 2`
        """,
    ),
    "evaluate": (
        "elman.cli.model:evaluate",
        """Evaluate a model on labelled data, or compare two models on the same data.

        Example: `elman evaluate runs/classify --data text_sst2:test`
        """,
    ),
    "generate": (
        "elman.cli.model:generate",
        """Generate text with a language model, or handwriting with a synthesis model.

        Example: `elman generate runs/language "ROMEO:" --length 300 --temperature 0.8 --seed 1`
        """,
    ),
    "serve": (
        "elman.cli.serve:serve",
        """Serve trained models over HTTP and WebSocket.

        Example: `elman serve runs/speech runs/language --token-file token --port 8000`
        """,
    ),
    "diagnose": (
        "elman.cli.model:diagnose",
        """Diagnose how a trained network learns: gradient through time, Jacobians, gates.

        Example: `elman diagnose runs/classify --data text_sst2:validation`
        """,
    ),
    "export": (
        "elman.cli.export:export",
        """Export a trained model to files that need neither elman nor torch.

        The results of the files are compared with those of the model before they are written.

        Example: `elman export runs/classify --to onnx --out exported --data text_sst2:validation`
        """,
    ),
    "tune": ("elman.cli.tune:app", "Search for the best settings for your data."),
    "data": ("elman.cli.data:data_app", "Check your data, or list and download known datasets."),
    "bench": ("elman.cli.bench:bench_app", "Measure speed and memory on this machine."),
    "info": (
        "elman.cli.info:info",
        """Show the versions, backends, cells and tasks that are installed on this machine.

        Example: `elman info`
        """,
    ),
    "quickstart": (
        "elman.cli.quickstart:quickstart",
        """Train three small models on real data in two minutes, and write a report page.

        Example: `elman quickstart`
        """,
    ),
}
_LONGEST_MESSAGE = 2000  # characters

app = App(
    name="elman",
    help="Recurrent neural networks, from the equation to the service.",
    version=__version__,
    result_action="return_value",
    help_format="markdown",
    suppress_keyboard_interrupt=False,  # main says how to go on
)
for _name, (_path, _help) in _COMMANDS.items():
    app.command(_path, name=_name, help=_help)


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exit status 2 and one line for what the user can mend."""
    argv = sys.argv[1:] if argv is None else argv
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        _run(argv)


def _current(argv: list[str]) -> list[str]:
    """The words of a training command with old names of settings replaced by today's."""
    from elman.tasks.registry import TASKS, commands_of

    if len(argv) < 2 or argv[0] not in ("train", "tune") or argv[1] not in TASKS:
        return argv
    renamed: list[str] = commands_of(argv[1]).settings.current_flags(argv)
    return renamed


def _run(argv: list[str]) -> None:
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show is no reason to stop
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with signals.raised():
            argv = _current(argv)
            app.config = _config_of(argv)
            with workers.command_line(argv):
                app(argv, exit_on_error=False, print_error=False)
            sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        from elman.tasks.settings import in_one_line

        cause = error.__cause__
        _fail(in_one_line(cause) if isinstance(cause, ValidationError) else str(error))
    except WorkerLostError as error:
        _fail(str(error), LOST)
    except ElmanError as error:
        _fail(str(error))
    except TrainingInterrupted as stop:
        print(f"elman: {stop}; the same command with --resume continues", file=sys.stderr)
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
            from elman.cli.settings_file import read_config
            from elman.tasks.registry import TASKS, commands_of

            settings = read_config(path)
            by_task = {name: commands_of(name).settings.current(settings) for name in TASKS}
            return (Dict({"train": by_task, "tune": by_task}, source=str(path)),)
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


def _fail(message: str, status: int = 2) -> None:
    line = " ".join(message.split())
    line = line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
    print(f"elman: {workers.name()}error: {line}", file=sys.stderr)
    sys.exit(status)


signals.imported()
