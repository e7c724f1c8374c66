"""What an ELF object file needs from outside."""

import struct

_UNDEFINED, _SYMBOLS = 0, 2  # a section's number; a section's type
_OF_LINKERS = ("_GLOBAL_OFFSET_TABLE_",)  # every linker defines it


def undefined(content: bytes) -> list[str]:
    """The names of functions and data that the object does not define."""
    wide = content[4] == 2
    order = "<" if content[5] == 1 else ">"
    start, size, count = _sections(content, order, wide=wide)
    sections = [_section(content, start + size * index, order, wide=wide) for index in range(count)]
    found = []
    for kind, offset, length, link, each in sections:
        if kind != _SYMBOLS:
            continue
        texts = sections[link][1]
        for at in range(offset + each, offset + length, each):
            name, section = _symbol(content, at, order, wide=wide)
            if section == _UNDEFINED and name:
                begin = texts + name
                found.append(content[begin : content.index(b"\0", begin)].decode())
    return [each for each in found if each not in _OF_LINKERS]


def _sections(content: bytes, order: str, *, wide: bool) -> tuple[int, int, int]:
    """Where the table of sections begins, the size of an entry, and how many there are."""
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), content, 40 if wide else 32)
    size, count = struct.unpack_from(f"{order}HH", content, 58 if wide else 46)
    return start, size, count


def _section(content: bytes, at: int, order: str, *, wide: bool) -> tuple[int, int, int, int, int]:
    """Type, place, length, linked section and size of an entry."""
    if wide:
        fields = struct.unpack_from(f"{order}IIQQQQIIQQ", content, at)
    else:
        fields = struct.unpack_from(f"{order}IIIIIIIIII", content, at)
    return fields[1], fields[4], fields[5], fields[6], fields[9]


def _symbol(content: bytes, at: int, order: str, *, wide: bool) -> tuple[int, int]:
    """Where a symbol's name begins in its section of texts, and the section that defines it."""
    if wide:
        name, _, _, section = struct.unpack_from(f"{order}IBBH", content, at)
    else:
        name, _, _, _, _, section = struct.unpack_from(f"{order}IIIBBH", content, at)
    return name, section
