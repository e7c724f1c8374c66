"""The OpenAPI document is whole, and no request made up from it makes the server fail."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from elman.serve.app import app
from elman.tasks import Task

schemathesis = pytest.importorskip("schemathesis")

NAMES = ("classify", "language", "speech")
SETTINGS = settings(
    max_examples=10,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_requests_made_up_from_the_document(serving: Any, made: Callable[[str], Task]) -> None:
    with serving([made(name) for name in NAMES], max_seconds=20) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        routes = [each.ok() for each in schema.get_all_operations()]
        assert len(routes) >= 10
        for route in routes:
            SETTINGS(given(route.as_strategy())(answered))()
        server.when_idle()


def test_every_reference_of_the_document_leads_somewhere(made: Callable[[str], Task]) -> None:
    application = app([made("classify")])
    document = application.openapi()
    application.state.context.models.close()
    for path in set(re.findall(r"'\$ref': '([^']+)'", str(document))):
        assert path.startswith("#/components/schemas/")
        assert path.rpartition("/")[2] in document["components"]["schemas"]


def answered(case: Any) -> None:
    if "name" in case.path_parameters:  # a model that there is, mostly
        length = len(str(case.path_parameters["name"]))
        case.path_parameters["name"] = [*NAMES, "none"][length % 4]
    answer = case.call(timeout=30)
    assert answer.status_code < 500, (case.path, case.body, answer.text)
    assert "Traceback" not in answer.text
