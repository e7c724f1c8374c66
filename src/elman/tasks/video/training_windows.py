"""Windows of clips to train on: at random places, cut out of large frames, weighted."""

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.tasks.video.balance import brightness_weights
from elman.tasks.video.optical_flow import grid, of_size, sampled, timeline
from elman.tasks.video.windows import Place, Window, Windows, parted

_TRIED = 8  # places for a crop; those with more contrast are chosen more often
_WHOLE = 0.99  # share of a pixel that must hold data
_COARSE = 4  # pixels, a side, of which a flow is kept
_KEPT = 1 << 28  # bytes of flows


class Cut(NamedTuple):
    """A window's corner, and the pixels of the frame from one of its pixels to the next."""

    y: float
    x: float
    step: float


class TrainingWindows:
    """Batches of windows at random places, in another order each epoch.

    Of frames larger than `crop` windows of that size are cut out, as many as cover the frames. With
    `flow` whole frames are moved along the flow first, later ones back to where their content was
    at the last one given: what is to be learnt is what changes beside the motion.
    """

    def __init__(self, windows: Windows) -> None:
        self.windows, settings = windows, windows.settings
        short = sum(len(own) < windows.length for own in windows.frames)
        if short:
            warnings.warn(
                f"left out: {short:,} of {len(windows.frames):,} clips with fewer than"
                f" {windows.length} frames",
                stacklevel=2,
            )
        self.size, self.seed = settings.batch_size, settings.seed
        height, width = (min(own.shape[k] for own in windows.frames) for k in (1, 2))
        side = settings.crop or max(height, width)
        self.crop = min(side, height), min(side, width)
        self.zoom = max(1.0, min(settings.zoom, height / self.crop[0], width / self.crop[1]))
        self.places = [place for place in windows.places() for _ in range(self._crops(place))]
        self.weights = brightness_weights(windows.frames, windows.valid, settings.balance)
        self._flows: dict[Place, Tensor] = {}

    def _crops(self, place: Place) -> int:
        """How many windows cover a frame."""
        shape = self.windows.frames[place[0]].shape[1:3]
        return math.prod(-(-side // own) for side, own in zip(shape, self.crop, strict=True))

    def __len__(self) -> int:
        return -(-len(self.places) // self.size)

    def epoch(self, e: int, start: int = 0) -> Iterator[Window]:
        """The batches of epoch `e`, from the one numbered `start`."""
        random = np.random.default_rng([self.seed, e])
        order = random.permutation(len(self.places))
        spare = [len(self.windows.frames[i]) - self.windows.length for i, _ in self.places]
        begins = random.integers(0, np.array(spare) + 1)
        places = [(self.places[k][0], int(begins[k])) for k in order.tolist()]
        for batch in range(start, len(self)):
            draws = np.random.default_rng([self.seed, e, batch])
            own = places[batch * self.size : (batch + 1) * self.size]
            yield self._batch(own, draws)

    def _batch(self, places: list[Place], random: np.random.Generator) -> Window:
        cuts = [self._chosen(place, random) for place in places]
        if self.windows.settings.flow or self.zoom > 1:
            at = self._timelines(places, cuts)
            pairs = [self._moved(place, at[:, i]) for i, place in enumerate(places)]
        else:
            pairs = [self._still(*each) for each in zip(places, cuts, strict=True)]
        frames, known = (torch.stack(each, 1) for each in zip(*pairs, strict=True))
        window = parted(frames, known, self.windows.inputs)
        if self.weights is None:
            return window
        brightness = (255 * window.targets.mean(2, keepdim=True)).round().long()
        return window._replace(weight=window.weight * self.weights[brightness])

    def _chosen(self, place: Place, random: np.random.Generator) -> Cut:
        """A window at random.

        Of some corners tried, that of a window with more contrast in the last frame given is
        more likely.
        """
        i, start = place
        last = self.windows.frames[i][start + self.windows.inputs - 1]
        step = float(np.exp(random.uniform(0, np.log(self.zoom))))
        height, width = (step * (side - 1) for side in self.crop)
        spare = np.array(last.shape[:2]) - 1 - (height, width)
        if not (spare > 0).any():
            return Cut(0, 0, step)
        corners = random.uniform(0, spare, (_TRIED, 2))
        if step == 1:
            corners = corners.round()
        parts = (
            last[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1] for y, x in corners
        )
        contrast = np.array([part.std() + 1 for part in parts])
        y, x = corners[random.choice(_TRIED, p=contrast / contrast.sum())].tolist()
        return Cut(y, x, step)

    def _still(self, place: Place, cut: Cut) -> tuple[Tensor, Tensor]:
        """The frames of a window at rest and where they hold data, both (T, C, h, w)."""
        (height, width), y, x = self.crop, int(cut.y), int(cut.x)
        return self.windows.tensors(place, slice(y, y + height), slice(x, x + width))

    def _moved(self, place: Place, at: Tensor) -> tuple[Tensor, Tensor]:
        """The same of what is at some places in each frame, (T, 2, h, w)."""
        # Only the part of the frames that is passed on the way is read.
        low = [max(0, int(each)) for each in at.amin((0, 2, 3)).floor().tolist()]
        high = [int(each) + 2 for each in at.amax((0, 2, 3)).tolist()]
        rows, columns = (slice(a, max(a, b) + 1) for a, b in zip(low, high, strict=True))
        frames, known = self.windows.tensors(place, rows, columns)
        at = at - at.new_tensor(low).reshape(2, 1, 1)
        found = sampled(frames, at, outside="border")
        return found, (sampled(known, at) > _WHOLE).float()

    def _timelines(self, places: list[Place], cuts: list[Cut]) -> Tensor:
        """Where the content of windows is in each frame, (T, B, 2, h, w)."""
        sizes = {torch.Size(self.windows.frames[i].shape[1:3]) for i, _ in places}
        if len(sizes) > 1:
            alone = zip(places, cuts, strict=True)
            return torch.cat([self._timelines([place], [cut]) for place, cut in alone], 1)
        (size,) = sizes
        flow = torch.cat([of_size(self._flow(place), size) for place in places])
        corners = flow.new_tensor([(cut.y, cut.x) for cut in cuts]).reshape(-1, 2, 1, 1)
        steps = flow.new_tensor([cut.step for cut in cuts]).reshape(-1, 1, 1, 1)
        here = corners + steps * grid(torch.Size(self.crop), flow)
        return timeline(flow, self.windows.inputs, self.windows.settings.horizon, here)

    def _flow(self, place: Place) -> Tensor:
        """The flow of the frames given, as far as it is smooth, (1, 2, h, w); 0 at rest."""
        if not self.windows.settings.flow:
            return torch.zeros(1, 2, 1, 1)
        if place not in self._flows:
            flow = self.windows.at_rest([place]).motion()
            size = [-(-side // _COARSE) for side in flow.shape[2:]]
            flow = of_size(flow, torch.Size(size))
            if (len(self._flows) + 1) * flow.nbytes > _KEPT:
                self._flows.clear()
            self._flows[place] = flow
        return self._flows[place]
