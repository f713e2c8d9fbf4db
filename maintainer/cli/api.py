"""The client: one set of calls, two ways to the same app."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from maintainer.cli import say
from maintainer.errors import BusyError, InputError, MaintainerError, NotFoundError, PolicyError
from maintainer.settings import Settings

POLL_SECONDS = 0.2
LOG = "maintainer.log"  # has the tracebacks, as there is no daemon's log


class ApiError(MaintainerError):
    """The app refused; the message is its own."""


def place(*steps: str) -> str:
    """Return the path of something by name, whatever characters its name has.

    Raises:
        InputError: a name is empty.
    """
    if not all(steps):
        raise InputError("the name is empty; wanted that of a model, a run or a check")
    return "".join(f"/{quote(step, safe='')}" for step in steps)


class Api:
    """Calls to the app: of the daemon when one answers on the socket, otherwise mounted in this process."""

    def __init__(self, settings: Settings, begin: bool = False) -> None:
        """Connect; `begin` where the command may be the first one, which makes the state directory.

        Raises:
            NotFoundError: there is no state directory, and it is not for this command to make one.
        """
        self._settings, self._begin = settings, begin
        self._ends = ExitStack()  # what is entered last ends first
        self._runner = self._ends.enter_context(asyncio.Runner())
        try:
            connected = self._connected()
            self.has_daemon = connected is not None
            self._client = connected or self._mounted()
        except BaseException:
            self._ends.close()
            raise

    def __enter__(self) -> Api:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._client.aclose())
        self._ends.close()

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
        from maintainer.daemon.service import join_requests, utc_now
        from maintainer.store.owner import Owner
        from maintainer.web.app import create_app

        self._require_state()
        self._ends.enter_context(Owner(self._settings.state))
        self._ends.enter_context(_logged(self._settings.state / LOG))
        context = Context.open(self._settings, utc_now)
        self._ends.callback(context.close)
        runner = ThreadPoolExecutor(1, "run")
        self._ends.callback(runner.shutdown, cancel_futures=True)
        self._ends.callback(join_requests)
        self._ends.callback(context.stopping.set)
        operations = Operations(context, runner)
        operations.recover()
        transport = httpx.ASGITransport(app=create_app(operations))
        return httpx.AsyncClient(transport=transport, base_url="http://maintainer", timeout=None)

    def _require_state(self) -> None:
        """Refuse to make a state directory in a folder that is none of ours."""
        state, policies = self._settings.state, self._settings.policies
        if not state.is_dir() and not (self._begin and policies.is_dir()):
            found = "" if policies.is_dir() else f", nor a policy folder {policies}"
            raise NotFoundError(
                f"there is no state directory {state}{found}; `maintainer init` begins one here, --state names another"
            )

    def get(self, path: str, **query: str | None) -> Any:
        """Return the JSON of a GET."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._checked(self._client.get(f"/v1{path}", params=given))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a POST."""
        return self._checked(self._client.post(f"/v1{path}", json=body))

    def upload(self, path: str, file: Path, name: str) -> Any:
        """Return the JSON of a POST of a file, sent piece by piece."""
        if file.is_dir():
            raise InputError(f"{file} is a folder; wanted a file")
        if not file.is_file() and str(file) != "/dev/stdin":
            raise NotFoundError(f"{file}: no such file")
        return self._checked(self._client.post(f"/v1{path}", params={"name": name}, content=_pieces(file)))

    def follow(self, run: str) -> dict[str, Any]:
        """Wait until a run is over or paused, telling its journal; return it."""
        told = 0
        with say.progress(f"run {run}") as tell:
            while True:
                found = self.get(place("runs", run))
                for event in found["events"][told:]:
                    if event["kind"] != "started":
                        tell(f"  {event['phase']:8} {event['kind']}: {event['note']}")
                told = len(found["events"])
                if found["over"] or found["paused"]:
                    return found
                time.sleep(POLL_SECONDS)

    def experiment(self, path: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Begin an experiment and wait until it is over, telling its news; return its result.

        Raises:
            ApiError: it could not be done; the message says why.
        """
        name = self.post(path, body)["experiment"]
        told = 0
        with say.progress(what) as tell:
            while True:
                found = self.get(place("experiments", name))
                for line in found["told"][told:]:
                    tell(f"  {line}")
                told = len(found["told"])
                if found["over"]:
                    break
                time.sleep(POLL_SECONDS)
        if found["error"] is not None:
            raise ApiError(found["error"])
        return found["result"]

    def _checked(self, call: Any) -> Any:
        try:
            response: httpx.Response = self._runner.run(call)
        except httpx.HTTPError as error:
            raise BusyError(f"the daemon at {self._settings.socket} does not answer: {error}") from error
        if response.is_success:
            return response.json()
        try:
            told: dict[str, Any] = response.json()
        except ValueError as error:
            raise ApiError(f"the app answered {response.status_code}: {response.text[:200]}") from error
        message = str(told.get("error") or response.text)
        if told.get("kind") == PolicyError.__name__:
            raise PolicyError(message.splitlines())
        where = "" if self.has_daemon or response.status_code != 500 else f", {self._settings.state / LOG}"
        raise ApiError(message + where)


@contextmanager
def _logged(path: Path) -> Generator[None]:
    """Keep in a file, which is made when it is needed, what the program warns of while the block runs."""
    log, handler = logging.getLogger("maintainer"), logging.FileHandler(path, delay=True)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    try:
        with file.open("rb") as source:
            while piece := source.read(1 << 20):
                yield piece
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
