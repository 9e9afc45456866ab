"""The description of the API, and what schemathesis makes of it: no server error, and no answer that is not described."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks

from blockyard_platform.service.api.routing import Gate, check_routes

from .conftest import Patient

Token = Callable[..., dict[str, str]]

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
MINE = {"tenant": "ant", "name": "report", "version": 1}


def operations(app: FastAPI) -> list[Any]:
    """Return every operation that the description has."""
    schema: Any = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    return [it.ok() for it in schema.get_all_operations()]


def get_check(name: str) -> Any:
    """Return a check of schemathesis by its name."""
    return getattr(checks, "CHECKS").get_one(name)  # noqa: B009  (its type is not known)


def left_out(status: int, role: str) -> list[Any]:
    """Return the checks that say nothing here."""
    # Names, cursors and documents have forms that the schema does not tell, and a viewer may not do most things.
    names = ["positive_data_acceptance"]
    if status in (413, 414) or role == "viewer":
        names.append("negative_data_rejection")
    return [get_check(name) for name in names]


def test_the_description_names_every_route_and_its_gate(app: FastAPI) -> None:
    found = app.openapi()
    assert found["openapi"] == "3.1.0"
    told = {
        (method.upper(), path): one
        for path, it in found["paths"].items()
        for method, one in it.items()
    }
    routes = check_routes(app.routes)
    assert set(told) == {(min(it.methods), it.path_format) for it in routes}
    for route in routes:
        one = told[(min(route.methods), route.path_format)]
        assert one["x-needs"] == route.needs.value
        assert ("security" in one) == (route.needs is not Gate.OPEN)
        assert one["responses"]["default"]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
        }
        assert one["operationId"] == route.name
        assert "422" not in one["responses"]
    assert found["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}


@pytest.mark.parametrize("role", ["admin", "viewer"])
@pytest.mark.parametrize("mode", [POSITIVE, NEGATIVE], ids=lambda it: it.value)
@pytest.mark.usefixtures("ids")
def test_whatever_comes_is_answered_as_described(
    mode: Any, role: str, app: FastAPI, token: Token
) -> None:
    mine = token(role, None if role == "admin" else "ant")
    app.state.throttle = Patient()
    statuses: Counter[int] = Counter()

    def checked(case: Any) -> None:
        if mode is POSITIVE:
            case.path_parameters.update(
                {key: MINE[key] for key in MINE if key in case.path_parameters}
            )
        response = case.call(headers=mine)
        statuses[response.status_code] += 1
        leave = left_out(response.status_code, role)
        case.validate_response(response, headers=mine, excluded_checks=leave)

    limits = settings(
        max_examples=4,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    for operation in operations(app):
        try:
            limits(given(case=operation.as_strategy(generation_mode=mode))(checked))()
        except Unsatisfiable:
            assert mode is NEGATIVE  # nothing can be wrong where nothing is given
    assert all(status < 500 for status in statuses)
    assert statuses[200 if mode is POSITIVE else 401] > 20
    assert statuses.total() > 100
