import doctest
import importlib
import pkgutil

import pytest

import elman

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(elman.__path__, "elman.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
