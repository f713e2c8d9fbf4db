from __future__ import annotations

import asyncio
from typing import Any, cast

import httpx
import pytest

from maintainer.errors import BusyError, InputError, InterruptedRunError, MaintainerError, NotFoundError, RefusedError
from maintainer.web.app import create_app


class Breaking:
    """Operations that only break."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    @property
    def context(self) -> Any:
        raise self.error

    def start_run(self, model: str, reason: str, bootstrap: bool) -> str:
        raise self.error


def asked(error: Exception, method: str, path: str, **more: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(cast("Any", Breaking(error))))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/status"), ("POST", "/v1/models/m/samples?name=a.csv")])
def test_a_defect_is_a_500_in_json_whose_traceback_only_the_log_has(
    method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = asked(ZeroDivisionError("the secret detail"), method, path, content=b"" if method == "POST" else None)
    assert (reply.status_code, reply.json()["kind"]) == (500, "ZeroDivisionError")
    assert "Traceback" not in reply.text
    assert "secret" not in reply.text
    assert "the secret detail" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("no such model"), 404),
        (RefusedError("a run is under way"), 409),
        (InputError("no column x"), 422),
        (BusyError("in use"), 503),
        (InterruptedRunError("stopping"), 503),
        (MaintainerError("something else"), 500),
    ],
)
def test_an_error_raised_on_purpose_keeps_its_message_and_has_its_code(error: MaintainerError, code: int) -> None:
    reply = asked(error, "GET", "/v1/status")
    assert (reply.status_code, reply.json()) == (code, {"error": str(error), "kind": type(error).__name__})


def test_a_body_that_is_not_understood_is_told_field_by_field() -> None:
    reply = asked(AssertionError(), "POST", "/v1/models/m/runs", json={"reason": 7})
    assert (reply.status_code, reply.json()["kind"]) == (422, "RequestValidationError")
    assert reply.json()["error"].startswith("body.reason: ")


def test_what_is_not_offered_is_told_in_the_same_shape() -> None:
    assert "/v1/nonsense" in asked(AssertionError(), "GET", "/v1/nonsense").json()["error"]
    assert asked(AssertionError(), "DELETE", "/v1/runs").status_code == 405
