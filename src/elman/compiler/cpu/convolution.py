"""Convolutions and their gradients, by whichever way takes less time.

Images are (N, channels, height, width) with the channels last in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from elman.compiler.cpu import winograd

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """A convolution's stride, zeros on each side, and dilation."""

    stride: Pair
    padding: Pair
    dilation: Pair


class Convolution:
    """A convolution with a weight, (O, I, rows, columns), as it is during one pass."""

    def __init__(self, geometry: Geometry, weight: Tensor, threads: int) -> None:
        self.geometry, self.threads = geometry, threads
        self.weight = weight.contiguous(memory_format=torch.channels_last)

    def __call__(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Images of the results, in memory that `scratch` may be given afterwards."""
        if self._is_tiled(x):
            return winograd.convolve(x, self._transformed, bias, len(self.weight), self.threads)
        g = self.geometry
        y = torch.conv2d(x, self.weight, bias, g.stride, g.padding, g.dilation)
        return y.contiguous(memory_format=torch.channels_last)

    def input_gradient(self, d: Tensor, like: Tensor) -> Tensor:
        """Of the images, which have the shape of `like`, from that of the results; in such memory,
        too."""
        if self._is_tiled(d):
            return winograd.convolve(d, self._turned, None, self.weight.shape[1], self.threads)
        found: Tensor = self._gradients(d, like, (True, False))[0]
        return found

    def _gradients(self, d: Tensor, x: Tensor, wanted: tuple[bool, bool]) -> Any:
        g = self.geometry
        return torch.ops.aten.convolution_backward(
            *(d, x, self.weight, None, g.stride, g.padding, g.dilation),
            *(False, [0, 0], 1, [*wanted, False]),
        )

    def _is_tiled(self, x: Tensor) -> bool:
        return winograd.applies(x, self.weight, self.geometry.stride, self.geometry.dilation)

    @cached_property
    def _transformed(self) -> Tensor:
        return winograd.transformed(self.weight)

    @cached_property
    def _turned(self) -> Tensor:
        return winograd.transformed(self.weight, turned=True)


def weight_gradients(d: Tensor, pairs: Sequence[tuple[Convolution, Tensor]]) -> list[Tensor]:
    """Of the weights of convolutions of some images, all with the same gradient of results."""
    if all(each._is_tiled(x) for each, x in pairs):
        return winograd.kernel_gradients(d, [x for _, x in pairs], pairs[0][0].threads)
    return [each._gradients(d, x, (False, True))[1] for each, x in pairs]
