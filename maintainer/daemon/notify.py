"""What systemd is told: datagrams on the socket that it names; without one, nothing."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from maintainer.compute.warm import nothing

log = logging.getLogger(__name__)

FEED_SECONDS = 1.0  # at most so often is the watchdog fed
BEAT_SECONDS, BUSY_SECONDS = 10.0, 3600.0  # how often a long wait is said to be no hang, and for how long


class Notifier:
    """sd_notify(3)."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._last = ""
        self._fed = 0.0

    def send(self, *lines: str) -> None:
        """Send state lines such as READY=1."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.connect(address)
                channel.sendall("\n".join(lines).encode())
        except OSError as error:  # the work goes on, whoever listens
            log.warning("systemd was not told %s: %s", lines[0], error)

    def alive(self) -> None:
        """Feed the watchdog."""
        now = time.monotonic()
        if now - self._fed >= FEED_SECONDS:
            self._fed = now
            self.send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Show a sentence as the service's status, once."""
        if sentence != self._last:
            self._last = sentence
            self.send(f"STATUS={' '.join(sentence.split())[:200]}")

    def reloading(self) -> None:
        """Say that the policies are being read again."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


class Pulse:
    """What feeds the watchdog: the thread that ticks and no other, or a hung tick could look alive."""

    def __init__(self, feed: Callable[[], None] = nothing) -> None:
        self._feed = feed
        self._thread: int | None = None

    def begin(self) -> None:
        """Take the calling thread for the one that ticks."""
        self._thread = threading.get_ident()

    def __call__(self) -> None:
        """Feed the watchdog, if the calling thread is the one that ticks."""
        if threading.get_ident() == self._thread:
            self._feed()

    @contextmanager
    def busy(self) -> Generator[None]:
        """Feed the watchdog while the tick waits in the block, for an hour at most."""
        if threading.get_ident() != self._thread:
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), name="busy", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _beat(self, ended: threading.Event) -> None:
        for _ in range(int(BUSY_SECONDS / BEAT_SECONDS)):
            self._feed()
            if ended.wait(BEAT_SECONDS):
                return
