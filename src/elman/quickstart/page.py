"""The report page of the quickstart."""

import platform

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator

from elman import html
from elman.quickstart.lines import Lines
from elman.quickstart.outcome import Outcome
from elman.quickstart.stocks import Forecasts
from elman.quickstart.writer import Writer
from elman.version import __version__

GENERATOR = "elman quickstart"
SHOWN = {"AAPL": "Apple", "^GSPC": "The S&P 500 index"}


def page(forecasts: Forecasts, writer: Writer, lines: Lines, commands: list[str]) -> str:
    """The page, as HTML."""
    outcomes = (forecasts.outcome, writer.outcome, lines.outcome)
    seconds = sum(outcome.seconds for outcome in outcomes)
    sections = [
        html.Section("Results", [_summary(outcomes)]),
        _stocks(forecasts),
        _writer(writer),
        _lines(lines),
        html.Section(
            "Next steps",
            [
                html.text(
                    "Two of the models are saved in the folder of this page. Try them, then train"
                    " on your own data with elman train."
                ),
                html.preformatted("\n".join(commands)),
            ],
        ),
    ]
    lead = (
        f"Three recurrent networks, trained from nothing on real data in {seconds:.0f} seconds of"
        f" this machine: elman {__version__}, torch {torch.__version__},"
        f" Python {platform.python_version()}, one thread."
    )
    return html.page(GENERATOR, sections, lead=lead, generator=GENERATOR)


def _summary(outcomes: tuple[Outcome, ...]) -> str:
    rows = [
        (
            outcome.title,
            outcome.measure,
            shown(outcome, outcome.network),
            "; ".join(f"{shown(outcome, v)} ({name})" for name, v in outcome.baselines.items()),
            outcome.verdict,
        )
        for outcome in outcomes
    ]
    return html.table(
        ["model", "measure", "network", "trivial baselines", "verdict"],
        rows,
        caption="All figures are of data that no training step has seen.",
        stacked=True,
    )


def shown(outcome: Outcome, value: float) -> str:
    """A value of the outcome's measure, as people write it."""
    return f"{value:.1%}" if outcome.measure == "accuracy" else f"{value:.2f}"


def _facts(outcome: Outcome) -> str:
    return html.facts(
        {
            **outcome.settings,
            "parameters": f"{outcome.parameters:,}",
            "training": f"{outcome.seconds:.0f} s",
        }
    )


def _curve(outcome: Outcome, metric: str, label: str, caption: str) -> str:
    ax = html.axes("epoch", label)
    epochs = [entry["epoch"] for entry in outcome.history]
    marker = "o" if len(epochs) < 12 else ""
    ax.plot(epochs, [e[metric] for e in outcome.history], color=html.SERIES[0], marker=marker)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return html.chart(ax, caption)


def _stocks(forecasts: Forecasts) -> html.Section:
    outcome = forecasts.outcome
    figures = [_forecast(forecasts, name) for name in SHOWN]
    header = ["name", "network", "the same price again", "drift"]
    rows = [(name, *errors) for name, errors in forecasts.errors.items()]
    curve = _curve(
        outcome,
        "mae",
        "error, %",
        "Error on the months between training and test, on which the weights are chosen.",
    )
    return html.Section(
        outcome.title,
        [
            html.text(
                f"{outcome.data}. From the returns of a name and of the market up to this month, a"
                " network that all names share forecasts the next month's return. The baseline says"
                " that the price stays as it is; drift adds the mean return of the past."
            ),
            html.strong(f"{outcome.verdict[0].upper()}{outcome.verdict[1:]}."),
            html.text(
                "Do not expect more: a price already contains what the past says about it."
                " The curves look good nevertheless, since each forecast starts from the true"
                " price a month before and cannot be far away; only the comparison"
                " with the random walk shows what was learnt."
            ),
            _facts(outcome),
            html.charts(*figures, curve, _scatter(forecasts)),
            html.table(header, rows, caption=f"{outcome.measure.capitalize()}, of each name."),
        ],
    )


def _forecast(forecasts: Forecasts, name: str) -> str:
    i = forecasts.names.index(name)
    ax = html.axes("", f"price ({name})")
    ax.plot(forecasts.dates, forecasts.prices[:, i], color=html.SERIES[2], label="price")
    ax.plot(
        forecasts.dates,
        forecasts.predicted[:, i],
        color=html.SERIES[1],
        linewidth=1.2,
        linestyle="--",
        label="forecast a month before",
    )
    return html.chart(ax, f"{SHOWN[name]} in the months held out.")


def _scatter(forecasts: Forecasts) -> str:
    ax = html.axes("forecast change, %", "true change, %")
    forecast = 100 * (forecasts.predicted / forecasts.before - 1)
    true = 100 * (forecasts.prices / forecasts.before - 1)
    ax.scatter(forecast.ravel(), true.ravel(), s=6, color=html.SERIES[0], alpha=0.5)
    return html.chart(
        ax, "Forecast against true changes. Good forecasts would lie along a rising line."
    )


def _writer(writer: Writer) -> html.Section:
    outcome = writer.outcome
    curve = _curve(
        outcome, "bits_per_character", "bits per character", "On held-out text, during training."
    )
    bars = _bars(outcome, "Bits per character: fewer is better.")
    return html.Section(
        outcome.title,
        [
            html.text(
                f"{outcome.data}. Character by character, the network predicts the next one from"
                " all before; it generates text by sampling from these predictions. Duplicate"
                " paragraphs are removed, so that none is in both training and test data."
            ),
            html.strong(f"{outcome.verdict[0].upper()}{outcome.verdict[1:]}."),
            _facts(outcome),
            html.charts(bars, curve),
            html.text("What it writes, at temperature 0.6:"),
            html.preformatted(writer.sample),
        ],
    )


def _bars(outcome: Outcome, caption: str) -> str:
    values = {"network": outcome.network, **outcome.baselines}
    ax = html.axes(outcome.measure, "")
    places = np.arange(len(values))[::-1]
    colours = [html.SERIES[0], *[html.SERIES[2]] * len(outcome.baselines)]
    ax.barh(places, list(values.values()), color=colours, height=0.5)
    for place, (name, value) in zip(places.tolist(), values.items(), strict=True):
        ax.annotate(
            f"{name}: {shown(outcome, value)}",
            (0, place + 0.3),
            xytext=(2, 1),
            textcoords="offset points",
            color=html.INK,
            fontsize=12,
            va="bottom",
        )
    ax.set(yticks=[], ylim=(-0.5, len(values) - 0.3))
    ax.grid(visible=False)
    return html.chart(ax, caption)


def _lines(lines: Lines) -> html.Section:
    outcome = lines.outcome
    curve = _curve(outcome, "accuracy", "accuracy", "On held-out lines, during training.")
    header = ["line", "it is", "predicted", "probability"]
    return html.Section(
        outcome.title,
        [
            html.text(
                f"{outcome.data}. The network reads a line character by character in both"
                " directions; prose is a line of a docstring, without its quotes. Comments are easy"
                " to recognise by their first character, so a one-line rule is a baseline, too."
            ),
            html.strong(f"{outcome.verdict[0].upper()}{outcome.verdict[1:]}."),
            _facts(outcome),
            html.charts(_bars(outcome, "Accuracy: more is better."), curve),
            html.confusion(
                lines.labels,
                lines.confusion,
                caption="Number of lines by true kind (rows) and predicted kind (columns).",
            ),
            html.table(header, lines.right, caption="Some correct predictions."),
            html.table(header, lines.wrong, caption="The most confident mistakes."),
        ],
    )
