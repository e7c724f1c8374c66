"""The command that exports a trained model."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from elman.cli.model import Model
from elman.cli.standard_input import Source, readable, suffix_for
from elman.errors import SettingsError
from elman.tasks import load
from elman.tasks.commands import Commands


def export(
    model: Model,
    /,
    *,
    to: Annotated[str, Parameter(help="Format to write: onnx, c, wasm or library.")] = "onnx",
    out: Annotated[
        Path | None,
        Parameter(help="Folder or file to write.", show_default=False),
    ] = None,
    sequence: Annotated[
        bool, Parameter(help="Export only the form for whole sequences.", negative=())
    ] = False,
    streaming: Annotated[
        bool, Parameter(help="Export only one step with its state, for streaming.", negative=())
    ] = False,
    int8: Annotated[bool, Parameter(help="Quantise the weights to 8 bits.", negative=())] = False,
    target: Annotated[
        str | None,
        Parameter(help="Processor that the code is for, such as x86-64-v3 or aarch64."),
    ] = None,
    separate_weights: Annotated[
        bool,
        Parameter(help="With --to c, write the weights to a separate binary file.", negative=()),
    ] = False,
    data: Source = None,
    max_loss: Annotated[
        float,
        Parameter(help="With --int8, the largest relative loss of the metric that is accepted."),
    ] = 0.005,
) -> None:
    """Export a trained model."""
    from elman.export import export as write

    if out is None:
        raise SettingsError("--out is missing: name a folder or a file to write")
    if sequence and streaming:
        raise SettingsError("--sequence and --streaming: give one of them, or none for both")
    form = "sequence" if sequence else "step" if streaming else None
    options: dict[str, Any] = {
        "int8": int8,
        "target": target,
        "separate_weights": separate_weights,
        "max_loss": max_loss,
    }
    task = load(model)
    with readable(data, suffix_for(Commands.of(type(task)), task.settings)) as source:
        print(write(task, out, to, form=form, data=source, **options))
