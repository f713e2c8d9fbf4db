"""The daemon: APScheduler is the clock, the API answers on a unix socket, signals stop and reload it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler  # pyright: ignore[reportMissingTypeStubs]

from maintainer.daemon.context import Context
from maintainer.daemon.notify import Notifier
from maintainer.daemon.operations import Operations
from maintainer.errors import MaintainerError, SettingsError
from maintainer.settings import Settings
from maintainer.store.owner import Owner

log = logging.getLogger(__name__)

SOCKET_PATH_BYTES = 107  # what the kernel takes


def utc_now() -> datetime:
    """Return the present, the production clock."""
    return datetime.now(UTC)


class Beat:
    """One tick of the clock, and what it tells the log and systemd."""

    def __init__(self, operations: Operations, notifier: Notifier) -> None:
        self._operations, self._notifier = operations, notifier
        self._ready = False
        self._said: set[str] = set()

    def __call__(self) -> None:
        """Do what is due; a failure is said and survived."""
        try:
            sentences = self._operations.tick()
        except MaintainerError as error:
            sentences = [str(error)]
        except Exception as error:  # a defect must not stop the clock
            log.exception("the tick broke")
            sentences = [f"the tick broke: {type(error).__name__}: {error}"]
        for sentence in sentences:
            if sentence not in self._said:  # what goes wrong at every tick is said once
                log.info("%s", sentence)
            self._notifier.status(sentence)
        self._said = set(sentences)
        self._notifier.send("WATCHDOG=1")
        if not self._ready:
            self._ready = True
            self._notifier.send("READY=1")


def listen(path: Path) -> socket.socket:
    """Return a listening unix socket that only its owner and group may use.

    Raises:
        SettingsError: the path is too long, or cannot be bound.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        raise SettingsError(f"{path} is longer than the {SOCKET_PATH_BYTES} bytes of a socket's path; use a shorter state")
    path.unlink(missing_ok=True)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o117)
    try:
        channel.bind(str(path))
    except OSError as error:
        raise SettingsError(f"{path} cannot be bound: {error.strerror or error}") from error
    finally:
        os.umask(former)
    channel.listen(128)
    return channel


class Service:
    """The running daemon."""

    def __init__(self, settings: Settings, make_app: Callable[[Operations], Any]) -> None:
        self._settings, self._make_app = settings, make_app
        self._stopped = threading.Event()

    def run(self) -> None:
        """Run until a signal stops it.

        Raises:
            BusyError: another process owns the state.
            StoreError: the state directory cannot be used.
        """
        with Owner(self._settings.state):
            context = Context.open(self._settings, utc_now)
            runner = ThreadPoolExecutor(1, "run")
            operations = Operations(context, runner)
            notifier = Notifier()
            scheduler = self._scheduler(Beat(operations, notifier))
            try:
                self._serve(operations, scheduler, notifier)
            finally:
                notifier.send("STOPPING=1")
                context.stopping.set()
                scheduler.shutdown(wait=True)
                runner.shutdown(wait=True, cancel_futures=True)
                context.close()
                self._settings.socket.unlink(missing_ok=True)
                log.info("stopped")

    def _scheduler(self, beat: Beat) -> Any:
        scheduler: Any = BackgroundScheduler(timezone=UTC)
        scheduler.add_job(
            beat,
            "interval",
            id="tick",
            seconds=self._settings.poll_seconds,
            next_run_time=utc_now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        return scheduler

    def _serve(self, operations: Operations, scheduler: Any, notifier: Notifier) -> None:
        config = uvicorn.Config(self._make_app(operations), log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        channel = listen(self._settings.socket)

        def reload(number: int, frame: FrameType | None) -> None:
            del number, frame
            notifier.reloading()
            scheduler.modify_job("tick", next_run_time=utc_now())
            notifier.send("READY=1")

        signal.signal(signal.SIGHUP, reload)
        scheduler.start()
        log.info("serving %s", self._settings.socket)
        server.run(sockets=[channel])
