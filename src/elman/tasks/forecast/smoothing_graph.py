"""How one step of exponential smoothing is described in a graph to export."""

from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

from elman.nn import graph_ops as ops
from elman.nn.graph import Graph, Value

if TYPE_CHECKING:
    from elman.tasks.forecast.smoothing import Smoothing


def split(
    graph: Graph, smoothing: "Smoothing", features: Value, series: Value
) -> tuple[Value, Value]:
    """Features (B, F + 2 K) and the number of each series, 0 for a new one, (B,), to the
    recurrence's features (B, F + K) and the forecasts (B, h, K), as `Smoothing.split` has them."""
    keys, width = smoothing.targets, int(features.shape[-1])
    x, known = (ops.cut(graph, features, -1, i * keys, (i + 1) * keys) for i in range(2))
    ratio = ops.cut(graph, features, -1, width - 2 * keys, width - keys)
    moved = ops.cut(graph, features, -1, width - keys, width)
    forecast, errors = _step(graph, smoothing, (x, known, ratio, moved), series)
    own = ops.cut(graph, features, -1, 0, width - 2 * keys)
    return ops.concat(graph, -1, own, errors), forecast


def _step(
    graph: Graph, smoothing: "Smoothing", given: tuple[Value, ...], series: Value
) -> tuple[Value, Value]:
    x, known, ratio, moved = given
    seasons, keys = smoothing.seasons, smoothing.targets

    def do(name: str, *operands: Value | float) -> Value:
        return ops.apply(graph, name, *operands)

    def number(condition: Value) -> Value:
        return ops.cast(graph, condition)

    before_all = graph.state("smoothing", np.zeros((2 + sum(seasons), 1, keys)))
    parts = [ops.cut(graph, before_all, 0, i, i + 1) for i in range(2)]
    before, level = (ops.reshape(graph, part, "B", keys) for part in parts)
    starts = np.cumsum([2, *seasons]).tolist()
    lists = [ops.cut(graph, before_all, 0, a, b) for a, b in pairwise(starts)]
    is_real = do("gt", ratio, 0.0)
    real = number(is_real)
    size = do("where", is_real, do("div", 1.0, do("maximum", ratio, 1e-12)), 1.0)
    shift = do("neg", do("mul", do("mul", moved, size), real))
    y = do("add", shift, do("mul", size, x))
    season = float(seasons[0])
    begun = do("mul", number(do("ge", before, season)), real)
    opening = do("mul", do("sub", 1.0, begun), real)
    slots = graph.constant("slots", np.arange(season)[:, None, None])
    left = do("and", do("ge", slots, do("sub", season, before)), do("lt", before, season))
    inside = do("where", left, do("add", lists[0], level), 0.0)
    total = do("add", ops.reduced(graph, "sum", inside, [0]), do("mul", opening, y))
    after = do("add", before, real)
    whole = number(do("ge", after, season))
    middle = do("div", do("mul", whole, total), season)
    lists[0] = do("add", lists[0], do("where", left, do("sub", level, middle), 0.0))
    alpha, *gammas = _weights(graph, smoothing, series)
    gain = do("mul", do("mul", begun, alpha), known)
    gain = do("add", gain, do("div", opening, do("add", before, 1.0)))
    now = [ops.reshape(graph, ops.cut(graph, values, 0, 0, 1), "B", keys) for values in lists]
    expected = do("add", level, do("mul", begun, reduce(lambda a, b: do("add", a, b), now)))
    error = do("mul", real, do("sub", y, expected))
    level = do("add", level, do("mul", gain, error))
    stacked = []
    for i, (values, last, gamma) in enumerate(zip(lists, now, gammas, strict=True)):
        move = do("mul", do("mul", gamma, known), begun)
        new = do("add", last, do("mul", move, error))
        if i == 0:
            new = do("mul", do("sub", 1.0, opening), new)
            new = do("add", new, do("mul", opening, do("sub", y, middle)))
        stacked.append(ops.concat(graph, 0, values, ops.reshape(graph, new, 1, "B", keys)))
    ahead = [_ahead(graph, smoothing.horizon, *each) for each in zip(stacked, seasons, strict=True)]
    seasonal = do("mul", whole, reduce(lambda a, b: do("add", a, b), ahead))  # (h, B, K)
    forecast = do("div", do("sub", do("add", level, seasonal), shift), size)
    rows = [after, do("div", do("sub", level, shift), size)]
    state = [ops.reshape(graph, row, 1, "B", keys) for row in rows]
    first = ops.cut(graph, is_real, -1, 0, 1)
    for i, (values, count) in enumerate(zip(stacked, seasons, strict=True)):
        kept = [ops.cut(graph, values, 0, start, start + count) for start in (1, 0)]
        own = do("where", first, *kept)
        if i == 0:
            own = do("sub", own, do("mul", number(do("lt", after, season)), level))
        state.append(do("div", own, size))
    graph.update(before_all, ops.concat(graph, 0, *state))
    errors = do("div", do("mul", begun, error), size)
    return ops.transpose(graph, forecast, 1, 0, 2), errors


def _weights(graph: Graph, smoothing: "Smoothing", series: Value) -> list[Value]:
    """Alpha and the gammas of each series, (B, K) each."""
    count = len(smoothing.own)
    number = torch.arange(-1, count - 1, device=smoothing.own.device)  # 0 is new
    table = smoothing.weights(number).permute(1, 0, 2).flatten(1)
    rows = ops.embedding(graph, series, table)
    keys = smoothing.targets
    return [
        ops.cut(graph, rows, -1, i * keys, (i + 1) * keys)
        for i in range(1 + len(smoothing.seasons))
    ]


def _ahead(graph: Graph, horizon: int, values: Value, season: int) -> Value:
    """Of a season's values, (season + 1, B, K), those of the steps to come, (h, B, K)."""
    places = graph.constant("places", 1 + np.arange(horizon) % season)
    shape = (horizon, *values.shape[1:])
    return graph.add("gather", values, places, shapes=[shape], axis=0)[0]
