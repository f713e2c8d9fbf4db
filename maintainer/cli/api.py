"""The client: one set of calls, two ways to the same app."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from maintainer.cli import say
from maintainer.errors import BusyError, InputError, MaintainerError, NotFoundError
from maintainer.settings import Settings

POLL_SECONDS = 0.2


class ApiError(MaintainerError):
    """The app refused; the message is its own."""


class Api:
    """Calls to the app: of the daemon when one answers on the socket, otherwise mounted in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._close: list[Callable[[], object]] = [self._runner.close]
        try:
            connected = self._connected()
            self.has_daemon = connected is not None
            self._client = connected or self._mounted()
        except BaseException:
            self._runner.close()
            raise

    def __enter__(self) -> Api:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._client.aclose())
        for close in reversed(self._close):
            close()

    def _connected(self) -> httpx.AsyncClient | None:
        path = str(self._settings.socket)
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
        except OSError:  # nobody listens: the app is mounted here instead
            return None
        return httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=path), base_url="http://maintainer", timeout=None
        )

    def _mounted(self) -> httpx.AsyncClient:
        from maintainer.daemon.context import Context
        from maintainer.daemon.operations import Operations
        from maintainer.daemon.service import utc_now
        from maintainer.store.owner import Owner
        from maintainer.web.app import create_app

        owner = Owner(self._settings.state)
        context = Context.open(self._settings, utc_now)
        runner = ThreadPoolExecutor(1, "run")
        operations = Operations(context, runner)
        operations.recover()
        self._close += [owner.release, context.close]
        self._close += [lambda: runner.shutdown(cancel_futures=True), context.stopping.set]
        transport = httpx.ASGITransport(app=create_app(operations))
        return httpx.AsyncClient(transport=transport, base_url="http://maintainer", timeout=None)

    def get(self, path: str, **query: str | None) -> Any:
        """Return the JSON of a GET."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._checked(self._client.get(f"/v1{path}", params=given))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a POST."""
        return self._checked(self._client.post(f"/v1{path}", json=body))

    def upload(self, path: str, file: Path, name: str) -> Any:
        """Return the JSON of a POST of a file, sent piece by piece."""
        if not file.is_file() and str(file) != "/dev/stdin":
            raise NotFoundError(f"{file}: no such file")
        return self._checked(self._client.post(f"/v1{path}", params={"name": name}, content=_pieces(file)))

    def follow(self, run: str) -> dict[str, Any]:
        """Wait until a run is over or paused, telling its journal; return it."""
        told = 0
        with say.progress(f"run {run}") as tell:
            while True:
                found = self.get(f"/runs/{run}")
                for event in found["events"][told:]:
                    if event["kind"] != "started":
                        tell(f"  {event['phase']:8} {event['kind']}: {event['note']}")
                told = len(found["events"])
                if found["over"] or found["paused"]:
                    return found
                time.sleep(POLL_SECONDS)

    def _checked(self, call: Any) -> Any:
        try:
            response: httpx.Response = self._runner.run(call)
        except httpx.HTTPError as error:
            raise BusyError(f"the daemon at {self._settings.socket} does not answer: {error}") from error
        if response.is_success:
            return response.json()
        try:
            message = response.json().get("error") or response.text
        except ValueError as error:
            raise ApiError(f"the app answered {response.status_code}: {response.text[:200]}") from error
        raise ApiError(str(message))


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                yield piece
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
