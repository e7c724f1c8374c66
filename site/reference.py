"""Hooks of the site's build: a page of the API reference for each public package."""

import ast
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

DOCS = Path(__file__).parents[1] / "docs"
SOURCE = Path(__file__).parents[1] / "src" / "elman"
PACKAGES = {
    "": "elman",
    "cells": "elman.cells",
    "nn": "elman.nn",
    "tasks": "elman.tasks",
    "train": "elman.train",
    "diagnose": "elman.diagnose",
    "data": "elman.data",
    "decode": "elman.decode",
    "export": "elman.export",
    "serve": "elman.serve",
    "scale": "elman.scale",
    "tune": "elman.tune",
}


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages, which are nowhere on the disk."""
    for folder, name in PACKAGES.items():
        path = f"reference/{folder or 'elman'}.md"
        files.append(File.generated(config, path, content=page(folder, name)))
    return files


def page(folder: str, name: str) -> str:
    """The public names of a package in Markdown, each with its docstring.

    A name that the package does not export is shown with its module.
    """
    full = "" if exported(SOURCE / folder) else "\n    options: {show_root_full_path: true}"
    found = [f"::: {source}{full}" for source in public(folder)]
    return f"# {name}\n\n" + "\n\n".join(found) + "\n"


def public(folder: str) -> list[str]:
    """Where the public names of a package are defined, those that are classes or functions.

    Names of a package with a page of its own stand there. A package that exports no names shows
    those of its modules that the docs name.
    """
    package = SOURCE / folder
    names = [
        name
        for module, attribute in exported(package)
        if module not in PACKAGES.values() and (name := _definition(module, attribute))
    ]
    if not names:
        docs = "\n".join(path.read_text("utf-8") for path in sorted(DOCS.glob("*.md")))
        modules = re.findall(rf"from ({PACKAGES[folder]}\.\w+) import ([\w, ]+)", docs)
        found = {f"{module}.{name}" for module, some in modules for name in some.split(", ")}
        found |= {*re.findall(rf"`({PACKAGES[folder]}\.\w+\.\w+)`", docs)}
        names = [each for name in sorted(found) if (each := _definition(*name.rsplit(".", 1)))]
    return names


def exported(package: Path) -> list[tuple[str, str]]:
    """The modules and names that a package imports in order to export them."""
    stub = package / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else package / "__init__.py").read_text())
    return [
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module not in (None, "elman")
        for alias in node.names
        if alias.asname == alias.name and not alias.name.startswith("_")
    ]


def _definition(module: str, name: str) -> str | None:
    """The full name where a class or function is defined; None for anything else."""
    path = SOURCE.parent / Path(*module.split("."))
    if not path.is_dir():
        return f"{module}.{name}" if name in _defined(path.with_suffix(".py")) else None
    inner = {name: module for module, name in exported(path)}
    if name in inner:
        return _definition(inner[name], name)
    return f"{module}.{name}" if name in _defined(path / "__init__.py") else None


def _defined(path: Path) -> list[str]:
    """The classes and functions of a module, in its order."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)]
