"""The scores of a video's frames, read piece by piece in bounded memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.video.frame_format import Frame
from elman.tasks.steps import Run, Steps, alone
from elman.train.inference import inference
from elman.train.tree import move

_AT_ONCE = 256  # frames


def encoded(network: Any, frames: Frame, before: Tensor | None) -> tuple[Tensor, Tensor]:
    """A network's features (n, 1, F) of frames (n, H, W, C), and the last frame as the network
    sees it, (1, C, H, W), which is the `before` of the next ones."""
    encoder = network.encoder
    with inference(network) as device:
        values = encoder.scaled(torch.from_numpy(np.ascontiguousarray(frames)).to(device))
        first = values[:1] if before is None else before.to(device)
        features: Tensor = encoder.features(values, torch.cat([first, values[:-1]]))
    return features.unsqueeze(1), values[-1:].clone()


class FrameReader:
    """What one network says of frames that come; a whole video and a stream are read alike.

    A network that reads forwards only carries its state on and tells the scores of each frame at
    once. One that reads both ways sees windows of `window` frames that overlap by half: of each the
    frames in the middle half count, so that the scores of a frame are known when at most a window
    of later ones has come.
    """

    def __init__(self, network: Any, *, window: int, is_forward: bool) -> None:
        self._network, self._window, self._is_forward = network, window, is_forward
        self._hop = max(1, window // 2)
        self._before: Tensor | None = None  # the last frame, scaled, (1, C, H, W)
        self._state: tuple[Tensor, ...] = ()
        self._features: Tensor | None = None  # of the frames of the next window so far, (T, 1, F)
        self._told = 0  # of these frames, those whose scores are told

    def read(self, frames: Frame) -> Steps[Tensor]:
        """The scores, (m, labels), that are known after more frames, (n, H, W, C) uint8."""
        found: list[Tensor] = []
        for i in range(0, len(frames), _AT_ONCE):
            features = self._encoded(frames[i : i + _AT_ONCE])
            if self._is_forward:
                output, state = yield Run(self._network.recurrent, features, self._state)
                self._state = tuple(state)
                found.append(self._scores(output))
            else:
                earlier = [] if self._features is None else [self._features]
                self._features = torch.cat([*earlier, features])
                while len(self._features) >= self._window:
                    found.append((yield from self._seen(self._window - self._hop // 2)))
                    self._features = self._features[self._hop :].clone()
                    self._told -= self._hop
        return self._joined(found)

    def finish(self) -> Steps[Tensor]:
        """The scores of the frames that are left, (m, labels)."""
        found = []
        if self._features is not None and self._told < len(self._features):
            found.append((yield from self._seen(len(self._features))))
        return self._joined(found)

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered."""
        found: dict[str, Any] = {f"recurrent.{i}": each for i, each in enumerate(self._state)}
        found |= {"told": self._told}
        given = {"before": self._before, "features": self._features}
        return found | {name: each for name, each in given.items() if each is not None}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Continue from what another one remembered."""
        found = {name: move(each, device) for name, each in state.items()}
        count = sum(name.startswith("recurrent.") for name in found)
        self._state = tuple(found[f"recurrent.{i}"] for i in range(count))
        self._before, self._features = found.get("before"), found.get("features")
        self._told = int(found["told"])

    def _encoded(self, frames: Frame) -> Tensor:
        features, self._before = encoded(self._network, frames, self._before)
        return features

    def _seen(self, until: int) -> Steps[Tensor]:
        """The scores of the window's frames that are not reported yet, up to the one numbered
        `until`."""
        assert self._features is not None
        window = self._features[: self._window]
        output, _ = yield Run(self._network.recurrent, window, ())
        first, self._told = self._told, until
        return self._scores(output[first:until])

    def _scores(self, output: Tensor) -> Tensor:
        with inference(self._network):
            scores: Tensor = self._network.head(output)
        return scores.squeeze(1)

    def _joined(self, found: list[Tensor]) -> Tensor:
        if found:
            return torch.cat(found)
        thresholds: Tensor = self._network.head.thresholds
        return thresholds.new_zeros(0, len(thresholds))


def whole_scores(network: Any, frames: Frame, *, window: int, is_forward: bool) -> Tensor:
    """The scores of all frames of a video, (T, labels)."""
    reader = FrameReader(network, window=window, is_forward=is_forward)
    found = [alone(reader.read(frames[i : i + _AT_ONCE])) for i in range(0, len(frames), _AT_ONCE)]
    return torch.cat([*found, alone(reader.finish())])
