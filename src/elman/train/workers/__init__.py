"""Several processes that train one network, with the same weights for any number of them."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
