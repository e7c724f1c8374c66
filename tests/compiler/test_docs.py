import doctest
from pathlib import Path


def test_the_page_on_the_compiler_shows_what_it_does() -> None:
    page = Path(__file__).parents[2] / "docs" / "compiler.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted >= 5
    assert result.failed == 0
