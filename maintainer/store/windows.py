"""Samples read by half-open spans of event time, with the newest label known at that moment joined on read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.sample import GOLDEN, Column, ColumnKind, Part, Schema, Split, Window, lengths_of
from maintainer.store.batch import utc
from maintainer.store.database import Database, literal, parquet, quoted
from maintainer.store.draws import Draw, Uniform, drawn
from maintainer.store.tables import SQL_TYPES, newest_labels, table


@dataclass(frozen=True, slots=True)
class Selection:
    """Which labelled samples a file of a run holds."""

    window: Window
    parts: tuple[Part, ...] = tuple(Part)
    at_most: int = 1_000_000  # above it: a draw
    whole_from: datetime | None = None  # from here on every part
    draw: Draw = field(default_factory=Uniform)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a version answered in a window and what was right; n rows, oldest first."""

    labels: NDArray[np.generic]  # (n,) object strings or float64
    answers: NDArray[np.generic]  # (n,) the same kind
    matched: int  # n before sampling


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is in a window."""

    samples: int
    labelled: int
    quarantined: int
    label_delay_seconds: float | None  # median


@dataclass(frozen=True, slots=True)
class Reader:
    """The read side of one model's tables."""

    database: Database
    schema: Schema
    now: datetime
    split: Split | None = None

    def counts(self, window: Window) -> Counts:
        """Return how many samples, labels and quarantined rows a window has; rows without time count by arrival."""
        sample, labels = table(self.schema.model, "sample"), self._labels()
        with self.database.reading() as db:
            row = db.execute(
                f"select count(*), count(l.value), median(epoch(l.labelled) - epoch(s._time)) from {sample} s "
                f"left join {labels} l on l._key = s._key where s._time >= ? and s._time < ?",
                [utc(window.start), utc(window.end)],
            ).fetchone()
            bad = db.execute(
                "select count(*) from quarantine where model = ? and kind = 'sample' and arrived >= ? and arrived < ?",
                [self.schema.model, utc(window.start), utc(window.end)],
            ).fetchone()
        samples, labelled, delay = row or (0, 0, None)
        return Counts(int(samples), int(labelled), int(bad[0]) if bad else 0, None if delay is None else float(delay))

    def labels_known(self) -> int:
        """Return how many labels have ever been appended; grows with each, corrections included."""
        return self._one_int(f"select count(*) from {table(self.schema.model, 'label')} where _arrived <= ?")

    def quarantined(self) -> int:
        """Return how many rows and files were ever set aside."""
        with self.database.reading() as db:
            row = db.execute("select count(*) from quarantine where model = ?", [self.schema.model]).fetchone()
        return int(row[0]) if row else 0

    def samples_since(self, moment: datetime) -> int:
        """Return how many samples arrived after a moment."""
        with self.database.reading() as db:
            row = db.execute(
                f"select count(*) from {table(self.schema.model, 'sample')} where _arrived > ?", [utc(moment)]
            ).fetchone()
        return int(row[0]) if row else 0

    def labelled_span(self) -> Window | None:
        """Return the span from the first to just after the last labelled sample; None without any."""
        with self.database.reading() as db:
            row = db.execute(
                "select min(s._time), max(s._time) + interval 1 microsecond "
                f"from {table(self.schema.model, 'sample')} s "
                f"join {self._labels()} l on l._key = s._key"
            ).fetchone()
        if row is None or row[0] is None:
            return None
        return Window(row[0].replace(tzinfo=UTC), row[1].replace(tzinfo=UTC))

    def end(self) -> datetime | None:
        """Return the moment just after the last sample; None without any."""
        with self.database.reading() as db:
            row = db.execute(
                f"select max(_time) + interval 1 microsecond from {table(self.schema.model, 'sample')}"
            ).fetchone()
        return None if row is None or row[0] is None else row[0].replace(tzinfo=UTC)

    def occupied_blocks(self, seconds: float) -> int:
        """Return how many time blocks of this length hold labelled samples."""
        return self._one_int(
            f"select count(distinct {_floor_division('epoch_us(s._time)', int(seconds * 1e6))}) from "
            f"{table(self.schema.model, 'sample')} s join {self._labels()} l on l._key = s._key where l.labelled <= ?"
        )

    def time_at_share(self, window: Window, share: float) -> datetime:
        """Return the event time below which this share of the window's labelled samples lies."""
        with self.database.reading() as db:
            row = db.execute(
                f"select quantile_disc(s._time, {share!r}) from {table(self.schema.model, 'sample')} s "
                f"join {self._labels()} l on l._key = s._key where s._time >= ? and s._time < ?",
                [utc(window.start), utc(window.end)],
            ).fetchone()
        return window.end if row is None or row[0] is None else row[0].replace(tzinfo=UTC)

    def export(self, selection: Selection, path: Path) -> int:
        """Write labelled samples as Parquet, oldest first; return the number of rows."""
        sample, labels = table(self.schema.model, "sample"), self._labels()
        features = "".join(f", s.{quoted(c.name)}" for c in self.schema.features)
        window, since = selection.window, selection.whole_from
        whole = "" if since is None else f" or s._time >= {_sql_time(since)}"
        found = (
            f"select s._key, s._time, l.value from {sample} s join {labels} l on l._key = s._key "
            f"where s._time >= {_sql_time(window.start)} and s._time < {_sql_time(window.end)} "
            f"and ({self._part_sql(selection.parts)}{whole})"
        )
        query = (
            f"select s._key, s._id, s._time{features}, l.value as _label from {sample} s "
            f"join {labels} l on l._key = s._key where s._key in ({drawn(selection.draw, found, selection.at_most)})"
        )
        return self._written(f"select * from ({query}) order by _time, _key", path)

    def unlabelled(self, window: Window, at_most: int, path: Path) -> int:
        """Write the newest samples of a window that have no label yet, oldest first, with an empty label."""
        features = "".join(f", s.{quoted(c.name)}" for c in self.schema.features)
        query = (
            f"select s._key, s._id, s._time{features}, null::{SQL_TYPES[self.schema.answer_kind]} as _label "
            f"from {table(self.schema.model, 'sample')} s anti join {self._labels()} l on l._key = s._key "
            f"where s._time >= {_sql_time(window.start)} and s._time < {_sql_time(window.end)} "
            f"order by s._time desc, s._key limit {at_most}"
        )
        return self._written(f"select * from ({query}) order by _time, _key", path)

    def _written(self, query: str, path: Path) -> int:
        with self.database.reading() as db:
            row = db.execute(f"copy ({query}) to {literal(str(path))} (format parquet)").fetchone()
        return int(row[0]) if row else 0

    def rows_since(self, moment: datetime, path: Path) -> int:
        """Return how many samples of an exported file happened at a moment or after it."""
        query = f"select count(*) from read_parquet({literal(str(path))}) where _time >= ?"
        with self.database.reading() as db:
            row = db.execute(query, [utc(moment)]).fetchone()
        return int(row[0]) if row else 0

    def relation(self, window: Window, version: str) -> str:
        """Return SQL for a window: `_key`, the compared columns and the answers of `version`, under their names."""
        features = "".join(f", {compared_sql(c)}" for c in self.schema.features)
        return (
            f"select s._key{features}, {self._answer_sql(version)} as {quoted(self.schema.prediction)} "
            f"from {self._answered_from(version)} where s._time >= {_sql_time(window.start)} "
            f"and s._time < {_sql_time(window.end)}"
        )

    def sample(self, window: Window, version: str, at_most: int, path: Path) -> int:
        """Write a uniform sample of a window's features and answers as Parquet; return the rows."""
        with self.database.reading() as db:
            row = db.execute(
                f"copy (select * exclude (_key) from ({self.relation(window, version)}) order by _key limit {at_most}) "
                f"to {literal(str(path))} (format parquet)"
            ).fetchone()
        return int(row[0]) if row else 0

    def unanswered(self, window: Window, version: str, at_most: int, path: Path) -> int:
        """Write samples without an answer by `version`, a uniform sample of the window, as Parquet; return the rows.

        At most `at_most` samples of the window have an answer afterwards, counting those that have one now.
        """
        features = "".join(f", s.{quoted(c.name)}" for c in self.schema.features)
        span = f"s._time >= {_sql_time(window.start)} and s._time < {_sql_time(window.end)}"
        with self.database.reading() as db:
            row = db.execute(
                f"copy (select s._key{features} from (select *, row_number() over (order by _key) as _rank from "
                f"{table(self.schema.model, 'sample')} s where {span}) s left join "
                f"{table(self.schema.model, 'prediction')} p on p._key = s._key and p.version = {literal(version)} "
                f"where s._rank <= {at_most} and {self._answer_sql(version)} is null order by s._key) "
                f"to {literal(str(path))} (format parquet)"
            ).fetchone()
        return int(row[0]) if row else 0

    def add_answers(self, version: str, path: Path) -> None:
        """Append answers from a Parquet file of `_key` and `value`."""
        with self.database.writing() as db:
            db.execute(
                f"insert into {table(self.schema.model, 'prediction')} select _key, {literal(version)}, value "
                f"from {parquet(path)}"
            )

    def answered(self, window: Window, version: str, at_most: int) -> Answered:
        """Return what `version` answered and the labels, on at most `at_most` samples of a window."""
        query = (
            f"select s._time as moment, s._key as key, l.value as label, {self._answer_sql(version)} as answer from "
            f"{self._answered_from(version)} join {self._labels()} l on l._key = s._key where "
            f"s._time >= {_sql_time(window.start)} and s._time < {_sql_time(window.end)} "
            f"and {self._answer_sql(version)} is not null"
        )
        with self.database.reading() as db:
            matched = db.execute(f"select count(*) from ({query})").fetchone()
            found = db.execute(
                f"select label, answer from (select * from ({query}) order by key limit {at_most}) order by moment"
            ).fetchnumpy()
        labels, answers = (_plain(found[name]) for name in ("label", "answer"))
        return Answered(labels, answers, int(matched[0]) if matched else 0)

    def _labels(self) -> str:
        """Return SQL for the newest label of each sample among those that had arrived by now."""
        newest = newest_labels(self.schema.model, f"_arrived <= {_sql_time(self.now)}")
        return f"(select _key, value, _time as labelled from ({newest}))"

    def _answered_from(self, version: str) -> str:
        return (
            f"{table(self.schema.model, 'sample')} s left join {table(self.schema.model, 'prediction')} p "
            f"on p._key = s._key and p.version = {literal(version)}"
        )

    @staticmethod
    def _answer_sql(version: str) -> str:
        return f"coalesce(case when s._version = {literal(version)} then s._prediction end, p.value)"

    def _part_sql(self, parts: Sequence[Part]) -> str:
        if set(parts) == set(Part) or self.split is None:
            return "true"
        split, hashed = self.split, "s._key"
        if split.group is not None:
            hashed = f"coalesce(md5_number_lower(nullif(s.{quoted(split.group)}, '')), s._key)"
        place = f"({hashed} / 18446744073709551616.0)"
        if split.block is not None:
            micros = int(split.block.total_seconds() * 1e6)
            block = _floor_division("epoch_us(s._time)", micros)
            product = f"({block} * {_exact(GOLDEN)})"
            place = f"({product} - floor({product}))"
        edges = {
            Part.HOLDOUT: (0.0, split.holdout),
            Part.VALIDATION: (split.holdout, split.holdout + split.validation),
            Part.TRAIN: (split.holdout + split.validation, 2.0),  # a hash next to 2^64 has the place 1.0
        }
        ranges = [f"({place} >= {_exact(edges[p][0])} and {place} < {_exact(edges[p][1])})" for p in parts]
        return f"({' or '.join(ranges)})"

    def _one_int(self, query: str) -> int:
        with self.database.reading() as db:
            row = db.execute(query, [utc(self.now)]).fetchone()
        return int(row[0]) if row else 0


def compared_sql(column: Column) -> str:
    """Return SQL for a feature of the sample `s` as it is compared over time: of a text its lengths."""
    value = f"s.{quoted(column.name)}"
    if column.kind is not ColumnKind.TEXT:
        return value
    characters, words = (quoted(name) for name in lengths_of(column.name))
    counted = f"len(regexp_extract_all({value}, '\\S+'))"
    return f"length({value})::double as {characters}, {counted}::double as {words}"


def _sql_time(moment: datetime) -> str:
    return f"{literal(utc(moment).isoformat(sep=' '))}::timestamp"


def _floor_division(value: str, by: int) -> str:
    """Return SQL for a division rounded down, as Python does; DuckDB's `//` rounds towards zero before 1970."""
    return f"(({value} - (({value} % {by}) + {by}) % {by}) // {by})"


def _exact(number: float) -> str:
    """Return SQL for a double; a bare literal would be a decimal, rounded a second time."""
    return f"{literal(repr(number))}::double"


def _plain(values: Any) -> NDArray[np.generic]:
    found: NDArray[np.generic] = np.ma.getdata(values)  # pyright: ignore[reportUnknownMemberType]
    return found
