"""The names and the types of a graph's values in memory, which C and machine code agree on."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from elman.nn.graph import DType

ELEMENTS = {"float32": "float", "int64": "int32_t", "bool": "unsigned char"}  # in C
ARRAYS: Mapping[DType, npt.DTypeLike] = {"float32": np.float32, "int64": np.int32, "bool": np.uint8}

_TAKEN = re.compile(
    r"(i\d+|steps|state|memory|work|weights|scratch|auto|break|case|char|const|continue|default|do"
    r"|double|else|enum|extern|float|for|goto|if|inline|int|long|register|restrict|return|short"
    r"|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while)"
)


def identifier(name: str) -> str:
    """A name as C may have it.

    >>> identifier("layer.0"), identifier("float"), identifier("x")
    ('layer_0', 'float_', 'x')
    """
    name = re.sub(r"\W+", "_", name, flags=re.ASCII)
    return f"{name}_" if _TAKEN.fullmatch(name) or not name else name


def names_of(graphs: Iterable[str], name: str) -> dict[str, str]:
    """Of each graph that is written the name of its functions: a step takes a sequence's place.

    >>> names_of(["sequence", "step"], "net"), names_of(["encode", "step"], "net")
    ({'step': 'net'}, {'encode': 'net_encode', 'step': 'net'})
    """
    graphs = list(graphs)
    main = "step" if "step" in graphs else "sequence"
    others = [each for each in graphs if each not in ("step", "sequence")]
    return {g: name if g == main else f"{name}_{g}" for g in graphs if g in (main, *others)}
