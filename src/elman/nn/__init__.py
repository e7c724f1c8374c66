from elman.nn.backends import Backend as Backend
from elman.nn.backends import backends as backends
from elman.nn.layer import Recurrent as Recurrent
from elman.nn.layer import layer as layer
from elman.nn.layers import GRU as GRU
from elman.nn.layers import LSTM as LSTM
from elman.nn.layers import RNN as RNN
from elman.nn.ragged import Ragged as Ragged
