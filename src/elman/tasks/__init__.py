from elman.lazy import exports
from elman.tasks.load import load as load  # also a module's name

__getattr__, __dir__ = exports(__name__, __file__)
