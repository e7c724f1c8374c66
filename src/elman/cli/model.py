"""The commands that use a trained model: predict, evaluate, diagnose and generate."""

import re
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Group, Parameter, validators

from elman.cli import flags, output
from elman.cli.bench import AsJson
from elman.cli.standard_input import Source, Suffix, readable, suffix_for
from elman.data.delimited import check_delimiter
from elman.data.text.encodings import check_encoding
from elman.data.text.files import is_there, may_be_path
from elman.errors import SettingsError
from elman.tasks import load
from elman.tasks.commands import Commands, Flags

if TYPE_CHECKING:
    from elman.tasks import Task

Encoding = Annotated[
    str | None,
    Parameter(
        help="Encoding of the data, such as cp1251; if not given, that of training, or detected."
    ),
]
Delimiter = Annotated[
    str | None,
    Parameter(
        help="Field delimiter of a table, such as ';' or tab; if not given, that of"
        " training, or detected.",
        allow_leading_hyphen=True,
    ),
]
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=.*)?")
Model = Annotated[str, Parameter(help="Folder of a model, or owner/name on the Hugging Face hub.")]
if TYPE_CHECKING:
    PredictFlags: TypeAlias = Flags
    EvaluateFlags: TypeAlias = Flags
    GenerateFlags: TypeAlias = Flags
else:
    PredictFlags = flags.of_every_task("predict", without="out")
    EvaluateFlags = flags.of_every_task("evaluate")
    GenerateFlags = flags.of_every_task("generate")
_ALL = Parameter(name="*")
_FILES = Group.create_ordered("Many files")


