"""Static libraries: object files in Unix's archive format, with the index that linkers look in."""

from collections.abc import Mapping, Sequence

_MAGIC = b"!<arch>\n"


def archive(objects: Mapping[str, bytes], symbols: Mapping[str, Sequence[str]]) -> bytes:
    """An archive of object files by name; `symbols` are the functions that each defines.

    >>> content = archive({"a.o": b"12345"}, {"a.o": ["f"]})
    >>> content[:8], len(content)
    (b'!<arch>\\n', 144)
    """
    names = [(name, each) for name in objects for each in symbols[name]]
    texts = b"".join(each.encode() + b"\0" for _, each in names)
    index_size = 4 + 4 * len(names) + len(texts)
    places, at = {}, len(_MAGIC) + 60 + index_size + index_size % 2
    for name, content in objects.items():
        places[name] = at
        at += 60 + len(content) + len(content) % 2
    index = len(names).to_bytes(4, "big")
    index += b"".join(places[name].to_bytes(4, "big") for name, _ in names) + texts
    members = [_member("/", index), *(_member(f"{n}/", c) for n, c in objects.items())]
    return _MAGIC + b"".join(members)


def _member(name: str, content: bytes) -> bytes:
    """A member; of date, owner and group 0, so that equal objects give equal archives."""
    if len(name) > 16:
        raise ValueError(f"{name} is longer than a name in an archive may be")
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}".encode() + b"`\n"
    return head + content + b"\n" * (len(content) % 2)
