"""control.db (SQLite): the journal, policies, checks, champion history and audit; rows are appended, never changed."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from maintainer.domain.run import Event, Kind, Phase, Run, Verdict, replay
from maintainer.errors import NotFoundError, RefusedError, StoreError, UnreadableError
from maintainer.store.migrate import migrate
from maintainer.store.records import ChampionEvent, CheckRecord, Crowning, RunRecord

__all__ = ["ChampionEvent", "CheckRecord", "Control", "Crowning", "RunRecord", "text"]

REMEDY = (
    "put a backup of it back while no daemon runs, or move it away with its -wal and -shm and run"
    " `maintainer doctor --repair`: champions and samples stay, the journal of runs and checks is lost"
)

Row = tuple[str | int | None, ...]


def text(moment: datetime) -> str:
    """Return an aware moment as sortable UTC text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            db.execute(f"pragma {pragma}")
        migrate("control", str(path), lambda sql: list(db.execute(sql)), db.execute)
    except BaseException:
        db.close()
        raise
    return db


class Control:
    """The only hand on control.db."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _opened(path)
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        except sqlite3.Error as error:
            raise UnreadableError(f"{path} cannot be opened: {error}; {REMEDY}") from error

    def read_everything(self) -> None:
        """Have SQLite look at every page.

        Raises:
            StoreError: something is damaged.
        """
        found = [str(row[0]) for row in self._rows("pragma quick_check")]
        if found != ["ok"]:
            raise StoreError(f"{self._path} is damaged: {found[0]}")

    def close(self) -> None:
        """Close the database; nothing is pending, each write was its own transaction."""
        self._db.close()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("begin immediate")
                yield self._db
                self._db.execute("commit")
            except sqlite3.Error as error:
                self._rollback()
                raise StoreError(f"{self._path} refused a write: {error}") from error
            except BaseException:
                self._rollback()
                raise

    @contextmanager
    def _claiming(self, refusal: str) -> Generator[sqlite3.Connection]:
        """Give a transaction that is refused in these words where a key of it is taken: two cannot both win."""
        try:
            with self._writing() as db:
                yield db
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise RefusedError(refusal) from error
            raise

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    def _rows(self, sql: str, *values: str | int | None) -> list[Row]:
        with self._lock:
            try:
                return list(self._db.execute(sql, values))
            except sqlite3.Error as error:
                raise StoreError(f"{self._path} cannot be read: {error}") from error

    # --- policies

    def adopt_policy(self, digest: str, model: str, document: str, now: datetime) -> None:
        """Keep a version of a policy under its hash."""
        with self._writing() as db:
            db.execute("insert or ignore into policy values (?, ?, ?, ?)", (digest, model, document, text(now)))

    def policy(self, digest: str) -> str:
        """Return the JSON of a kept policy."""
        rows = self._rows("select document from policy where hash = ?", digest)
        if not rows:
            raise NotFoundError(f"no policy with hash {digest} was ever in force")
        return str(rows[0][0])

    # --- runs and their journal

    def create_run(self, record: RunRecord) -> None:
        """Append a run; its number is the claim: two that race for one number cannot both win.

        Raises:
            RefusedError: another run of the model has that number.
        """
        with self._claiming(f"run {record.id} exists already") as db:
            _insert_run(db, record)

    def runs(self, model: str | None = None, limit: int = 1000) -> list[RunRecord]:
        """Return runs, newest first: of one model by number, since a clock may be set back; of all of them by time."""
        order = "created_at desc, number desc" if model is None else "number desc"
        rows = self._rows(
            f"select * from run where ? is null or model = ? order by {order} limit ?", model, model, limit
        )
        return [_run_record(row) for row in rows]

    def run(self, run_id: str) -> RunRecord:
        """Return one run."""
        rows = self._rows("select * from run where id = ?", run_id)
        if not rows:
            raise NotFoundError(f"no run {run_id!r}; `maintainer runs` lists them")
        return _run_record(rows[0])

    def append(self, event: Event) -> None:
        """Append one row to a journal. Raises RefusedError where the sequence number is taken: another was first."""
        verdict = event.verdict.value if event.verdict else None
        values = (event.run, event.seq, event.kind, event.phase, text(event.happened_at), verdict, event.note)
        with self._claiming(f"event {event.seq} of run {event.run} was written already") as db:
            db.execute("insert into run_event values (?, ?, ?, ?, ?, ?, ?)", values)

    def events(self, run_id: str) -> list[Event]:
        """Return the journal of a run in order."""
        rows = self._rows("select * from run_event where run_id = ? order by seq", run_id)
        return [_event(row) for row in rows]

    def state(self, run_id: str) -> Run:
        """Return where a run stands: the fold of its journal."""
        return replay(run_id, self.events(run_id))

    def open_runs(self, model: str | None = None) -> list[RunRecord]:
        """Return runs that are not over, oldest first."""
        rows = self._rows(
            "select * from run where (? is null or model = ?) and not exists (select 1 from run_event e where"
            " e.run_id = run.id and e.phase = 'report' and e.kind in ('finished', 'failed')) order by created_at",
            *(model, model),
        )
        return [_run_record(row) for row in rows]

    # --- checks

    def add_check(self, check: CheckRecord, run: RunRecord | None = None) -> None:
        """Append one check and, in the same transaction, the run that it starts.

        Raises:
            RefusedError: the number of the check or of the run is taken: another process was first.
        """
        started = f" or run {run.id}, which it starts," if run else ""
        with self._claiming(f"check {check.id}{started} exists already") as db:
            db.execute(
                "insert into model_check values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(check.id, check.model, check.number, text(check.happened_at), check.policy_hash),
                    *(check.evidence, check.findings, check.decision),
                ),
            )
            if run is not None:
                _insert_run(db, run)

    def checks(self, model: str, limit: int = 1) -> list[CheckRecord]:
        """Return the newest checks of a model, newest first."""
        rows = self._rows("select * from model_check where model = ? order by number desc limit ?", model, limit)
        return [_check_record(row) for row in rows]

    def scheduled_check(self, model: str) -> CheckRecord | None:
        """Return the newest check of a model that the clock made; None before the first."""
        rows = self._rows(
            "select * from model_check where model = ? and coalesce(json_extract(decision, '$.scheduled'), 1) "
            "order by number desc limit 1",
            model,
        )
        return _check_record(rows[0]) if rows else None

    def check(self, check_id: str) -> CheckRecord:
        """Return one check."""
        rows = self._rows("select * from model_check where id = ?", check_id)
        if not rows:
            raise NotFoundError(f"no check {check_id!r}; `maintainer status` names the last one of each model")
        return _check_record(rows[0])

    # --- champions

    def crown(self, what: Crowning) -> None:
        """Append that a version serves from now on, and to the audit; the same cause twice is one fact."""
        with self._writing() as db:
            newest = "select seq, version, cause from champion_event where model = ? order by seq desc limit 1"
            last = db.execute(newest, (what.model,)).fetchone()
            if last is None or last[1:] != (what.version, what.cause):
                row = (what.model, 1 if last is None else last[0] + 1, what.version, text(what.now), what.cause)
                db.execute("insert into champion_event values (?, ?, ?, ?, ?)", row)
                db.execute(
                    "insert into audit (happened_at, actor, action, subject, detail) values (?, ?, ?, ?, ?)",
                    (text(what.now), what.actor, what.action, f"{what.model}/{what.version}", what.cause),
                )

    def champions(self, model: str) -> list[ChampionEvent]:
        """Return which versions served, oldest first."""
        rows = self._rows(
            "select seq, version, happened_at, cause from champion_event where model = ? order by seq", model
        )
        return [ChampionEvent(int(str(r[0])), str(r[1]), datetime.fromisoformat(str(r[2])), str(r[3])) for r in rows]

    # --- samples that were given out to be labelled

    def add_label_requests(self, model: str, samples: Iterable[int], method: str, now: datetime) -> None:
        """Append that samples (by the hash of their id) were given out; twice on one day is one fact."""
        rows = [(model, str(sample), text(now)[:10], text(now), method) for sample in samples]
        with self._writing() as db:
            db.executemany("insert or ignore into label_request values (?, ?, ?, ?, ?)", rows)

    def label_requests(self, model: str, day: datetime | None = None) -> list[int]:
        """Return the samples that were given out ever, or on the day (UTC) of a moment."""
        query = "select distinct sample from label_request where model = ? and (?2 is null or day = ?2)"
        return [int(str(row[0])) for row in self._rows(query, model, text(day)[:10] if day else None)]


def _insert_run(db: sqlite3.Connection, record: RunRecord) -> None:
    values = (
        *(record.id, record.model, record.number, text(record.created_at), record.reason),
        *(json.dumps(record.triggers), record.policy_hash, record.champion, record.version),
        *(record.check_id, record.labels_known),
    )
    db.execute(f"insert into run values ({', '.join('?' * len(values))})", values)


def _run_record(row: Row) -> RunRecord:
    return RunRecord(
        id=str(row[0]),
        model=str(row[1]),
        number=int(str(row[2])),
        created_at=datetime.fromisoformat(str(row[3])),
        reason=str(row[4]),
        triggers=tuple(json.loads(str(row[5]))),
        policy_hash=str(row[6]),
        champion=None if row[7] is None else str(row[7]),
        version=str(row[8]),
        check_id=None if row[9] is None else str(row[9]),
        labels_known=int(str(row[10])),
    )


def _event(row: Row) -> Event:
    return Event(
        run=str(row[0]),
        seq=int(str(row[1])),
        kind=Kind(row[2]),
        phase=Phase(row[3]),
        happened_at=datetime.fromisoformat(str(row[4])),
        verdict=None if row[5] is None else Verdict(row[5]),
        note=str(row[6]),
    )


def _check_record(row: Row) -> CheckRecord:
    return CheckRecord(
        id=str(row[0]),
        model=str(row[1]),
        number=int(str(row[2])),
        happened_at=datetime.fromisoformat(str(row[3])),
        policy_hash=str(row[4]),
        evidence=str(row[5]),
        findings=str(row[6]),
        decision=str(row[7]),
    )
