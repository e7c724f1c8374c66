"""Forecasts of series by the files of `elman export`, with numpy and ONNX Runtime alone.

    elman export runs/sales --to onnx --out files
    python forecast.py files sales.csv

Of each series of the table what `elman predict` gives. It reads calendars of seconds, months and
numbers without a time zone.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def number(text):
    return float(text) if text.strip() else np.nan


def tables(path, columns):
    """The rows of each series, by its id, in the order of their times."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        found.setdefault(row.get(columns["id"], columns["target"][0]), []).append(row)
    return {name: sorted(own, key=lambda row: row[columns["time"]]) for name, own in found.items()}


def origin_of(calendar):
    return calendar["origin"] if calendar["kind"] == "number" else np.datetime64(calendar["origin"])


def places(times, calendar):
    """The positions of times on the calendar, and by how much they are off it."""
    if calendar["zone"] or calendar["kind"] not in ("seconds", "months", "number"):
        sys.exit(f"{calendar['steps']}: this program has no such calendar")
    step, origin = calendar["step"], origin_of(calendar)
    if calendar["kind"] == "months":
        own = np.array(times, "M8[D]")
        months = (own.astype("M8[M]") - origin.astype("M8[M]")).astype(int)
        return months // step, 0
    if calendar["kind"] == "number":
        apart = np.array(times, int) - origin
    else:
        unit = f"m8[{calendar['unit']}]"
        apart = (np.array(times, "M8") - origin).astype(unit).astype(int)
    phase = int(apart[0] % step)
    return (apart - phase) // step, phase


def times_of(positions, phase, calendar):
    step, origin = calendar["step"], origin_of(calendar)
    if calendar["kind"] == "number":
        return origin + phase + positions * step
    if calendar["kind"] == "seconds":
        return origin + (phase + positions * step).astype(f"m8[{calendar['unit']}]")
    months = origin.astype("M8[M]") + (positions * step).astype("m8[M]")
    if calendar["at_end"]:
        return (months + 1).astype("M8[D]") - 1
    return months.astype("M8[D]") + (origin.astype("M8[D]") - origin.astype("M8[M]"))


