"""Language: the task, its settings, its head and its sessions."""

from elman.lazy import exports

__getattr__, __dir__ = exports(__name__, __file__)
