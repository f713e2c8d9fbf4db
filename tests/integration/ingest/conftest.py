"""One small model and ways to give it files: the inbox, the operations, the API; databases are real."""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from csv import DictWriter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from maintainer.daemon.context import Context
from maintainer.daemon.operations import Operations
from maintainer.settings import load
from maintainer.web.app import create_app

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = """\
version: 1
model: small
task:
  kind: tabular-classification
  id: id
  time: at
  features:
    x: {type: number, min: -100, max: 100}
    day: {type: category}
  label: label
  classes: [down, up]
triggers: [{name: t, metric: samples.new, above: 1}]
"""
Row = dict[str, Any]


@dataclass
class World:
    """One state directory with a model, its clock and its app."""

    home: Path
    operations: Operations
    moment: list[datetime]

    @staticmethod
    def rows(count: int, first: int = 0) -> list[Row]:
        return [
            {"id": f"s{i}", "at": (NOW - timedelta(hours=i + 1)).isoformat(), "x": i / 4, "day": "mon", "label": "up"}
            for i in range(first, first + count)
        ]

    @staticmethod
    def jsonl(given: Sequence[Row]) -> bytes:
        return "".join(json.dumps(row) + "\n" for row in given).encode()

    @staticmethod
    def csv(given: Sequence[Row]) -> bytes:
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in given for name in row))
        writer = DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(given)
        return text.getvalue().encode()

    @staticmethod
    def parquet(given: Sequence[Row], folder: Path) -> bytes:
        source, target = folder / "source.jsonl", folder / "target.parquet"
        source.write_bytes(World.jsonl(given))
        with duckdb.connect() as db:  # with types of its own: timestamps and doubles
            db.execute(f"copy (from read_json('{source}')) to '{target}' (format parquet)")
        return target.read_bytes()

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def inbox(self) -> Path:
        return self.state / "inbox" / "small"

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        """One request to the API in this process."""

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(self.operations))
            async with httpx.AsyncClient(transport=transport, base_url="http://maintainer") as client:
                return await client.request(verb, f"/v1{path}", **more)

        return asyncio.run(go())

    def send(self, content: bytes, name: str, kind: str = "samples") -> httpx.Response:
        return self.ask("POST", f"/models/small/{kind}", params={"name": name}, content=content)

    def sent(self, content: bytes, name: str, kind: str = "samples") -> Row:
        """Send a file that must be taken; what became of it."""
        answer = self.send(content, name, kind)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def drop(self, name: str, content: bytes, age: float = 3600) -> Path:
        """A file in the inbox that was left alone for so long."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        path = self.inbox / name
        path.write_bytes(content)
        os.utime(path, (time.time() - age,) * 2)
        return path

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with self.operations.context.database.reading() as db:
            return db.execute(query).fetchall()

    def samples(self) -> list[tuple[Any, ...]]:
        return self.sql("select _id, _time, x, day from model_small.sample order by _id")

    def labels(self) -> dict[str, str]:
        query = "select _id, arg_max(value, rowid) from model_small.label group by _id"
        return dict(self.sql(query))

    def refused(self) -> list[tuple[int, str, str]]:
        return self.sql("select row_number, kind, reason from quarantine order by row_number, reason")

    def reopen(self) -> None:
        """The program ends and starts again."""
        self.operations.context.close()
        self.operations = opened(self.home, self.moment)


def opened(home: Path, moment: list[datetime]) -> Operations:
    settings = load(state=home / "state", policies=home / "policies", store_memory_mb=512, store_threads=1)
    operations = Operations(Context.open(settings, lambda: moment[0]))
    operations.context.load_policies()
    return operations


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*changes: tuple[str, str]) -> World:
        policy = POLICY
        for former, later in changes:
            policy = policy.replace(former, later)
        home = tmp_path / f"home{len(made)}"
        (home / "policies").mkdir(parents=True)
        (home / "policies" / "small.yaml").write_text(policy)
        moment = [NOW]
        made.append(World(home, opened(home, moment), moment))
        return made[-1]

    yield make
    for world in made:
        world.operations.context.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