def calendar_features(times, calendar):
    if not calendar["turns"]:
        return np.zeros((len(times), 0))
    seconds = times.astype("M8[s]").astype(int)
    days = times.astype("M8[D]")
    place = {
        "day": seconds % 86400 / 86400,
        "week": (seconds // 86400 + 3) % 7 / 7,
        "year": (days - days.astype("M8[Y]")).astype(int) / 365.25,
    }
    angles = np.stack([2 * np.pi * n * place[name] for name, n in calendar["turns"]], 1)
    return np.concatenate([np.sin(angles), np.cos(angles)], 1)


class Series:
    """A series as the network reads it: all arrays begin `memory` steps before it."""

    def __init__(self, name, rows, about):
        self.about, view, columns = about, about["view"], about["columns"]
        self.name, self.before = name, view["memory"]
        at, self.phase = places([row[columns["time"]] for row in rows], about["calendar"])
        self.start = int(at[0])

        def values(names):
            found = np.full((at[-1] - at[0] + 1, len(names)), np.nan)
            found[at - at[0]] = [[number(row[name]) for name in names] for row in rows]
            return found

        y, future = values(columns["target"]), values(columns["future"])
        known = np.isfinite(y).any(1)
        self.y = y[: len(y) - known[::-1].argmax()]
        self.levels()
        count, h = len(self.y), view["horizon"]
        times = times_of(self.start + np.arange(count + h), self.phase, about["calendar"])
        self.times = times[count:]
        ahead = np.full((count + h, future.shape[1]), np.nan)
        ahead[: len(future)] = future[: len(ahead)]
        split = view["past"]
        mean, deviation = np.array(view["mean"]), np.array(view["deviation"])
        standard = np.nan_to_num((ahead - mean[split:]) / deviation[split:])
        self.is_given = np.isfinite(ahead)
        parts = [calendar_features(times, about["calendar"])]
        parts += [standard, self.is_given]
        self.ahead = np.concatenate(parts, 1).astype(np.float32)
        past = values(columns["past"])[:count]
        past = np.nan_to_num((past - mean[:split]) / deviation[:split])
        static = self.static([rows[-1][name] for name in columns["static"]])
        self.features = self.steps(past, static).astype(np.float32)

    def levels(self):
        """Values without gaps, running means and sizes, and the least value so far."""
        view, (count, keys) = self.about["view"], self.y.shape
        self.filled, self.mean, self.size = np.full((3, self.before + count, keys), np.nan)
        sums, largest, decay, season = np.zeros((3, keys)), 0, view["decay"], view["seasons"][0]
        for t, y in enumerate(self.y, self.before):
            known = np.isfinite(y)
            sums = np.where(known, decay * sums + (1 - decay) * np.stack([y, abs(y), y**0]), sums)
            total, size, weight = sums
            largest = np.fmax(largest, abs(y))
            self.mean[t] = total / np.maximum(weight, 1e-12)
            size = size / np.maximum(weight, 1e-12)
            least = np.maximum(self.about["smallest"] * largest, self.about["least"])
            self.size[t] = np.maximum(size, least)
            self.filled[t] = y
            for k in np.flatnonzero(~known):
                guesses = self.filled[t - season, k], self.filled[t - 1, k], self.mean[t, k]
                self.filled[t, k] = next(each for each in guesses if np.isfinite(each))

    def static(self, values):
        view, found = self.about["view"], []
        for value, names, scale in zip(
            values, view["categories"], view["static_scale"], strict=True
        ):
            if names is None:
                found.append((float(value) - scale[0]) / scale[1])
            else:
                found += [float(value == name) for name in names]
        return found

    def steps(self, past, static):
        """The features, (T, F)."""
        view, least, m, count = self.about["view"], self.about["least"], self.before, len(self.y)
        mean, size = self.mean[m:], self.size[m:]
        parts = [(self.filled[m:] - mean) / size, np.isfinite(self.y)]
        lags = [self.filled[m + 1 - season :][:count] for season in view["seasons"]]
        parts += [np.nan_to_num((lag - mean) / size) for lag in lags]
        earlier = np.nan_to_num(self.size[m - view["seasons"][0] :][:count])
        parts.append(np.where(earlier > least, np.log(size / np.maximum(earlier, least)), 0))
        parts += [past, self.ahead[:count], np.tile(static, (count, 1))]
        if view["smoothed"] is not None:
            earlier, apart = self.size[m - 1 : -1], self.mean[m - 1 : -1] - mean
            begun = earlier > least
            parts += [np.where(begun, earlier / size, 1), np.where(begun, apart / size, 0)]
        return np.concatenate(parts, 1)

    def given(self, t):
        """What the graph needs beside the features of step t."""
        view, h = self.about["view"], self.about["view"]["horizon"]
        now = self.before + t
        mean, size, last = self.mean[now], self.size[now], self.filled[now]
        seen = self.filled[now + 1 - view["memory"] : now + 1]
        rules = [np.tile(last, (h, 1)), np.tile(mean, (h, 1))]
        rules += [self.filled[now + 1 - s + np.arange(h) % s] for s in view["seasons"]]
        seen, *rules = [np.where(np.isfinite(each), each, last) for each in (seen, *rules)]
        bases = (np.stack(rules, -1) - mean[:, None]) / size[:, None]
        found = {
            "memory": ((seen - mean) / size).reshape(1, -1),
            "bases": bases[None],
            "ahead": self.ahead[None, t + 1 : t + 1 + h],
        }
        found = {name: each.astype(np.float32) for name, each in found.items()}
        if view["smoothed"] is not None:
            names = [None, *view["smoothed"]]
            found["series"] = np.array([names.index(self.name) if self.name in names else 0])
        return found


def sides(quantiles):
    """The distances of each pair from the median, outermost first: below and above."""
    middle = quantiles.shape[-1] // 2
    apart = quantiles - quantiles[..., middle : middle + 1]
    return -apart[..., :middle], apart[..., :middle:-1]


def forecast(network, series, about):
    """The quantiles of the steps to come, (h, K, Q), after all steps of a series."""
    rules, levels, view = about["intervals"], np.array(about["levels"]), about["view"]
    middle = len(levels) // 2
    promised = 1 - (levels[::-1] - levels)[:middle]
    names = [each.name.removeprefix("new_") for each in network.get_outputs()[1:]]
    shapes = {each.name: each.shape for each in network.get_inputs()}
    state = {n: np.zeros([shapes[n][0], 1, *shapes[n][2:]], np.float32) for n in names}
    learnt = about.get("first_states", {}).get("step", {})
    state |= {name: np.array(first, np.float32) for name, first in learnt.items()}
    factor, made = np.zeros((view["targets"], middle)), {}
    behind = series.filled[series.before + 1 - view["seasons"][0] :][: len(series.y)]
    seen = np.flatnonzero(np.isfinite(behind).any(1))
    first = rules["since"].get(series.name, series.start) - 1 - series.start
    first = max(first, seen[0] if len(seen) else len(behind))
    for t, y in enumerate(series.y):
        given = {"x": series.features[t : t + 1], **series.given(t), **state}
        (scaled, *new) = network.run(None, given)
        state, now = dict(zip(names, new, strict=True)), series.before + t
        scaled = scaled[0].astype(float)
        median = scaled[..., middle : middle + 1].copy()
        for pair, widening in enumerate(about["widening"] or ()):
            scaled[..., pair] = np.minimum(scaled[..., pair] - widening, median[..., 0])
            scaled[..., -1 - pair] = np.maximum(scaled[..., -1 - pair] + widening, median[..., 0])
        quantiles = series.mean[now][:, None] + series.size[now][:, None] * np.sort(scaled, -1)
        missed = []
        for lag in rules["lags"]:
            if lag <= len(made.get(t - lag, ())):
                own = made[t - lag][lag - 1]
                off = y - own[:, middle]
                half = np.where(off[:, None] > 0, *reversed(sides(own)))
                missed.append(abs(off)[:, None] > np.exp(factor) * half)
        if missed:
            change = rules["rate"] * (np.mean(missed, 0) - promised)
            change[~np.isfinite(y)] = 0
            factor = np.clip(factor + change, -rules["largest"], rules["largest"])
        future = series.is_given[t + 1 : t + 1 + view["horizon"]]
        if t >= first:
            made[t] = quantiles[: len(future) if future.all() else future.all(1).argmin()]
    below, above = (np.exp(factor) * each for each in sides(quantiles))
    median = quantiles[..., middle : middle + 1]
    quantiles = np.sort(np.concatenate([median - below, median, median + above[..., ::-1]], -1), -1)
    bound = about["nonnegative"]
    lowest = np.fmin.reduce(series.y, 0)
    is_bound = lowest >= 0 if bound is None else np.full(len(lowest), bound)
    return np.where(is_bound[:, None], np.maximum(quantiles, 0), quantiles)


def main(folder, table):
    about = json.loads(Path(folder, "preprocess.json").read_text(encoding="utf-8"))
    network = onnxruntime.InferenceSession(Path(folder, "step.onnx"))
    levels, columns = np.array(about["levels"]), about["columns"]
    edges = np.array([0, *levels, 1])
    weights = np.diff([0, *((edges[1:] + edges[:-1]) / 2)[1:-1], 1])
    writer = csv.writer(sys.stdout)
    quantiles = [f"q{level:g}" for level in levels]
    writer.writerow([columns["id"], columns["time"], "target", "mean", *quantiles])
    for name, rows in tables(table, columns).items():
        series = Series(name, rows, about)
        for time, step in zip(series.times, forecast(network, series, about), strict=True):
            for target, values in zip(columns["target"], step, strict=True):
                writer.writerow([name, time, target, values @ weights, *values])


if __name__ == "__main__":
    main(*sys.argv[1:])
