"""Hooks of the site's build: a page of the API reference for each public package."""

import ast
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[1] / "src" / "elman"
PACKAGES = {
    "": "elman",
    "cells": "elman.cells",
    "nn": "elman.nn",
    "tasks": "elman.tasks",
    "train": "elman.train",
    "diagnose": "elman.diagnose",
    "data": "elman.data",
    "data/shards": "elman.data.shards",
    "decode": "elman.decode",
    "export": "elman.export",
    "serve": "elman.serve",
    "scale": "elman.scale",
    "tune": "elman.tune",
}


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages, which are nowhere on the disk."""
    from mkdocs.structure.files import File

    for folder, name in PACKAGES.items():
        path = f"reference/{folder or 'elman'}.md"
        files.append(File.generated(config, path, content=page(folder, name)))
    return files


def page(folder: str, name: str) -> str:
    """The public names of a package in Markdown, each with its docstring.

    A name that the package does not export is shown with its module.
    """
    full = "" if _exports(_module(folder)) else "\n    options: {show_root_full_path: true}"
    found = [f"::: {source}{full}" for source in public(folder)]
    return f"# {name}\n\n" + "\n\n".join(found) + "\n"


def public(folder: str) -> list[str]:
    """Where the public names of a package are defined, those that are classes or functions, and
    where one is a module of the package, or the package exports nothing, all of its modules. Of
    `elman` those that no other page has."""
    package = _module(folder)
    modules = (f"{package}.{path.stem}" for path in sorted((SOURCE / folder).glob("[!_]*.py")))
    exports = _exports(package) or list(modules)
    names = {full: None for name in exports for full in _documented(name)}
    if not folder:
        others = {each for other in PACKAGES if other for each in public(other)}
        return [name for name in names if name not in others]
    return list(names)


def _module(folder: str) -> str:
    return ".".join(["elman", *folder.split("/")]) if folder else "elman"


def _exports(package: str) -> list[str]:
    """The names that a package exports, each by where it is imported from."""
    folder = SOURCE.parent / Path(*package.split("."))
    stub = folder / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else folder / "__init__.py").read_text())
    return [
        f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module not in (None, "elman")
        for alias in node.names
        if alias.asname == alias.name and not alias.name.startswith("_")
    ]


def _documented(name: str) -> list[str]:
    """The class or function of this name, where it is defined; of a module all of its."""
    module, _, attribute = name.rpartition(".")
    file = _file(module)
    if file.exists():
        return [name] if attribute in _defined(file) else []
    for each in _exports(module):
        if each.endswith(f".{attribute}") and each != name:
            return _documented(each)
    inner = _file(name)
    defined = _defined(inner) if inner.exists() else []
    return [f"{name}.{each}" for each in defined if not each.startswith("_")]


def _file(module: str) -> Path:
    return (SOURCE.parent / Path(*module.split("."))).with_suffix(".py")


def _defined(file: Path) -> list[str]:
    """The classes and functions of a module."""
    body = ast.parse(file.read_text()).body
    return [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
