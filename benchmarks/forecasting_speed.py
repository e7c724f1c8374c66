"""Fit and predict on M4 hourly, beside neuralforecast's LSTM of as many parameters and steps.

    python -m venv nf && nf/bin/pip install -c constraints.txt neuralforecast==3.3.0 pandas
    python benchmarks/forecasting_speed.py --theirs nf/bin/python

Both get the same table (414 series, 353,500 rows), windows of 336 steps, 32 a training step, and
give 7 quantiles of 48 steps; one thread each, in processes of their own and in turn. What is timed
is from the table to the forecasts, without imports. Of elman that includes the calibration of its
intervals on held-out steps, which neuralforecast does not do when asked for quantiles.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HORIZON, SEASON, CONTEXT, BATCH = 48, 24, 336, 32
HEADER = f"{'':16}{'parameters':>12}{'seconds':>10}{'OWA':>8}"


def ours(frame: Any, steps: int, _size: int) -> tuple[int, Any]:
    from elman.tasks import Forecast

    task = Forecast(
        horizon=HORIZON,
        season=SEASON,
        context=CONTEXT,
        batch_size=BATCH,
        epochs=None,
        max_steps=steps,
    ).fit(frame, progress=False)
    found = task.predict()
    parameters = sum(p.numel() for p in task.model.parameters())
    return parameters, found["median"].to_numpy().reshape(-1, HORIZON)


def theirs(frame: Any, steps: int, size: int) -> tuple[int, Any]:
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MQLoss
    from neuralforecast.models import LSTM

    model = LSTM(
        h=HORIZON,
        input_size=CONTEXT,
        encoder_n_layers=1,
        encoder_hidden_size=size,
        decoder_hidden_size=size,
        loss=MQLoss(level=[50, 80, 95]),
        max_steps=steps,
        batch_size=BATCH,
        windows_batch_size=BATCH,
        learning_rate=3e-3,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(frame)
    found = forecaster.predict()
    order = {name: i for i, name in enumerate(frame["unique_id"].drop_duplicates())}
    found = found.sort_values(["unique_id", "ds"], key=lambda c: c.map(order).fillna(c))
    parameters = sum(p.numel() for p in model.parameters())
    return parameters, found["LSTM-median"].to_numpy().reshape(-1, HORIZON)


def work(who: str, folder: Path, steps: int, size: int) -> None:
    """In a process of its own."""
    import pandas as pd
    import torch
    import torch._dynamo  # optimisers import it, which takes seconds

    torch.set_num_threads(1)
    frame = pd.read_csv(folder / "frame.csv")
    if who == "theirs":
        import neuralforecast  # noqa: F401
    else:
        import elman.tasks  # noqa: F401
    start = time.perf_counter()
    parameters, medians = {"ours": ours, "theirs": theirs}[who](frame, steps, size)
    seconds = time.perf_counter() - start
    np.save(folder / f"{who}.npy", medians)
    print(json.dumps({"parameters": parameters, "seconds": seconds}))


def in_a_process(python: str, who: str, folder: Path, steps: int, size: int) -> dict[str, float]:
    command = [python, "-W", "ignore", __file__, "--worker", who, str(folder)]
    command += ["--steps", str(steps), "--size", str(size)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept | {"OMP_NUM_THREADS": "1"} if who == "theirs" else {**os.environ}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def as_large(parameters: int) -> int:
    """The units with which their model, an LSTM and a perceptron of one hidden layer, comes
    nearest to so many parameters."""
    sizes = range(16, 512)
    return min(
        sizes, key=lambda n: abs(4 * n * (n + 1) + 8 * n + n * (n + 1) + 7 * n + 7 - parameters)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--theirs", default=sys.executable, help="a Python with neuralforecast")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, help="units of their LSTM; as many parameters if none")
    parser.add_argument("--worker", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        who, name = arguments.worker
        work(who, Path(name), arguments.steps, arguments.size)
        return

    from elman.data import read_panel
    from elman.tasks.forecast import metrics

    before, after = read_panel("fc_m4_hourly:train"), read_panel("fc_m4_hourly:test")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with (folder / "frame.csv").open("w") as file:
            file.write("unique_id,ds,y\n")
            for series in before.series:
                for i, value in enumerate(series.y[:, 0]):
                    file.write(f"{series.name},{i + 1},{value}\n")
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
        size = arguments.size
        for _ in range(arguments.rounds):
            for who, python in (("ours", sys.executable), ("theirs", arguments.theirs)):
                if size is None and who == "theirs":
                    size = as_large(int(runs["ours"][0]["parameters"]))
                runs[who].append(in_a_process(python, who, folder, arguments.steps, size or 0))
        print(f"{arguments.steps} training steps, medians of {arguments.rounds} runs each, in turn")
        print(HEADER)
        medians = {}
        for who, name in (("ours", "elman"), ("theirs", "neuralforecast")):
            rows = [
                metrics.errors(f, a.y[:, 0], b.y[:, 0], SEASON)
                for f, a, b in zip(
                    np.load(folder / f"{who}.npy"), after.series, before.series, strict=True
                )
            ]
            mean = metrics.mean_of(rows)
            owa = metrics.owa(mean["smape"], mean["mase"], 18.382878, 2.39504)
            medians[who] = statistics.median(run["seconds"] for run in runs[who])
            parameters = int(runs[who][0]["parameters"])
            print(f"{name:16}{parameters:12,}{medians[who]:10.1f}{owa:8.3f}")
        print(f"elman is {medians['theirs'] / medians['ours']:.2f} times as fast")


if __name__ == "__main__":
    main()
