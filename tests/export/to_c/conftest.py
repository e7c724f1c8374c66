import pytest

from elman.export.to_c.native import compiler


@pytest.fixture(scope="session")
def cc() -> str:
    """The C compiler of this machine."""
    found = compiler()
    if found is None:
        pytest.skip("no C compiler is here")
    return found
