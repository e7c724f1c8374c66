"""Next month's prices of ten stocks and indices, by one small network for all of them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import elman
from elman.data.datasets.builtin import Series, stocks
from elman.quickstart.baselines import error
from elman.quickstart.outcome import Outcome, described
from elman.tasks.batches import Padded, PaddedBatches
from elman.tasks.model import FeatureEncoder, SequenceModel
from elman.train import Step, TrainSettings, fit

Array = NDArray[np.float64]
TEST, VALIDATION = 0.2, 0.1  # shares of the months, the last ones and those before
WINDOW, STRIDE = 60, 6  # months


class NextReturn(nn.Module):
    """The next log return at every step: (T, B, H) to (T, B), in units of `deviation`."""

    def __init__(self, size: int, deviation: float) -> None:
        super().__init__()
        self.linear = nn.Linear(size, 1)
        self.deviation = deviation

    def forward(self, output: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """The forecasts; lengths do not matter to them."""
        forecast: Tensor = self.linear(output).squeeze(-1) * self.deviation
        return forecast


@dataclass(frozen=True)
class Forecasts:
    """The months held out: names, dates (M,), and prices (M, N).

    Of the prices, `before` are those of a month before, from which the forecasts were made.

    `errors` has a row a name: network, random walk and drift, each in percent.
    """

    outcome: Outcome
    names: tuple[str, ...]
    dates: NDArray[np.datetime64]
    before: Array
    prices: Array
    predicted: Array
    errors: dict[str, tuple[float, float, float]]


def train(epochs: int, *, seed: int = 0, progress: bool = True) -> Forecasts:
    """Train on the first months, choose the weights on later ones, forecast the last."""
    series = stocks()
    features, returns = _features(series)
    months = len(returns)
    test, validation = round(months * (1 - TEST)), round(months * (1 - TEST - VALIDATION))
    settings = TrainSettings(
        epochs=epochs, batch_size=16, lr=3e-3, weight_decay=0.1, seed=seed, device="cpu"
    )
    windows, targets = _windows(features[:validation], returns[:validation])
    deviation, mean = torch.std_mean(torch.cat(windows), 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SequenceModel(
            FeatureEncoder(mean, deviation),
            elman.GRU(len(mean), 24),
            NextReturn(24, float(deviation[0])),
        )

    def loss(model: SequenceModel, batch: Padded, _: None) -> Step:
        forecast = model(batch.inputs)[0]
        return Step((forecast - batch.targets.T).abs().mean(), batch.targets.numel())

    def evaluate(model: SequenceModel) -> dict[str, float]:
        predicted = _forecast(model, features)
        return {"mae": error(predicted[validation:test], returns[validation:test])}

    batches = PaddedBatches(windows, targets, settings.batch_size, seed=seed)
    result = fit(
        model, batches, loss, settings=settings, evaluate=evaluate, metric="mae", progress=progress
    )
    predicted, true = _forecast(model.eval(), features)[test:], returns[test:]
    drift = float(np.nanmean(returns[:validation]))
    walk = error(0.0, true)
    network = error(predicted, true)
    outcome = Outcome(
        title="Next month's stock prices",
        data=f"{len(series.names)} names, {months + 1} months from {series.dates[0]:.7} on;"
        f" measured on the last {months - test}",
        verdict=_verdict(predicted, true),
        measure="mean absolute error, % of the price",
        network=network,
        baselines={"the same price again": walk, "drift": error(drift, true)},
        settings={
            "cell": "gru",
            "hidden size": 24,
            **described(settings, "epochs", "batch_size", "lr"),
        },
        parameters=sum(p.numel() for p in model.parameters()),
        seconds=result.seconds,
        history=result.history,
    )
    errors = {
        name: (error(predicted[:, i], true[:, i]), error(0.0, true[:, i]), error(drift, true[:, i]))
        for i, name in enumerate(series.names)
    }
    before = series.values[test:-1]
    return Forecasts(
        outcome,
        series.names,
        series.dates[test + 1 :],
        before,
        series.values[test + 1 :],
        before * np.exp(predicted),
        errors,
    )


def _features(series: Series) -> tuple[Array, Array]:
    """Of each month and name the log return and the mean one of all; and the next return.

    Shapes (M, N, 2) and (M, N), NaN before a name's first return. Row m is what is known at the end
    of month m; month 0, which has no return, is as if nothing had changed.
    """
    returns = np.diff(np.log(series.values), axis=0)
    known = np.concatenate([np.where(np.isnan(returns[:1]), np.nan, 0.0), returns[:-1]])
    market = np.broadcast_to(np.nanmean(known, axis=1, keepdims=True), known.shape)
    return np.stack([known, market], -1), returns


def _windows(features: Array, returns: Array) -> tuple[list[Tensor], Tensor]:
    """Stretches of one name each without gaps: inputs (WINDOW, F), and targets (B, WINDOW)."""
    starts = range(0, len(returns) - WINDOW + 1, STRIDE)
    cuts = [(slice(start, start + WINDOW), i) for i in range(returns.shape[1]) for start in starts]
    whole = [cut for cut in cuts if not np.isnan(features[cut]).any()]
    inputs = [torch.from_numpy(features[cut]).float() for cut in whole]
    return inputs, torch.from_numpy(np.stack([returns[cut] for cut in whole])).float()


@torch.inference_mode()
def _forecast(model: SequenceModel, features: Array) -> Array:
    """The next log return at every month of every name (M, N); NaN where a name has no past."""
    forecasts = np.full(features.shape[:2], np.nan)
    for i in range(features.shape[1]):
        months = np.flatnonzero(~np.isnan(features[:, i]).any(-1))
        inputs = torch.from_numpy(features[months, i]).float().unsqueeze(1)
        forecasts[months, i] = model(inputs)[0][:, 0].double().numpy()
    return forecasts


def _verdict(predicted: Array, true: Array) -> str:
    """Whether the network beats the random walk, by more than chance over the months."""
    gain = np.abs(np.expm1(true)) - np.abs(np.expm1(predicted) - np.expm1(true))
    monthly = 100 * np.nanmean(gain, axis=1)
    mean, noise = monthly.mean(), monthly.std(ddof=1) / np.sqrt(len(monthly))
    by = f"{abs(mean):.2f} points {'better' if mean > 0 else 'worse'}, noise ± {2 * noise:.2f}"
    return f"{'beats' if mean > 2 * noise else 'does not beat'} the random walk ({by})"
