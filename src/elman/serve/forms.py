"""Bodies of type multipart/form-data, read in memory: nothing of them comes to a disk."""

from dataclasses import dataclass, field
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header

from elman.serve.errors import BAD_REQUEST, TOO_LARGE, ServerError

_MOST_PARTS = 64
_MOST_HEADER = 4096  # bytes


@dataclass
class Part:
    """One field of a form; `is_file`: whether it came with a file's name, which is not kept."""

    name: str = ""
    is_file: bool = False
    content: bytearray = field(default_factory=bytearray)


def form_of(body: bytes, content_type: str) -> list[Part]:
    """The fields of a body, in their order; `ServerError` where it is no form, or not a whole one.

    >>> body = b'--x\\r\\ncontent-disposition: form-data; name="a"\\r\\n\\r\\n1\\r\\n--x--\\r\\n'
    >>> (part,) = form_of(body, "multipart/form-data; boundary=x")
    >>> part.name, bytes(part.content)
    ('a', b'1')
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ServerError(BAD_REQUEST, "a body of type multipart/form-data is needed")
    reader = _Reader()
    try:
        parser = MultipartParser(options[b"boundary"], reader.callbacks())
        parser.write(body)
        parser.finalize()
    except ValueError:  # of which the parser's errors are
        raise ServerError(BAD_REQUEST, "the body is not a form") from None
    if not reader.complete:
        raise ServerError(BAD_REQUEST, "the body ends within a field of the form")
    return reader.parts


class _Reader:
    """Gathers what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._name, self._value = bytearray(), bytearray()

    def callbacks(self) -> Any:
        """The functions that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, i, j: self.parts[-1].content.extend(data[i:j]),
            "on_header_field": lambda data, i, j: self._add(self._name, data[i:j]),
            "on_header_value": lambda data, i, j: self._add(self._value, data[i:j]),
            "on_header_end": self._header,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= _MOST_PARTS:
            raise ServerError(TOO_LARGE, f"a form has {_MOST_PARTS} fields at most")
        self.parts.append(Part())

    def _add(self, held: bytearray, more: bytes) -> None:
        held += more
        if len(held) > _MOST_HEADER:
            raise ServerError(TOO_LARGE, "a header of the form is too long")

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self.parts[-1].name = options.get(b"name", b"").decode(errors="replace")
            self.parts[-1].is_file = b"filename" in options
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        self.complete = True
