"""Windows of clips to train on: at random places, cut out of large frames, weighted."""

import warnings
from collections.abc import Iterator

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
        height, width = windows.frames[0].shape[1:3]
        side = settings.crop or max(height, width)
        self.crop = min(side, height), min(side, width)
        crops = -(-height // self.crop[0]) * -(-width // self.crop[1])
        self.places = [place for place in windows.places() for _ in range(crops)]
        self.weights = brightness_weights(windows.frames, windows.valid, settings.balance or 0.0)
        self._flows: dict[Place, Tensor] = {}

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
        pairs = [self._cut(place, self._corner(place, random)) for place in places]
        frames, known = (torch.stack(each, 1) for each in zip(*pairs, strict=True))
        window = parted(frames, known, self.windows.inputs)
        if self.weights is None:
            return window
        brightness = (255 * window.targets.mean(2, keepdim=True)).round().long()
        return window._replace(weight=window.weight * self.weights[brightness])

    def _corner(self, place: Place, random: np.random.Generator) -> tuple[int, int]:
        """A corner at random; of some tried, that of a window with more contrast in the last frame
        given is likelier."""
        i, start = place
        last = self.windows.frames[i][start + self.windows.inputs - 1]
        spare = [side - own for side, own in zip(last.shape[:2], self.crop, strict=True)]
        if not any(spare):
            return 0, 0
        corners = random.integers(0, np.array(spare) + 1, (_TRIED, 2))
        height, width = self.crop
        contrast = np.array([last[y : y + height, x : x + width].std() + 1 for y, x in corners])
        y, x = corners[random.choice(_TRIED, p=contrast / contrast.sum())].tolist()
        return y, x

    def _cut(self, place: Place, corner: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The frames of a window and where they hold data, both (T, C, h, w)."""
        windows, (y, x), (height, width) = self.windows, corner, self.crop
        if not windows.settings.flow:
            return windows.tensors(place, slice(y, y + height), slice(x, x + width))
        whole = windows.frames[place[0]].shape[1:3]
        flow = of_size(self._flow(place), torch.Size(whole))
        here = grid(torch.Size(self.crop), flow, corner).unsqueeze(0)
        at = timeline(flow, windows.inputs, windows.settings.horizon, here).squeeze(1)
        # Only the part of the frames that is passed on the way is read.
        low = [max(0, int(each)) for each in at.amin((0, 2, 3)).floor().tolist()]
        high = [int(each) + 2 for each in at.amax((0, 2, 3)).tolist()]
        rows, columns = (slice(a, max(a, b) + 1) for a, b in zip(low, high, strict=True))
        frames, known = windows.tensors(place, rows, columns)
        at = at - at.new_tensor(low).reshape(2, 1, 1)
        return sampled(frames, at), (sampled(known, at) > _WHOLE).float()

    def _flow(self, place: Place) -> Tensor:
        """The flow of the frames given, as far as it is smooth, (1, 2, h, w)."""
        if place not in self._flows:
            flow = self.windows.at_rest([place]).motion()
            size = [-(-side // _COARSE) for side in flow.shape[2:]]
            flow = of_size(flow, torch.Size(size))
            if (len(self._flows) + 1) * flow.nbytes > _KEPT:
                self._flows.clear()
            self._flows[place] = flow
        return self._flows[place]
