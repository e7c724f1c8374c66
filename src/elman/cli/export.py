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
    to: Annotated[str, Parameter(help="What to write: onnx, c, wasm or library.")] = "onnx",
    out: Annotated[
        Path | None,
        Parameter(help="A folder, or a file's name.", show_default=False),
    ] = None,
    sequence: Annotated[
        bool, Parameter(help="Only the form for whole sequences.", negative=())
    ] = False,
    streaming: Annotated[
        bool, Parameter(help="Only one step with its state, for streaming.", negative=())
    ] = False,
    int8: Annotated[bool, Parameter(help="Weights of 8 bits.", negative=())] = False,
    target: Annotated[
        str | None,
        Parameter(help="The machine that code is made for, as x86-64-v3 or aarch64."),
    ] = None,
    separate_weights: Annotated[
        bool,
        Parameter(help="In C, keep the weights in a binary file of their own.", negative=()),
    ] = False,
    data: Source = None,
    max_loss: Annotated[
        float, Parameter(help="With --int8, the share by which the metric may be worse.")
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
