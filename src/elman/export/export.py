"""Export a model: build, compare with the model, then write."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from elman.errors import ExportError
from elman.export import place
from elman.export.int8 import judge
from elman.export.network import network_of, ready
from elman.export.parity import check
from elman.export.report import Checked, Exported
from elman.export.targets import TARGETS, Options, Target, named
from elman.folders import path_of
from elman.messages import shown
from elman.nn.export_spec import ExportSpec
from elman.version import __version__

FORMS = ("sequence", "step")
_BATCHES = 3  # of the data, on which a target is compared with the model


def export(
    model: Any,
    path: Path | str,
    to: str = "onnx",
    *,
    form: str | None = None,
    int8: bool = False,
    target: str | None = None,
    separate_weights: bool = False,
    data: Any = None,
    max_loss: float = 0.005,
) -> Exported:
    """Write a model as files for another runtime, if their numbers are the model's.

    **Arguments:**

    - `model`: a trained task, as `elman.load` gives it, a layer, a `SequenceModel` or an
      `EncoderDecoder`; or another module with a method `export_spec`.
    - `path`: a folder, or a file's name with the ending of `to`, such as "digits.onnx", where only
      one graph is written.
    - `to`: what is written, a name in `elman.export.targets.TARGETS`.
    - `form`: `"sequence"` (whole sequences with lengths) or `"step"` (one step with its state,
      for streaming); all that the model has if None.
    - `int8`: weights as whole numbers of 8 bits.
    - `target`: the machine that code is made for, such as "x86-64-v3"; not for ONNX.
    - `separate_weights`: in C, keep the weights in a binary file beside the source, not within it.
    - `data`: validation data, on which the files are compared with the model, and int8's metric is
      measured.
    - `max_loss`: with `int8`, by which share the task's metric may be worse.

    **Returns:** an `Exported`: files, errors, notes. Raises `ExportError` where the model or one
    of its parts cannot be exported or a number differs, and `FileError` where a file cannot be
    written; then nothing is written.

    >>> import tempfile, elman
    >>> done = export(elman.GRU(3, 5), tempfile.mkdtemp(), to="onnx")
    >>> [path.name for path in done.files]
    ['sequence.onnx', 'step.onnx', 'preprocess.json']
    """
    chosen = named(to)
    if form not in (None, *FORMS):
        raise ExportError(f"form={shown(form)}: it is {' or '.join(FORMS)}, or None for both")
    if not isinstance(max_loss, int | float) or not 0 <= max_loss <= 1:
        raise ExportError(f"max_loss={shown(max_loss)}: a share from 0 to 1 is needed")
    with ready(network_of(model)):
        spec = _spec(model)
        names = _names(spec, form)
        folder, main = _place(path_of(path, "path"), chosen, names)
        place.check(folder, place.beside(main))
        name = Path(main).stem if main else "model"
        options = Options(name, int8, target, separate_weights, spec.preprocessing)
        files, checked, notes = _built(spec, names, chosen, options, data, max_loss)
    if main is not None and len(files) == 1:
        files = {main: next(iter(files.values()))}
    report = [*map(str, checked), *notes]
    described = {"elman": __version__, "parity": report, **spec.preprocessing}
    if learnt := _first_states(spec, names):
        described["first_states"] = learnt
    paths = place.write(folder, files, described, place.beside(main))
    return Exported(paths, checked, tuple(notes))


def _built(
    spec: ExportSpec, names: list[str], to: Target, options: Options, data: Any, max_loss: float
) -> tuple[dict[str, bytes], tuple[Checked, ...], list[str]]:
    """The files' contents, after they were compared with the model."""
    build, graphs = to.load(), {name: spec.graph(name) for name in names}
    built = build(graphs, replace(options, int8=False))
    checked: tuple[Checked, ...] = ()
    notes = [*spec.notes, *built.notes]
    if built.unchecked is None:
        given = [] if data is None or spec.batches is None else spec.batches(data)
        real = [each for each, _ in zip(given, range(_BATCHES), strict=False)]
        written = [name for name in names if name in built.runs]
        checked = check(spec, written, built.runs, real, padding=built.has_padding)
    else:
        notes.append(f"not compared with the model: {built.unchecked}")
    if options.int8:
        runs, built = built.runs, build(graphs, options)
        if built.unchecked is None:
            notes.append(judge(spec, runs, built.runs, data, max_loss))
    report = "\n".join([*map(str, checked), *notes])
    return (
        dict(built.files({"elman": __version__, **spec.metadata, "parity": report})),
        checked,
        notes,
    )


def _spec(model: Any) -> ExportSpec:
    if not hasattr(model, "export_spec"):
        raise ExportError(
            f"{type(model).__name__} cannot be exported: it has no export_spec; layers,"
            " SequenceModel, EncoderDecoder and tasks have one"
        )
    spec: ExportSpec = model.export_spec()
    return spec


def _names(spec: ExportSpec, form: str | None) -> list[str]:
    """The graphs that are asked for."""
    if form is None:
        return list(spec.graphs)
    spec.graph(form)
    return [name for name in spec.graphs if name == form or name not in FORMS]


def _first_states(spec: ExportSpec, names: list[str]) -> dict[str, dict[str, Any]]:
    """Of each graph the states that do not begin with zeros, for a batch of one."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        graph = spec.graph(name)
        firsts = {before.name: graph.first[before.name] for before, _ in graph.states}
        if own := {state: first.tolist() for state, first in firsts.items() if first.any()}:
            found[name] = own
    return found


def _place(path: Path, to: Target, names: list[str]) -> tuple[Path, str | None]:
    """The folder, and the name of the file that the others are named after, if one is given."""
    other = [name for name, each in TARGETS.items() if each.ending == path.suffix]
    if path.suffix != to.ending and other:
        raise ExportError(
            f"{path} ends in {path.suffix}, as files of {other[0]} do: name a folder, or a file"
            f" that ends in {to.ending}"
        )
    if path.suffix != to.ending:
        return path, None
    if to.ending == ".onnx" and len(names) > 1:
        raise ExportError(
            f"{path} holds one graph, and there are {' and '.join(names)}: choose a form, or name a"
            " folder"
        )
    return path.parent, path.name
