"""The parameters of a convolutional recurrent layer: names, shapes and first values."""

from collections.abc import Iterator

from elman.cells import Cell
from elman.nn.conv_geometry import Pair


def shapes(
    cell: Cell,
    in_channels: int,
    hidden_channels: int,
    kernels: tuple[Pair, Pair],
    *,
    bias: bool,
    normed: bool,
    map_size: Pair | None,
    learn_initial_state: bool,
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each parameter of one direction of one layer, in the dense layers' order.

    `kernels` are the sizes of the input's kernel and of the state's.
    """
    rows, recurrent_rows = (len(n) * hidden_channels for n in (cell.gates, cell.recurrent))
    of_places = (hidden_channels, *(map_size or ()))
    yield "weight_ih", (rows, in_channels, *kernels[0])
    if cell.recurrent:
        yield "weight_hh", (recurrent_rows, hidden_channels, *kernels[1])
    for kind, asked in (("bias", bias), ("norm", normed)):
        if asked:
            yield f"{kind}_ih", (rows,)
            if cell.recurrent:
                yield f"{kind}_hh", (recurrent_rows,)
    for name in cell.params:
        yield name, of_places
    if learn_initial_state:
        for name in cell.state:
            yield f"initial_{name}", of_places
