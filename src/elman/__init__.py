"""Recurrent networks, from the equation to the service."""

from elman import moved
from elman.lazy import exports
from elman.version import __version__ as __version__

moved.install()
__getattr__, __dir__ = exports(__name__, __file__)
