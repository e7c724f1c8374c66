"""How feature maps are multiplied: by convolutions that keep their size, or divide it."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Pair = tuple[int, int]  # of rows and of columns


class Product(NamedTuple):
    """A convolution of the input or of the hidden state, padded by zeros.

    A map of n rows gets ceil(n / stride) of them.
    """

    stride: Pair
    dilation: Pair
    groups: int  # of channels that are normalised together, 0 for none

    def __call__(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, gain: Tensor | None
    ) -> Tensor:
        """(N, I, height, width) to (N, O, height, width); normalised when there is a gain."""
        padding = self.padding(weight)
        if gain is None:
            return F.conv2d(x, weight, bias, self.stride, padding, self.dilation)
        product = F.conv2d(x, weight, None, self.stride, padding, self.dilation)
        if not product.numel():
            return product
        return torch.group_norm(product, self.groups, gain, bias)

    def padding(self, weight: Tensor) -> Pair:
        """Zeros on each side of the maps."""
        rows, columns = weight.shape[2:]
        return self.dilation[0] * (rows // 2), self.dilation[1] * (columns // 2)

    def size(self, height: int, width: int) -> Pair:
        """The size of the product's maps."""
        return -(-height // self.stride[0]), -(-width // self.stride[1])


class Products(NamedTuple):
    """Both products of a layer."""

    ih: Product
    hh: Product
