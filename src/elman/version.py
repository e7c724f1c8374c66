"""The version of elman."""

__version__ = "0.1.0"
