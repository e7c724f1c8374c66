"""The forms of the forecasting model beside each other on a small real series.

    python benchmarks/forecasting_models.py temperatures
    python benchmarks/forecasting_models.py passengers student_t smoothing      # some forms

Each is trained once on what came before the test, with all other settings as they come.
"""

import sys
import time
import warnings
from typing import Any

from elman.data import read_panel
from elman.tasks import Forecast

FORMS: dict[str, dict[str, Any]] = {
    "quantiles": {},
    "smoothing": {"smoothing": True},
    "dilations": {"dilations": (1, 2, 4), "residual": True},
    "attention": {"attention": True},
    "student_t": {"head": "student_t"},
    "normal": {"head": "normal"},
    "negative_binomial": {"head": "negative_binomial"},
}
CASES = {  # data, horizon, steps of the test, steps from one forecast to the next
    "temperatures": ("fc_small_series/temperatures", 7, 364, 7),
    "passengers": ("fc_small_series/passengers", 12, 24, 1),
    "vix": ("fc_vix_daily", 5, 500, 5),
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in CASES or set(sys.argv[2:]) - set(FORMS):
        sys.exit(f"name one of {', '.join(CASES)}, and forms among {', '.join(FORMS)}")
    data, horizon, steps, apart = CASES[sys.argv[1]]
    panel = read_panel(data)
    for name in sys.argv[2:] or FORMS:
        if name == "negative_binomial" and sys.argv[1] != "passengers":
            continue  # the others are no counts
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those that are of no use are in the table, too
            task = Forecast(horizon=horizon, **FORMS[name])
            task.fit(panel.cut(steps), progress=False)
        fitted = time.perf_counter()
        windows = (steps - horizon) // apart + 1
        found = task.backtest(panel, n_windows=windows, step_size=apart)
        figures = found.metrics["model"]
        print(
            f"{name:18} MAE {figures['mae']:7.3f}  quantile loss {figures['wql']:.4f}"
            f"  80 % hold {100 * figures['coverage_80']:4.1f} %  fit {fitted - start:4.0f} s,"
            f" test {time.perf_counter() - fitted:4.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
