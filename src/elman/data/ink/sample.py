"""One piece of handwriting as a file or a dataset gives it."""

from typing import NamedTuple

from elman.data.ink.ink import Ink


class Sample(NamedTuple):
    """Ink, or why it cannot be read, with what the source says of it.

    **Fields:**

    - `ink`: what was drawn, or the reason in words.
    - `name`: where it comes from, as `digits.dat:12`.
    - `text`: its label or transcript; None if unknown.
    - `writer`: who wrote it; None if unknown.
    """

    ink: Ink | str
    name: str
    text: str | None = None
    writer: str | None = None
