"""The built-in cells by the names that settings and saved models use."""

from collections.abc import Mapping
from types import MappingProxyType

from elman.cells.cell import Cell
from elman.cells.cifg import CIFG
from elman.cells.gru import GRU
from elman.cells.indrnn import IndRNN
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM
from elman.cells.mgu import MGU
from elman.cells.mingru import MinGRU
from elman.cells.minlstm import MinLSTM
from elman.cells.peephole import PeepholeLSTM
from elman.cells.qrnn import QRNN
from elman.cells.rglru import RGLRU
from elman.cells.rnn import RNN, ReLURNN
from elman.cells.slstm import SLSTM
from elman.cells.sru import SRU
from elman.errors import SettingsError, SettingTypeError

BUILTIN: Mapping[str, type[Cell]] = MappingProxyType(
    {
        "rnn": RNN,
        "rnn_relu": ReLURNN,
        "lstm": LSTM,
        "peephole_lstm": PeepholeLSTM,
        "cifg": CIFG,
        "gru": GRU,
        "mgu": MGU,
        "indrnn": IndRNN,
        "mingru": MinGRU,
        "minlstm": MinLSTM,
        "lru": LRU,
        "rglru": RGLRU,
        "sru": SRU,
        "qrnn": QRNN,
        "slstm": SLSTM,
    }
)


def resolve(cell: Cell | type[Cell] | str) -> Cell:
    """A cell object from an object, a class or a built-in name such as `"gru"`.

    >>> resolve("gru").gates
    ('r', 'z', 'n')
    """
    if isinstance(cell, str):
        if cell not in BUILTIN:
            raise SettingsError(
                f'cell "{cell[:60]}" is unknown; the built-in ones are {", ".join(BUILTIN)}'
            )
        return BUILTIN[cell]()
    if isinstance(cell, type) and issubclass(cell, Cell):
        return cell()
    if isinstance(cell, Cell):
        return cell
    raise SettingTypeError(
        f"cell must be an elman.Cell, its class or a name, got {type(cell).__name__}"
    )
