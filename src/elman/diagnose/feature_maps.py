"""Convolutional layers as dense ones: a state is all its places side by side.

A convolution of a map is a product with a (large) matrix; once it is formed, all that is measured
of dense layers is measured of these, too.
"""

import torch
from torch import Tensor

from elman.errors import SettingsError
from elman.nn import ConvRecurrent, Recurrent
from elman.nn.reference import Weights, product

MOST_ENTRIES = 1 << 24  # of the matrix, whose eigenvalues are taken


def gates_and_weights(
    layer: Recurrent | ConvRecurrent, at: int, x: Tensor
) -> tuple[Tensor, Weights]:
    """Of direction number `at` the gate inputs, (T, B, G*N), and the weights beside states (N,).

    Of a convolutional layer N is channels * height * width.
    """
    w = layer._weights(at)
    if isinstance(layer, Recurrent):
        return product(x, w.ih, w.bias_ih, w.norm_ih), w
    if layer.group_norm:
        raise SettingsError("layers with group_norm cannot be diagnosed, those with layer_norm can")
    products = layer._products(at)
    gates = products.ih(x.flatten(0, 1), w.ih, w.bias_ih, w.norm_ih)
    size = gates.shape[2:]
    places = size.numel()
    units = layer.hidden_channels * places
    recurrent = len(layer.cell.recurrent) * units
    if units * recurrent > MOST_ENTRIES:
        raise SettingsError(
            f"{layer.hidden_channels} channels of {tuple(size)} places are too many to diagnose:"
            f" at most {int((MOST_ENTRIES / max(1, len(layer.cell.recurrent))) ** 0.5)} units;"
            " pass smaller maps"
        )
    hh = None
    if w.hh is not None:
        eye = torch.eye(units, dtype=x.dtype, device=x.device)
        maps = eye.view(units, layer.hidden_channels, *size)
        hh = products.hh(maps, w.hh, None, None).flatten(1).T.contiguous()

    def of_places(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.repeat_interleave(places)

    params = tuple(p.flatten() if p.dim() == 3 else p.repeat_interleave(places) for p in w.params)
    rest = (of_places(w.bias_ih), of_places(w.bias_hh), None)
    norms = (of_places(w.norm_ih), of_places(w.norm_hh))
    return gates.reshape(*x.shape[:2], -1), Weights(w.ih, hh, *rest, *norms, params)
