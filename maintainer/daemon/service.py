"""The daemon: APScheduler is the clock, the API answers on a unix socket, signals stop and reload it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler  # pyright: ignore[reportMissingTypeStubs]
from apscheduler.triggers.base import BaseTrigger  # pyright: ignore[reportMissingTypeStubs]

from maintainer.daemon.context import Context
from maintainer.daemon.notify import Notifier
from maintainer.daemon.operations import Operations
from maintainer.errors import MaintainerError, SettingsError, StoreError
from maintainer.settings import Settings
from maintainer.store.owner import Owner

log = logging.getLogger(__name__)

SOCKET_PATH_BYTES = 107  # what the kernel takes
GRACE_SECONDS = 3  # for requests under way when the daemon stops
REQUEST_THREAD = "AnyIO worker thread"  # the name that anyio gives to them


def utc_now() -> datetime:
    """Return the present, the production clock."""
    return datetime.now(UTC)


class Every(BaseTrigger):
    """An interval from now on: after a jump of the clock nothing is made up for, and nothing is counted out."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any:
        """Return the time of the next tick, a datetime."""
        del previous_fire_time
        return now + self._interval


class Beat:
    """One tick of the clock, and what it tells the log and systemd."""

    def __init__(self, operations: Operations, notifier: Notifier) -> None:
        self._operations, self._notifier = operations, notifier
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
        self._notifier.alive()


def listen(path: Path) -> socket.socket:
    """Return a listening unix socket that only its owner and group may use.

    Raises:
        SettingsError: the path is too long, or cannot be bound.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        most = f"the {SOCKET_PATH_BYTES} bytes of a socket's path"
        raise SettingsError(f"{path} is longer than {most}; use a shorter state directory")
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o117)
    try:
        path.unlink(missing_ok=True)
        channel.bind(str(path))
        channel.listen(128)
    except OSError as error:
        channel.close()
        raise SettingsError(f"{path} cannot be bound: {error.strerror or error}") from error
    finally:
        os.umask(former)
    return channel


class Service:
    """The running daemon."""

    def __init__(self, settings: Settings, make_app: Callable[[Operations], Any]) -> None:
        self._settings, self._make_app = settings, make_app
        self._stopped = threading.Event()
        self._api_broke = False

    def run(self) -> None:
        """Run until a signal stops it; call from the main thread.

        Raises:
            BusyError: another process owns the state.
            StoreError: the state directory cannot be used.
            MaintainerError: the API ended by itself.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload, and again at the end
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        logging.getLogger("apscheduler").setLevel(
            logging.ERROR
        )  # it tells of every tick, and of one that waits for a long one
        with Owner(self._settings.state), ExitStack() as ends:  # what is entered last ends first
            notifier = Notifier()
            context = Context.open(self._settings, utc_now, notifier.alive)
            ends.callback(context.close)
            runner = ThreadPoolExecutor(1, "run")
            ends.callback(runner.shutdown, wait=True, cancel_futures=True)
            operations = Operations(context, runner, notifier.status)
            scheduler = self._scheduler(Beat(operations, notifier))
            ends.callback(_end_clock, scheduler)
            ends.enter_context(self._serving(operations))
            ends.callback(_stopping, context, notifier)
            signal.signal(signal.SIGHUP, _reloading(operations, scheduler, notifier))
            _open_store(context)
            scheduler.start()
            notifier.send("READY=1", f"STATUS=serving {self._settings.socket}")
            while not self._stopped.wait(self._settings.poll_seconds):
                keep_time(scheduler, timedelta(seconds=self._settings.poll_seconds))
        log.info("stopped")
        if self._api_broke:
            raise MaintainerError("the API ended by itself, and the daemon with it; the log says why")

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        log.info("%s: stopping", signal.Signals(number).name)
        self._stopped.set()

    def _scheduler(self, beat: Beat) -> Any:
        scheduler: Any = BackgroundScheduler(timezone=UTC)
        scheduler.add_job(
            beat,
            Every(timedelta(seconds=self._settings.poll_seconds)),
            id="tick",
            next_run_time=utc_now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        return scheduler

    @contextmanager
    def _serving(self, operations: Operations) -> Generator[None]:
        """Serve the API while the block runs; not in the main thread, where uvicorn would take the signals."""
        config = uvicorn.Config(
            self._make_app(operations),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server, channel = uvicorn.Server(config), listen(self._settings.socket)
        thread = threading.Thread(target=self._serve, args=(server, channel), name="api")
        thread.start()
        log.info("serving %s", self._settings.socket)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()
            join_requests()
            self._settings.socket.unlink(missing_ok=True)

    def _serve(self, server: uvicorn.Server, channel: socket.socket) -> None:
        try:
            server.run(sockets=[channel])
        except BaseException:  # uvicorn leaves by SystemExit, too
            log.exception("the API broke")
        self._api_broke = not server.should_exit
        self._stopped.set()  # without its API the daemon is of no use


def _end_clock(scheduler: Any) -> None:
    if scheduler.running:
        scheduler.shutdown(wait=True)


def _stopping(context: Context, notifier: Notifier) -> None:
    """Begin to stop: no reload any more, and whoever waits for a child ends now."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    notifier.send("STOPPING=1")
    context.stopping.set()


def join_requests() -> None:
    """Wait for the threads that answer requests: they outlive their server, and the state must stay theirs."""
    for thread in threading.enumerate():
        if thread.name == REQUEST_THREAD:
            thread.join()


def keep_time(scheduler: Any, every: timedelta) -> None:
    """Tick now where the next tick is further away than it can be: the clock was set back."""
    due, now = scheduler.get_job("tick").next_run_time, utc_now()
    if due > now + every:
        log.warning("the clock was set back: the next tick was due at %s", due)
        scheduler.modify_job("tick", next_run_time=now)


def _open_store(context: Context) -> None:
    try:
        context.database.open()
    except StoreError as error:  # served nevertheless: `doctor --repair` mends it through this daemon
        log.error("%s", error)


def _reloading(operations: Operations, scheduler: Any, notifier: Notifier) -> Callable[[int, FrameType | None], None]:
    def reload(number: int, frame: FrameType | None) -> None:
        del number, frame
        notifier.reloading()
        operations.context.doubt_policies()
        scheduler.modify_job("tick", next_run_time=utc_now())
        notifier.send("READY=1")

    return reload
