"""Layers by name: `torch.nn`'s RNN, LSTM and GRU with elman's keywords, and one of any cell."""

from typing import Any

from elman import cells
from elman.cells import Cell
from elman.errors import SettingsError
from elman.nn.conv_recurrent import ConvRecurrent, Sizes
from elman.nn.recurrent import Recurrent


class RNN(Recurrent):
    """The simple recurrent network, `h = nonlinearity(W x + R h + b)` (Elman 1990).

    Takes what `torch.nn.RNN` takes (`nonlinearity` is `"tanh"` or `"relu"`), and all the
    keywords of `Recurrent`; state_dicts load both ways.

    >>> import torch
    >>> output, h = RNN(3, 5, nonlinearity="relu")(torch.randn(7, 2, 3))
    >>> output.shape, h.shape
    (torch.Size([7, 2, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **options: Any,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise SettingsError(f'nonlinearity must be "tanh" or "relu", got "{nonlinearity}"')
        cell = cells.RNN if nonlinearity == "tanh" else cells.ReLURNN
        super().__init__(cell, input_size, hidden_size, num_layers, *args, **options)
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:
        """torch's name of this kind of layer."""
        return f"RNN_{self.nonlinearity.upper()}"


class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    Takes what `torch.nn.LSTM` takes and all the keywords of `Recurrent`; the state is `(h, c)`,
    and state_dicts load both ways.

    >>> import torch
    >>> output, (h, c) = LSTM(3, 5, proj_size=2)(torch.randn(7, 2, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([7, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int, *args: Any, **options: Any) -> None:
        super().__init__(cells.LSTM, input_size, hidden_size, *args, **options)

    @property
    def mode(self) -> str:
        """torch's name of this kind of layer."""
        return "LSTM"


class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014), reset gate after the product as in cuDNN.

    Takes what `torch.nn.GRU` takes and all the keywords of `Recurrent`; state_dicts load both
    ways.

    >>> import torch
    >>> output, h = GRU(3, 5, bidirectional=True)(torch.randn(7, 2, 3))
    >>> output.shape, h.shape
    (torch.Size([7, 2, 10]), torch.Size([2, 2, 5]))
    """

    def __init__(self, input_size: int, hidden_size: int, *args: Any, **options: Any) -> None:
        super().__init__(cells.GRU, input_size, hidden_size, *args, **options)

    @property
    def mode(self) -> str:
        """torch's name of this kind of layer."""
        return "GRU"


def layer(
    cell: Cell | type[Cell] | str, input_size: int, hidden_size: int, **options: Any
) -> Recurrent:
    """A layer of any cell, built-in or your own, with every keyword of `Recurrent`.

    >>> import torch
    >>> output, state = layer("indrnn", 3, 5, num_layers=2)(torch.randn(7, 2, 3))
    >>> output.shape
    torch.Size([7, 2, 5])
    """
    return Recurrent(cell, input_size, hidden_size, **options)


def conv_layer(
    cell: Cell | type[Cell] | str,
    in_channels: int,
    hidden_channels: int,
    kernel_size: Sizes = 3,
    **options: Any,
) -> ConvRecurrent:
    """A layer of any cell over feature maps, with every keyword of `ConvRecurrent`.

    >>> import torch
    >>> output, h = conv_layer("gru", 1, 8, 5, stride=2)(torch.randn(10, 4, 1, 33, 20))
    >>> output.shape, h.shape
    (torch.Size([10, 4, 8, 17, 10]), torch.Size([1, 4, 8, 17, 10]))
    """
    return ConvRecurrent(cell, in_channels, hidden_channels, kernel_size, **options)
