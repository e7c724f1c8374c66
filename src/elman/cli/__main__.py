"""`python -m elman.cli`."""

from elman.cli import main

main()
