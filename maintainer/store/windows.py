"""Samples read by half-open spans of event time, with the newest label known at that moment joined on read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from maintainer.domain.sample import Part, Schema, Split, Window
from maintainer.store.batch import utc
from maintainer.store.database import Connection, Database, literal, parquet, quoted
from maintainer.store.draws import Draw, Uniform, drawn
from maintainer.store.profile import Sampled, sampled
from maintainer.store.spans import compared_sql, floor_division, inside, part_sql, sql_time
from maintainer.store.tables import SQL_TYPES, newest_labels, table
from maintainer.store.thin import below, share_for, thinnest

ENOUGH = 160_000  # samples in which labels are counted; of a share p the error is at most 0.4 % in 99 of 100 cases
PROBABILITY = "probability_"  # how the columns of a file of answers begin that hold one for each class
FEW = 1000  # labels; below it all are looked at


@dataclass(frozen=True, slots=True)
class Selection:
    """Which labelled samples a file of a run holds."""

    window: Window
    parts: tuple[Part, ...] = tuple(Part)
    at_most: int = 1_000_000  # above it: a draw
    whole_from: datetime | None = None  # from here on every part
    draw: Draw = field(default_factory=Uniform)


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

    def samples(self, window: Window) -> int:
        """Return how many samples a window has."""
        query = f"select count(*) from {table(self.schema.model, 'sample')} s where {inside(window)}"
        with self.database.reading() as db:
            row = db.execute(query).fetchone()
        return int(row[0]) if row else 0

    def counts(self, window: Window) -> Counts:
        """Return how many samples, labels and quarantined rows a window has; rows without time count by arrival.

        Labels of more than ENOUGH samples are counted in a uniform sample of that size, unless few have one.
        """
        samples = self.samples(window)
        share = share_for(samples, ENOUGH)
        found, labelled, delay = self._labelled(window, share)
        if share < 1.0 and labelled < FEW:
            found, labelled, delay = self._labelled(window, 1.0)
        labelled = round(samples * labelled / found) if found else 0
        with self.database.reading() as db:
            bad = db.execute(
                "select count(*) from quarantine where model = ? and kind = 'sample' and arrived >= ? and arrived < ?",
                [self.schema.model, utc(window.start), utc(window.end)],
            ).fetchone()
        return Counts(samples, labelled, int(bad[0]) if bad else 0, delay)

    def _labelled(self, window: Window, share: float) -> tuple[int, int, float | None]:
        """Return how many samples have a key in the share, and of their labels the number and the median delay (s)."""
        query = (
            "select count(*), count(l.value), median(epoch(l.labelled) - epoch(s._time)) "
            f"from {self.thin(share)} s left join {self.labels_sql(share)} l on l._key = s._key "
            f"where {inside(window)} and {below(share, 's._key')}"
        )
        with self.database.reading() as db:
            row = db.execute(query).fetchone()
        found, labelled, delay = row or (0, 0, None)
        return int(found), int(labelled), None if delay is None else float(delay)

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
                f"join {self.labels_sql()} l on l._key = s._key"
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
            f"select count(distinct {floor_division('epoch_us(s._time)', int(seconds * 1e6))}) from "
            f"{table(self.schema.model, 'sample')} s join {self.labels_sql()} l on l._key = s._key "
            "where l.labelled <= ?"
        )

    def time_at_share(self, window: Window, share: float) -> datetime:
        """Return the event time below which this share of the window's labelled samples lies."""
        with self.database.reading() as db:
            row = db.execute(
                f"select quantile_disc(s._time, {share!r}) from {table(self.schema.model, 'sample')} s "
                f"join {self.labels_sql()} l on l._key = s._key where s._time >= ? and s._time < ?",
                [utc(window.start), utc(window.end)],
            ).fetchone()
        return window.end if row is None or row[0] is None else row[0].replace(tzinfo=UTC)

    def export(self, selection: Selection, path: Path) -> int:
        """Write labelled samples as Parquet, oldest first; return the number of rows."""
        sample, labels = table(self.schema.model, "sample"), self.labels_sql()
        features = "".join(f", s.{quoted(c.name)}" for c in self.schema.features)
        window, since = selection.window, selection.whole_from
        whole = "" if since is None else f" or s._time >= {sql_time(since)}"
        found = (
            f"select s._key, s._time, l.value from {sample} s join {labels} l on l._key = s._key "
            f"where {inside(window)} "
            f"and ({part_sql(self.split, selection.parts)}{whole})"
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
            f"from {table(self.schema.model, 'sample')} s anti join {self.labels_sql()} l on l._key = s._key "
            f"where {inside(window)} "
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

    def relation(self, window: Window, version: str, share: float = 1.0) -> str:
        """Return SQL for a share of a window: `_key`, `_time`, the compared columns and the answers of `version`."""
        features = "".join(f", {compared_sql(c)}" for c in self.schema.features)
        return (
            f"select s._key, s._time{features}, {self.answer_sql(version)} as {quoted(self.schema.prediction)} "
            f"from {self.answered_from(version, share)} where {inside(window)} and {below(share, 's._key')}"
        )

    def drawn(self, db: Connection, window: Window, version: str, at_most: int) -> Sampled:
        """Draw a window's `relation`: whole, or above `at_most` rows a uniform sample, at a cost that does not grow.

        The connection holds it in memory until the next call.
        """
        rows = self.samples(window)
        share = (
            1.0 if rows <= at_most else share_for(rows, at_most - 3.0 * at_most**0.5)
        )  # 3 deviations below the limit
        return sampled(db, self.relation(window, version, share), rows, at_most)

    def sample(self, window: Window, version: str, at_most: int, path: Path) -> int:
        """Write a uniform sample of a window's features and answers as Parquet; return the rows."""
        with self.database.reading() as db:
            drawn = f"from ({self.relation(window, version)}) order by _key limit {at_most}"
            query = f"copy (select * exclude (_key, _time) {drawn}) to {literal(str(path))} (format parquet)"
            row = db.execute(query).fetchone()
        return int(row[0]) if row else 0

    def unanswered(self, window: Window, version: str, at_most: int, path: Path, chances: bool = False) -> int:
        """Write samples without an answer by `version`, a uniform sample of the window, as Parquet; return the rows.

        With `chances` those too of whose answer no probabilities are kept. About `at_most` samples of the window have
        an answer afterwards, counting those that have one now, and no more.
        """
        features = "".join(f", s.{quoted(c.name)}" for c in self.schema.features)
        share = share_for(
            self.samples(window), at_most + 4.0 * at_most**0.5
        )  # 4 deviations: all of them, nearly always
        first = f"select _key from {self.thin(share)} s where {inside(window)} and {below(share)} order by _key"
        missing = (
            f"select s._key from {self.answered_from(version, share)} where s._key in ({first} limit {at_most}) "
            f"and {inside(window)} and {'p.chances' if chances else self.answer_sql(version)} is null"
        )
        wanted = f"{inside(window)} and s._key in ({missing})"
        query = f"select s._key{features} from {self.thin(share)} s where {wanted} order by s._key"
        return self._written(query, path)

    def add_answers(self, version: str, path: Path) -> None:
        """Keep answers from a Parquet file of `_key`, `value` and the probability of each class, where it has them.

        They take the place of those that were kept without probabilities.
        """
        to, source = table(self.schema.model, "prediction"), parquet(path)
        with self.database.writing() as db:
            columns = [str(row[0]) for row in db.execute(f"describe select * from {source}").fetchall()]
            known = [quoted(name) for name in columns if name.startswith(PROBABILITY)]
            chances = f"list_value({', '.join(known)})::float[]" if known else "null"
            if known:
                db.execute(
                    f"delete from {to} where version = {literal(version)} and chances is null "
                    f"and _key in (select _key from {source})"
                )
            db.execute(
                f"insert into {to} by name select _key, {literal(version)} as version, value, "
                f"{chances} as chances from {source}"
            )

    def thin(self, share: float) -> str:
        """Return the smallest table that has the samples whose keys are in the share."""
        return table(self.schema.model, thinnest(share))

    def labels_sql(self, share: float = 1.0) -> str:
        """Return SQL for the newest label of each sample among those that had arrived by now."""
        newest = newest_labels(self.schema.model, f"_arrived <= {sql_time(self.now)} and {below(share)}")
        return f"(select _key, value, _time as labelled from ({newest}))"

    def answered_from(self, version: str, share: float) -> str:
        """Return SQL for the samples `s` of a share of the keys, each with the answer `p` that was asked for later."""
        return (
            f"{self.thin(share)} s left join {table(self.schema.model, 'prediction')} p "
            f"on p._key = s._key and p.version = {literal(version)}"
        )

    @staticmethod
    def answer_sql(version: str) -> str:
        """Return SQL for what a version answered: as it was logged, else as it was asked for later."""
        return f"coalesce(case when s._version = {literal(version)} then s._prediction end, p.value)"

    def _one_int(self, query: str) -> int:
        with self.database.reading() as db:
            row = db.execute(query, [utc(self.now)]).fetchone()
        return int(row[0]) if row else 0
