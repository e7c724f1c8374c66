"""Values in messages."""

import reprlib

_SHORT = reprlib.Repr()  # also of what refers to itself or grows when it is written out
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 200


def shown(value: object, width: int = 60) -> str:
    """A value for a message: its `repr`, on one line and cut to `width` characters.

    >>> shown("abc" * 100, width=10)
    "'abcabc..."
    """
    try:
        text = repr(value[: width + 1]) if isinstance(value, str) else _SHORT.repr(value)
    except Exception:  # an integer of more digits than Python writes; an object's own repr
        text = f"a {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 3]}..."
