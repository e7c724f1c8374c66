"""The commands `elman bench`: speed and memory on this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from elman.cli import output

bench_app = App(name="bench", help="Measure speed and memory on this machine.")
AsJson = Annotated[
    bool, Parameter(name="--json", help="Print JSON.", negative="", show_default=False)
]


def _several(text: str) -> Parameter:
    """A flag that takes one word or more: `--cells gru rnn`."""
    return Parameter(help=text, negative="", consume_multiple=True, show_default=False)


@bench_app.command(name="layers")
def bench_layers(
    *,
    cells: Annotated[
        tuple[str, ...],
        _several("Cells to measure; lstm, gru, rnn and peephole_lstm if none are named."),
    ] = (),
    shapes: Annotated[
        tuple[str, ...],
        _several("T,B,I,H each, such as 100,32,128,128: steps, batch, inputs, hidden units."),
    ] = (),
    modes: Annotated[
        tuple[str, ...],
        _several("Of inference, train, step, step-train, ragged, bfloat16, gates; all by default."),
    ] = (),
    rivals: Annotated[
        tuple[str, ...],
        _several(
            "Of torch.nn, loop, torch.compile, jax, onnxruntime; by default all that are"
            " installed, without torch.compile, which takes a minute to compile each loop."
        ),
    ] = (),
    seconds: Annotated[float, Parameter(help="Seconds for each comparison.")] = 1.0,
    json: AsJson = False,
    markdown: Annotated[
        bool,
        Parameter(help="Print Markdown tables.", negative="", show_default=False),
    ] = False,
    plot: Annotated[
        Path | None, Parameter(help="Also draw the ratios to this file (.png, .svg, .pdf).")
    ] = None,
) -> None:
    """Compare compiled layers with torch.nn, a loop over the equations, jax and ONNX Runtime.

    Example: `elman bench layers --cells gru rnn --modes inference train --plot ratios.png`
    """
    from elman import bench

    bench.report(
        bench.comparisons(
            cells or bench.CELLS,
            [bench.parse_shape(shape) for shape in shapes] or bench.SHAPES,
            seconds,
            modes or bench.MODES,
            rivals,
        ),
        seconds,
        as_json=json,
        as_markdown=markdown,
        plot_path=plot,
    )


@bench_app.command(name="time")
def bench_time(
    *,
    cells: Annotated[
        tuple[str, ...], _several("Cells to measure; gru and lstm if none are named.")
    ] = (),
    shapes: Annotated[
        tuple[str, ...],
        _several("T,B,I,H each, such as 8192,1,256,256: steps, batch, inputs, hidden units."),
    ] = (),
    modes: Annotated[tuple[str, ...], _several("Of inference, train; both by default.")] = (),
    chunks: Annotated[
        int | None,
        Parameter(
            help="Numbers of chunks per sequence to try; by default 8 chunks for the sequences"
            " of a batch."
        ),
    ] = None,
    seconds: Annotated[float, Parameter(help="Seconds for each comparison.")] = 1.0,
    json: AsJson = False,
    markdown: Annotated[
        bool,
        Parameter(help="Print Markdown tables.", negative="", show_default=False),
    ] = False,
) -> None:
    """Compare long sequences computed in parallel chunks with the same sequences unchunked.

    Also compare the minimal GRU, an affine recurrence, with torch.nn.GRU.

    Example: `elman bench time --cells gru --shapes 8192,1,256,256 --modes inference`
    """
    from elman import bench
    from elman.bench import chunks as parallel

    bench.report(
        bench.time_comparisons(
            cells or parallel.CELLS,
            [bench.parse_shape(shape) for shape in shapes] or parallel.SHAPES,
            modes or parallel.MODES,
            chunks,
            seconds,
        ),
        seconds,
        as_json=json,
        as_markdown=markdown,
    )


@bench_app.command(name="memory")
def bench_memory(
    *,
    cells: Annotated[
        tuple[str, ...],
        _several(
            "Of rnn, irnn, lstm, gru, and lstm_default and gru_default, initialised as in torch.nn;"
            " the first four if none are named."
        ),
    ] = (),
    tasks: Annotated[
        tuple[str, ...], _several("Of adding, copy, recall; adding and copy if none are named.")
    ] = (),
    lags: Annotated[
        tuple[int, ...], _several("Steps to remember; 10, 30, 100, 300 and 1000 if none are named.")
    ] = (),
    steps: Annotated[
        int, Parameter(help="Maximum number of training steps for each training.")
    ] = 6000,
    seconds: Annotated[
        float, Parameter(help="Maximum time for each training, in seconds.")
    ] = 600.0,
    hidden_size: Annotated[int, Parameter(help="Hidden units.")] = 64,
    out: Annotated[Path | None, Parameter(help="File of a page with charts.")] = None,
    json: AsJson = False,
) -> None:
    """Train cells on memory tasks with growing lags, and compare the reach with its prediction.

    Example: `elman bench memory --cells rnn gru --tasks adding --lags 10 100`
    """
    import torch

    from elman.bench import memory

    cells, tasks = cells or memory.TEXTBOOK, tasks or memory.STORY
    lags = lags or memory.LAGS
    memory.check(cells, tasks, lags)
    options = {"steps": steps, "seconds": seconds, "hidden_size": hidden_size}
    torch.set_flush_denormal(True)  # gradients that vanish pass through such numbers, slowly
    try:
        output.memory(memory.memory(cells, tasks, lags, **options), out, as_json=json)
    finally:
        torch.set_flush_denormal(False)
