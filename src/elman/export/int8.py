"""What int8 weights cost: the task's metric with and without them."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from elman.errors import ExportError
from elman.export.cases import cases
from elman.nn.export_spec import ExportSpec, Run


def judge(
    spec: ExportSpec, runs: Mapping[str, Run], quantised: Mapping[str, Run], data: Any, most: float
) -> str:
    """A line that says what int8 costs; `runs` are those with float32 weights.

    Raises `ExportError` where the task's metric on the data is worse by a share above `most`.
    """
    if data is None or spec.metrics is None or spec.objective is None:
        errors = [_difference(spec, name, runs[name], quantised[name]) for name in quantised]
        why = "no validation data was given" if data is None else "the model has none to measure"
        return (
            f"int8: outputs differ by up to {max(errors):.1e} of their largest value; no metric was"
            f" compared: {why}"
        )
    name, more_is_better = spec.objective
    before, after = (spec.metrics(each, data)[name] for each in (runs, quantised))
    worse = (before - after if more_is_better else after - before) / max(abs(before), 1e-12)
    line = f"int8: {name} {before:.4f} -> {after:.4f}, {_share(worse)}"
    if not worse <= most:
        raise ExportError(
            f"{line}: more than the {most:.1%} that are allowed; export float32 weights, or allow"
            " more"
        )
    return line


def _share(worse: float) -> str:
    if not math.isfinite(worse):
        return "no number"
    return f"{abs(worse):.2%} {'worse' if worse > 0 else 'better'}"


def _difference(spec: ExportSpec, name: str, run: Run, quantised: Run) -> float:
    """The largest difference of an output on generated inputs, relative to its largest value."""
    found = [0.0]
    for _, inputs in cases(spec, name):
        expected, actual = run(inputs), quantised(inputs)
        for output, value in expected.items():
            if value.numel() and value.dtype == torch.float32:
                scale = value.abs().max().clamp(min=1e-3)
                found.append(float((actual[output] - value).abs().max() / scale))
    return max(found)