def predict(
    model: Model,
    /,
    *inputs: Annotated[
        str,
        Parameter(
            help="Texts, each in quotes; or files of sound or video, a camera or a stream;"
            " - for standard input.",
            allow_leading_hyphen=True,
        ),
    ],
    data: Source = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    json: AsJson = False,
    out: Annotated[
        Path | None,
        Parameter(
            help="Folder for the predictions for Parquet files, which --data names as a"
            " file, a folder or a pattern; the same command continues an interrupted"
            " run. For models that predict frames: the file to write, .npz, .gif or"
            " .mp4.",
            group=_FILES,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        Parameter(
            help="Number of processes for the files of --out; 1 if not given.",
            validator=validators.Number(gte=1, lte=1024),
            group=_FILES,
        ),
    ] = None,
    column_prefix: Annotated[
        str | None,
        Parameter(help="Prefix for the names of the new columns in --out.", group=_FILES),
    ] = None,
    given: Annotated[PredictFlags, _ALL] = PredictFlags(),  # noqa: B008
) -> None:
    """Predict for texts, files or rows."""
    if unknown := [word for word in inputs if _OPTION.fullmatch(word)]:
        raise SettingsError(f"there is no option {unknown[0]} (elman predict --help)")
    task = _loaded(model, encoding, delimiter)
    own = flags.of_task(_commands(task).predict, given, "predict", task.name, model)
    if "out" in type(own).model_fields:  # a file, of frames
        own, out = own.model_copy(update={"out": out}), None
    if out is not None:
        _refuse("--out", texts=inputs, encoding=encoding, delimiter=delimiter, json=json)
        from elman.scale import predict_files

        if data is None:
            raise SettingsError("--out is for files: name them with --data, as 'in/*.parquet'")
        output.predicted(
            predict_files(
                model,
                data,
                out,
                workers=workers or 1,
                column_prefix=column_prefix or "",
                **own.options(),
            ),
            out,
        )
        return
    _refuse("predictions without --out", workers=workers, column_prefix=column_prefix)
    if data is not None and _is_pattern(data):
        raise SettingsError(
            f"--data {data} names several files: with --out FOLDER each gets one of predictions"
        )
    if inputs == ("-",) and data is None:
        inputs, data = (), "-"
    with readable(data, _suffix(task)) as source:
        output.parts(own.run(task, inputs, source, as_json=json), as_json=json)


def evaluate(
    model: Model,
    other: Annotated[
        str | None,
        Parameter(
            help="A second model of the same task to compare with on the same data: by"
            " paired bootstrap, or for forecasts by the Diebold-Mariano test.",
            show_default=False,
        ),
    ] = None,
    /,
    *,
    data: Source = None,
    against: Annotated[
        str | None, Parameter(help="The second model, given as a flag.", show_default=False)
    ] = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    json: AsJson = False,
    given: Annotated[EvaluateFlags, _ALL] = EvaluateFlags(),  # noqa: B008
) -> None:
    """Evaluate a model on labelled data, or compare two models."""
    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to evaluate on")
    if other is not None and against is not None:
        raise SettingsError(
            f"name one model to compare with, not both {other} and --against {against}"
        )
    other = against if other is None else other
    task = _loaded(model, encoding, delimiter)
    own = flags.of_task(_commands(task).evaluate, given, "evaluate", task.name, model)
    rival = None if other is None else _loaded(other, encoding, delimiter)
    with readable(data, _suffix(task)) as source:
        assert source is not None
        if rival is None:
            output.parts(own.run(task, source, as_json=json), as_json=json)
        else:
            output.comparison(own.compare(task, rival, source), model, str(other), as_json=json)


def diagnose(
    model: Model,
    /,
    *,
    data: Source = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    sequences: Annotated[int, Parameter(help="Number of sequences to analyse.")] = 16,
    out: Annotated[
        Path | None, Parameter(help="File of the report page; MODEL/diagnosis.html by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Diagnose a trained network on data."""
    from elman.diagnose.monitor import read_history
    from elman.diagnose.report import diagnose as examine

    if data is None:
        raise SettingsError("--data is missing: name a file or a dataset to diagnose on")
    task = _loaded(model, encoding, delimiter)
    with readable(data, _suffix(task)) as source:
        found = examine(task, source, sequences=sequences, history=read_history(model))
    page = found.to_html(out or Path(model) / "diagnosis.html")
    if json:
        print(found.to_json())
    else:
        output.diagnosis(found, page)


def generate(
    model: Model,
    prompt: Annotated[
        str,
        Parameter(
            help="Beginning of the text to continue; for handwriting, the text to write.",
            show_default=False,
        ),
    ] = "",
    /,
    *,
    given: Annotated[GenerateFlags, _ALL] = GenerateFlags(),  # noqa: B008
) -> None:
    """Generate text, printed as it is drawn, or handwriting."""
    task = load(model)
    kind = _commands(task).generate
    if kind is None:
        raise SettingsError(
            f"{model} is a model of the task {task.name}, which cannot generate; choose a model"
            f" of {' or '.join(flags.kinds('generate'))}"
        )
    own = flags.of_task(kind, given, "generate", task.name, model)
    output.parts(own.run(task, prompt), as_json=False)


def _loaded(model: str, encoding: str | None, delimiter: str | None) -> "Task":
    """The model, which reads text files with the settings given here, or those of training."""
    task = load(model)
    told = {"encoding": check_encoding(encoding), "delimiter": check_delimiter(delimiter)}
    told = {name: value for name, value in told.items() if value is not None}
    for name in told:
        if not hasattr(task.settings, name):
            raise SettingsError(
                f"--{name} is for tables; {model} is a model of the task {task.name}"
            )
    task.settings = task.settings.model_copy(update=told)
    return task


def _is_pattern(data: str) -> bool:
    """Whether these are files named by a pattern, and no text or file of its own."""
    from elman.scale.sources import matches

    return has_magic(data) and may_be_path(data) and not is_there(data) and bool(matches(data)[1])


def _refuse(what: str, **given: object) -> None:
    """Raise SettingsError for flags that are given and do not suit."""
    for name, value in given.items():
        if value:
            flag = name if name == "texts" else f"--{name.replace('_', '-')}"
            raise SettingsError(f"{flag} is not for {what}")


def _commands(task: "Task") -> Commands:
    return Commands.of(type(task))


def _suffix(task: "Task") -> Suffix:
    return suffix_for(_commands(task), task.settings)
