"""From LLVM's object file for WebAssembly to a module that runs: what a linker would do for one.

All functions and data are in one object, so that LLVM has filled in every address but what
lies outside: the memory and the stack pointer, which are imported. The module has its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from elman.errors import ExportError

PAGE = 1 << 16
STACK = 1 << 16  # bytes for the stack
_FUNCTION, _TABLE, _MEMORY, _GLOBAL = range(4)
_CUSTOM, _IMPORTS, _CODE, _DATA, _COUNT = 0, 2, 10, 11, 12
_ABSENT = 0x10  # flag of a symbol that is defined elsewhere
_NAMED = 0x40  # flag of such a symbol whose name is written
_SYMBOLS = 8  # the part of the section `linking` that lists symbols


@dataclass
class Linked:
    """A module, and the first address of its memory that is free."""

    content: bytes
    heap: int


@dataclass
class _Reader:
    data: bytes
    at: int = 0

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            one = self.byte()
            value |= (one & 127) << shift
            shift += 7
            if one < 128:
                return value

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def name(self) -> str:
        return self.bytes(self.number()).decode()

    def skip_limits(self) -> None:
        has_most = self.number() & 1
        self.number()
        if has_most:
            self.number()

    @property
    def ended(self) -> bool:
        return self.at >= len(self.data)


@dataclass
class _Object:
    sections: list[tuple[int, bytes]]
    outside: list[str] = field(default_factory=list)  # imported functions
    functions: dict[str, int] = field(default_factory=dict)
    globals: list[str] = field(default_factory=list)


def link(content: bytes, exports: Sequence[str]) -> Linked:
    """The module with its own memory, which it exports with the named functions."""
    found = _read(content)
    if found.outside:
        raise ExportError(f"the module needs functions from outside: {', '.join(found.outside)}")
    assert found.globals in ([], ["__stack_pointer"]), found.globals
    end = max((stop for _, stop in _segments(found)), default=0)
    top = -(-end // 16) * 16 + STACK
    pages = -(-top // PAGE)
    added = {
        5: _list([b"\x00" + _leb(pages)]),
        6: _list([b"\x7f\x01\x41" + _signed(top) + b"\x0b"] * len(found.globals)),
        7: _list(
            [_text("memory") + bytes([_MEMORY, 0])]
            + [_text(n) + bytes([_FUNCTION]) + _leb(found.functions[n]) for n in exports]
        ),
    }
    kept = {number: body for number, body in found.sections if number not in (_CUSTOM, _IMPORTS)}
    order = [1, 3, 4, 5, 6, 7, 9, _COUNT, _CODE, _DATA]
    parts = [(number, added.get(number) or kept.get(number)) for number in order]
    body = b"".join(bytes([n]) + _leb(len(part)) + part for n, part in parts if part is not None)
    return Linked(content[:8] + body, top)


def _read(content: bytes) -> _Object:
    reader, found = _Reader(content, 8), _Object([])
    while not reader.ended:
        number = reader.byte()
        found.sections.append((number, reader.bytes(reader.number())))
    for number, body in found.sections:
        if number == _IMPORTS:
            _imports(_Reader(body), found)
        elif number == _CUSTOM:
            section = _Reader(body)
            if section.name() == "linking":
                section.number()  # version
                _symbols(section, found)
    return found


def _imports(reader: _Reader, found: _Object) -> None:
    for _ in range(reader.number()):
        reader.name()
        name, kind = reader.name(), reader.byte()
        if kind == _FUNCTION:
            reader.number()
            found.outside.append(name)
        elif kind == _TABLE:
            reader.byte()
            reader.skip_limits()
        elif kind == _MEMORY:
            reader.skip_limits()
        else:
            reader.bytes(2)
            found.globals.append(name)


def _symbols(reader: _Reader, found: _Object) -> None:
    while not reader.ended:
        kind, size = reader.byte(), reader.number()
        part = _Reader(reader.bytes(size))
        if kind != _SYMBOLS:
            continue
        for _ in range(part.number()):
            kind, flags = part.byte(), part.number()
            if kind == 1:  # data
                part.name()
                if not flags & _ABSENT:
                    for _ in range(3):
                        part.number()
            elif kind == 3:  # a section
                part.number()
            else:
                index = part.number()
                if not flags & _ABSENT or flags & _NAMED:
                    name = part.name()
                    if kind == 0:
                        found.functions[name] = index


def _segments(found: _Object) -> Iterator[tuple[int, int]]:
    """First address and end of each piece of data."""
    for number, body in found.sections:
        if number != _DATA:
            continue
        reader = _Reader(body)
        for _ in range(reader.number()):
            assert (reader.number(), reader.byte()) == (0, 0x41), "data of a memory, at a constant"
            start = reader.number()  # LLVM lays data from 0 on: written in so few bits, no sign
            assert reader.byte() == 0x0B
            size = reader.number()
            reader.bytes(size)
            yield start, start + size


def _leb(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _signed(value: int) -> bytes:
    """Signed LEB128 of a number that is not negative."""
    out = bytearray()
    while value > 63:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _text(name: str) -> bytes:
    return _leb(len(name)) + name.encode()


def _list(parts: Sequence[bytes]) -> bytes | None:
    return _leb(len(parts)) + b"".join(parts) if parts else None
