"""Winograd's convolutions against torch's, in float64."""

from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given, settings

from elman.compiler.cpu import winograd


def relative(actual: Any, expected: Any) -> float:
    expected = expected.detach()
    return float((actual.double() - expected).abs().max() / expected.abs().max())


@settings(max_examples=30)
@given(
    sizes=st.tuples(*(st.integers(1, most) for most in (5, 20, 40, 13, 13))),
    threads=st.integers(1, 2),
)
def test_convolution_and_gradients(sizes: tuple[int, ...], threads: int) -> None:
    images, inputs, outputs, height, width = sizes
    torch.manual_seed(sum(sizes))
    x, d = torch.randn(images, inputs, height, width), torch.randn(images, outputs, height, width)
    weight, bias = torch.randn(outputs, inputs, 3, 3), torch.randn(outputs)
    exact = [each.double().requires_grad_() for each in (x, weight, bias)]
    result = torch.conv2d(*exact, padding=1)
    result.backward(d.double())
    other = torch.randn(images, 5, height, width)
    y = winograd.convolve(x, winograd.transformed(weight), bias, outputs, threads)
    turned = winograd.transformed(weight, turned=True)
    back = winograd.convolve(d, turned, None, inputs, threads)
    of_weight, of_other = winograd.kernel_gradients(d, [x, other], threads)
    (alone,) = winograd.kernel_gradients(d, [other], threads)
    assert relative(y, result) < 5e-5
    assert relative(back, exact[0].grad) < 5e-5
    assert relative(of_weight, exact[1].grad) < 5e-5
    assert relative(of_other, alone.double()) < 5e-5


def test_only_where_it_computes_the_same() -> None:
    x, weight = torch.zeros(8, 16, 16, 16), torch.zeros(16, 16, 3, 3)
    one = (1, 1)
    assert winograd.applies(x, weight, one, one)
    assert not winograd.applies(x.double(), weight, one, one)
    assert not winograd.applies(x, torch.zeros(16, 16, 5, 5), one, one)
    assert not winograd.applies(x, weight, (2, 2), one)
    assert not winograd.applies(x, weight, one, (2, 2))
    assert not winograd.applies(x[..., :5, :5], weight, one, one)  # mostly padding of tiles
