"""Imports point one way: each floor of the house uses those below it, and no module itself."""

import ast
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "elman"
FLOORS = (
    {"cli"},
    {"serve", "export"},
    {"quickstart", "bench", "tune", "scale"},
    {"tasks"},
    {"baselines"},
    {"train", "decode"},
    {"data", "diagnose"},
    {"nn"},
    {"compiler"},
    {"cells"},
    {"math", "html", "heat_map", "svg"},
    {"folders", "tensor_files"},
    {"files"},
    {"errors", "lazy", "messages", "moved", "progress", "version"},
)
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def modules() -> dict[str, Path]:
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(("elman", *(p for p in parts if p != "__init__")))] = path
    return found


@cache
def imports(path: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """A file's import statements, but those for types, and whether each is within a function."""
    stub = path.with_suffix(".pyi")  # what a package imports on first use
    tree = ast.parse(path.read_text() + (stub.read_text() if stub.exists() else ""))
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []

    def visit(node: ast.AST, later: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append((node, later))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        elif not isinstance(node, ast.expr):
            for child in ast.iter_child_nodes(node):
                visit(child, later or isinstance(node, ast.FunctionDef))

    visit(tree, False)
    return found


def imported(path: Path, known: dict[str, Path], *, at_once: bool) -> set[str]:
    """The modules that a file imports; with `at_once` those alone that its import imports."""
    names: set[str] = set()
    for node, later in imports(path):
        if at_once and later:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                names.add(full if full in known else node.module)
    return {name for name in names if name in known}


def test_every_room_has_a_floor() -> None:
    rooms = {name.split(".")[1] for name in modules() if "." in name}
    assert rooms == set(FLOOR)


def test_no_import_points_upwards() -> None:
    known = modules()
    upwards = []
    for name, path in known.items():
        if "." not in name:
            continue
        floor = FLOOR[name.split(".")[1]]
        for other in imported(path, known, at_once=False):
            room = other.split(".")[1] if "." in other else None
            if room is not None and room != name.split(".")[1] and FLOOR[room] <= floor:
                upwards.append(f"{name} imports {other}")
    assert not upwards, "\n".join(upwards)


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {name: imported(path, known, at_once=True) for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            circle = (*way[way.index(name) :], name)
            if any(known[each].name != "__init__.py" for each in circle):
                pytest.fail(" -> ".join(circle))
        if name in done:
            return
        for other in sorted(graph[name]):
            visit(other, (*way, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())
