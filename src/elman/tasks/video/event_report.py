"""The part of a run's report on events: drawn on the line of time, label by label, the data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

from elman import html
from elman.data import Event
from elman.tasks.run_report.data import left_out, lengths, shortened
from elman.tasks.run_report.run import Own
from elman.tasks.video.dataset import VideoData
from elman.tasks.video.event_metrics import matched
from elman.tasks.video.event_tracker import FoundEvent
from elman.tasks.video.heads import Scored

if TYPE_CHECKING:
    from elman.tasks.video.task import Video

_MOST_VIDEOS = 8  # drawn
_MOST_LABELS = 20  # of a drawing, and of the table
_MOST_SHOWN = 20  # mistakes
_FEW = 10  # events of a label
_WIDTH, _LEFT, _RIGHT = 900, 150, 16  # pixels
_ROW, _BAR, _TOP, _BOTTOM = 30, 11, 6, 26
_MOST_TICKS = 8
_LONGEST_NAME = 18  # characters


@dataclass(frozen=True)
class EventRun:
    """A trained model with its training and validation videos, decoded."""

    task: "Video"
    train: VideoData
    held_out: VideoData

    def own(self) -> Own:
        """The sections and the advice."""
        sections = {
            "Events in time": self.timelines,
            "Label by label": self.labels,
            "Mistakes": self.mistakes,
            "Data": self.data,
        }
        return Own(sections, self.advice)

    @cached_property
    def _outputs(self) -> list[Scored]:
        return self.task._outputs(self.held_out)

    @cached_property
    def _found(self) -> list[tuple[FoundEvent, ...]]:
        """The events found in the validation videos."""
        return [each.value for each in self.task.decode(self._outputs, self.task.preprocessing, {})]

    def timelines(self) -> list[str]:
        """Validation videos with the events that are there, and those found below them."""
        words = "Above, grey, the events that are there; below, blue, those found."
        rate = self.task._known.rate
        parts = [html.text(words)]
        for i in range(min(_MOST_VIDEOS, len(self.held_out))):
            seconds = len(self._outputs[i].scores) / rate
            drawn = timeline(self.task.labels, self.held_out.events[i], self._found[i], seconds)
            parts.append(_figure(drawn, shortened(self.held_out.shown(i), 80)))
        return parts

    def labels(self) -> list[str]:
        """Of each label how many events there are and are found, and the F1."""
        there, told = (
            Counter(each.label for own in events for each in own)
            for events in (self.held_out.events, self._found)
        )
        hits: Counter[str] = Counter()
        for actual, found in zip(self.held_out.events, self._found, strict=True):
            hits.update(actual[i].label for i, _ in matched(actual, found))
        limits = self._outputs[0].thresholds.sigmoid().tolist()
        of_label = dict(zip(self.task.labels, limits, strict=True))
        rows = [
            (
                shortened(label, 60),
                *(there[label], told[label], hits[label]),
                _f1(hits[label], there[label] + told[label]),
                f"{of_label[label]:.2f}",
            )
            for label in sorted(self.task.labels, key=lambda label: -there[label])[:_MOST_LABELS]
        ]
        header = ["label", "events", "found", "right", "F1", "threshold"]
        caption = (
            "Right are those that overlap with an event of the label by half of their union. The"
            " probability threshold of each label was chosen on these videos."
        )
        return [html.table(header, rows, caption=caption)]

    def mistakes(self) -> list[str]:
        """Events that were found where there are none, and missed ones, the surest first."""
        wrong: list[tuple[float, str, str, FoundEvent | Event]] = []
        for i, (actual, found) in enumerate(zip(self.held_out.events, self._found, strict=True)):
            pairs = matched(actual, found)
            name = shortened(self.held_out.shown(i), 60)
            known = {k for k, _ in pairs}, {k for _, k in pairs}
            wrong += [
                (each.confidence, "found where there is none", name, each)
                for k, each in enumerate(found)
                if k not in known[1]
            ]
            wrong += [
                (0.0, "missed", name, each) for k, each in enumerate(actual) if k not in known[0]
            ]
        wrong.sort(key=lambda each: -each[0])
        words = f"{len(wrong):,} events are missed, or found where there is none."
        if not wrong:
            return [html.text(words)]
        rows = [
            (what, shortened(each.label, 40), f"{each.start:.2f}", f"{each.end:.2f}", name)
            for _, what, name, each in wrong[:_MOST_SHOWN]
        ]
        header = ["what", "label", "start, s", "end, s", "video"]
        return [html.text(words), html.table(header, rows, caption="The surest ones first.")]

    def data(self) -> list[str]:
        """Lengths of videos and events, and how many of each label."""
        train, held_out = self.train, self.held_out
        assert train.frames is not None
        parts = lengths([len(each) for each in train.frames], "frames")
        durations = [round(each.end - each.start, 3) for own in train.events for each in own]
        parts += lengths(durations, "seconds, of events")
        parts += left_out(train.left_out, "videos")
        ours, theirs = (_counts(each) for each in (train, held_out))
        order = sorted(ours, key=lambda label: (-ours[label], label))[: 2 * _MOST_LABELS]
        rows = [(shortened(label, 80), ours[label], theirs[label]) for label in order]
        shares = [ours[label] / max(ours.values()) for label in order]
        return [*parts, html.bars(["events of", "training", "validation"], rows, shares)]

    def advice(self) -> list[str]:
        """On labels of few events."""
        counts = _counts(self.train)
        few = sorted(label for label, count in counts.items() if count < _FEW)
        if not few:
            return []
        some = ", ".join(shortened(label, 40) for label in few[:5])
        return [
            f"{len(few)} of {len(counts)} labels have fewer than {_FEW} events ({some}): more of"
            " these would help most."
        ]


def timeline(
    labels: Sequence[str],
    actual: Sequence[Event],
    found: Sequence[FoundEvent],
    seconds: float,
) -> str:
    """A row for each label on a line of time, as SVG: actual events above, found ones below."""
    present = {each.label for each in actual} | {each.label for each in found}
    shown = [label for label in labels if label in present][:_MOST_LABELS]
    height = _TOP + _ROW * max(1, len(shown)) + _BOTTOM
    bottom = height - _BOTTOM

    def right(time: float) -> float:
        share = min(max(time / max(seconds, 1e-9), 0.0), 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    parts = []
    for tick in _ticks(seconds):
        parts.append(f'<path d="M{right(tick)} {_TOP}V{bottom}" stroke="var(--faint)"/>')
        parts.append(_text(right(tick), bottom + 18, f"{tick:g} s", "middle"))
    for row, label in enumerate(shown):
        top = _TOP + row * _ROW
        parts.append(_text(_LEFT - 8, top + 19, shortened(label, _LONGEST_NAME), "end"))
        for events, y, colour in ((actual, top + 3, "s3"), (found, top + 3 + _BAR + 1, "s1")):
            for each in events:
                if each.label == label:
                    x, end = right(each.start), right(each.end)
                    parts.append(
                        f'<rect x="{x}" y="{y}" width="{max(1.0, round(end - x, 1))}"'
                        f' height="{_BAR}" rx="2" fill="var(--{colour})"/>'
                    )
    return (
        f'<svg role="img" aria-label="events in time" viewBox="0 0 {_WIDTH} {height}"'
        ' style="max-width:none">'
        f"{''.join(parts)}</svg>"
    )


def _f1(hits: int, events: int) -> str:
    """From events that are right, and those there and found together; nothing of none."""
    return f"{2 * hits / events:.3f}" if events else ""


def _ticks(seconds: float) -> list[float]:
    """Round times, at most eight."""
    step = 0.1
    for factor in (2, 2.5, 2) * 8:
        if seconds / step <= _MOST_TICKS:
            break
        step = round(step * factor, 6)
    return [round(i * step, 6) for i in range(int(seconds / step + 1e-9) + 1)]


def _text(x: float, y: float, content: str, anchor: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="13" fill="var(--soft)">'
        f"{escape(content)}</text>"
    )


def _figure(drawn: str, caption: str) -> str:
    return f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>"


def _counts(data: VideoData) -> Counter[str]:
    return Counter(each.label for own in data.events for each in own)
