"""The command line: `main` is the program `elman`."""

from elman.cli import signals as signals  # isort: skip  # the imports below take a second

from elman.cli.app import main as main
