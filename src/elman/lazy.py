"""Packages whose names are imported on first use: torch alone takes more than a second."""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def exports(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's `__getattr__` and `__dir__`, by the imports of the stub beside its `__init__.py`.

    The stub, `__init__.pyi`, holds lines `from module import name as name`, as a type checker
    reads them; modules of the package itself are imported on first use, too.

    >>> import elman
    >>> get, _ = exports("elman.train", elman.train.__file__)
    >>> get("TrainSettings").__module__
    'elman.train.settings'
    """
    loader: Any = sys.modules[package].__loader__  # of files or of a zip file
    stub = loader.get_data(str(Path(file).with_suffix(".pyi")))
    sources = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = sources[name]
        if module == package:
            return importlib.import_module(f"{package}.{attribute}")
        found = getattr(importlib.import_module(module), attribute)
        vars(sys.modules[package])[name] = found
        return found

    return get, lambda: sorted(sources)
