"""Hooks of the site's build: a page of the API reference for each public package."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

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
}


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages, which are nowhere on the disk."""
    for folder, name in PACKAGES.items():
        path = f"reference/{folder or 'elman'}.md"
        files.append(File.generated(config, path, content=page(folder, name)))
    return files


def page(folder: str, name: str) -> str:
    """The public names of a package in Markdown, each with its docstring."""
    found = [f"::: {source}" for source in public(folder)]
    return f"# {name}\n\n" + "\n\n".join(found) + "\n"


def public(folder: str) -> list[str]:
    """Where the public names of a package are defined, those that are classes or functions."""
    package = SOURCE / folder
    stub = package / "__init__.pyi"
    tree = ast.parse((stub if stub.exists() else package / "__init__.py").read_text())
    names = [
        f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "elman"
        for alias in node.names
        if alias.asname == alias.name and not alias.name.startswith("_")
    ]
    return [name for name in names if _is_documented(name)]


def _is_documented(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    path = SOURCE.parent / Path(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    return any(
        isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute
        for node in ast.parse(file.read_text()).body
    )
