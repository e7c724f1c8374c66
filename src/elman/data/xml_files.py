"""XML of unknown origin, read safely: no entity is expanded, nothing outside the file is loaded."""

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from elman.data.text.files import opened
from elman.data.values import shown
from elman.errors import DataError

_BLOCK = 1 << 18
_DEEPEST = 200


@dataclass
class Element:
    """An element of a file.

    **Fields:**

    - `name`, `attributes`: without the prefixes of namespaces.
    - `line`: where it begins.
    - `text`: what stands in it outside its children.
    """

    name: str
    attributes: dict[str, str]
    line: int
    children: "list[Element]" = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> "list[Element]":
        """The children of that name."""
        return [child for child in self.children if child.name == name]

    def walk(self) -> "list[Element]":
        """The element and all below it, in the order of the file."""
        found = [self]
        for child in self.children:
            found += child.walk()
        return found

    def find(self, name: str) -> "Element | None":
        """The first below it of that name."""
        return next((element for element in self.walk() if element.name == name), None)


def parse_file(path: Path, parser: expat.XMLParserType) -> None:
    """Feed a file, also one that gzip has compressed, to a parser.

    A document type may be named and is not loaded; a file that declares entities is refused.
    """

    def refuse(name: str, *_: object) -> None:
        raise DataError(
            f"{path}:{parser.CurrentLineNumber}: the file declares the entity {shown(name)}, which"
            " is not read, for safety"
        )

    parser.EntityDeclHandler = refuse
    try:
        with opened(path) as file:
            while block := file.read(_BLOCK):
                parser.Parse(block, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise DataError(f"{path}:{error.lineno}: bad XML: {what}") from None
    except (LookupError, ValueError) as error:  # an encoding that is not known or of many bytes
        raise DataError(f"{path} cannot be read as XML: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from None


def read_xml(path: Path) -> Element:
    """The root of a file, with all that is in it."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Element("", {}, 0)
    stack = [top]
    texts: list[list[str]] = [[]]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise DataError(f"{path}:{parser.CurrentLineNumber}: elements are nested too deep")
        local = {_local(key): value for key, value in attributes.items()}
        element = Element(_local(name), local, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)
        texts.append([])

    def end(_: str) -> None:
        stack.pop().text = "".join(texts.pop())

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parse_file(path, parser)
    return top.children[0]


def _local(name: str) -> str:
    return name.rpartition(":")[2]
