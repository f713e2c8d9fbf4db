"""What a serving application embeds: load the champion, answer rows, follow a promotion between two calls.

Nothing but the standard library, numpy and onnxruntime is imported, and tokenizers for a champion that reads texts.
onnxruntime ships no types: this module is its one wrapper for whoever evaluates a model.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.errors import InputError, MaintainerError, NotFoundError
from maintainer.rows import Columns, columns_of, missing_row
from maintainer.tokens import Tokens

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, when onnxruntime is first imported

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

ORT_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

AT_ONCE = 4096  # tokens of several texts that are answered together
RETRY_SECONDS = 10.0  # after which a version that could not be loaded is tried again
STATE = "_state"  # output of a text's pooled state, where there is one
NOWHERE = ("", 0, 0)  # where no pointer leads


@dataclass(frozen=True)
class Answers:
    """What one version says about n rows."""

    version: str
    answers: NDArray[Any]  # (n,) str objects for classification, float64 for regression
    probabilities: NDArray[np.float64] | None  # (n, c) in the order of `classes`; None for regression
    classes: tuple[str, ...]  # empty for regression

    def __len__(self) -> int:
        return len(self.answers)


@dataclass(frozen=True)
class Reader:
    """How a network that reads texts is given one."""

    tokens: Tokens
    pad: int


def _reader(told: dict[str, str]) -> Reader | None:
    """Return the tokenizer that a file carries; None where it takes typed columns as they are."""
    if "maintainer.tokenizer" not in told:
        return None
    longest, pad = int(told["maintainer.longest"]), int(told["maintainer.pad"])
    return Reader(Tokens(told["maintainer.tokenizer"], longest, "its tokenizer"), pad)


class Model:
    """One ONNX file, ready to answer; safe to call from several threads at a time."""

    def __init__(self, session: Any, name: str) -> None:
        """Wrap a session; raises InputError where the file lacks the `maintainer.*` metadata that an export writes."""
        self._session = session
        told: dict[str, str] = session.get_modelmeta().custom_metadata_map
        try:
            self.version = told["maintainer.version"]
            self.task = told["maintainer.task"]
            self.classes = tuple(str(c) for c in json.loads(told["maintainer.classes"]))
            self._reader = _reader(told)
            self.kinds: dict[str, str] = {c["name"]: c["kind"] for c in json.loads(told["maintainer.schema"])}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name} has no readable metadata {error}; wanted a file that maintainer wrote") from error

    def answer(self, columns: Columns) -> Answers:
        """Return the answers to n rows given as typed columns; columns that are no feature are ignored."""
        feeds = {name: columns[name] for name in self.kinds}
        if all(len(column) == 0 for column in feeds.values()):
            return self._none()
        try:
            found = self._run(feeds) if self._reader is None else self._read(self._reader, next(iter(feeds.values())))
            if not self.classes:
                return Answers(self.version, np.asarray(found[0], np.float64), None, ())
            labels, probabilities = found
        except ORT_ERRORS as error:
            raise InputError(f"version {self.version} cannot answer: {error}") from error
        return Answers(self.version, np.asarray(labels, object), np.asarray(probabilities, np.float64), self.classes)

    def _run(self, feeds: Columns, names: Sequence[str] = ()) -> list[NDArray[Any]]:
        return self._session.run(names or (["_label", "_probabilities"] if self.classes else ["_value"]), feeds)

    def _read(self, reader: Reader, texts: NDArray[Any], names: Sequence[str] = ()) -> list[NDArray[Any]]:
        """Answer n texts, some of like length at a time; `names` are other outputs than the answers."""
        ragged = reader.tokens.split(texts.tolist(), reader.pad)
        order = np.argsort(ragged.lengths, kind="stable")
        parts: list[list[NDArray[Any]]] = []
        start = 0
        while start < len(order):
            rows = order[start : start + max(1, AT_ONCE // int(ragged.lengths[order[start]]))]
            rows = rows[: max(1, AT_ONCE // int(ragged.lengths[rows[-1]]))]
            ids, mask = ragged.padded(rows, reader.pad)
            parts.append(self._run({"_ids": ids, "_mask": mask}, names))
            start += len(rows)
        back = np.argsort(order, kind="stable")
        return [np.concatenate(column)[back] for column in zip(*parts, strict=True)]

    def states(self, rows: Sequence[Any]) -> tuple[str, list[NDArray[np.float64]]]:
        """Return what the vectors are, and one (n, d) array of them for each of several sets of texts.

        They are the network's pooled states, or where a file has none (it was exported before, or its head is its own)
        the probabilities or the value it answers.

        Raises:
            InputError: it reads no texts, or cannot answer.
        """
        if self._reader is None:
            raise InputError(f"version {self.version} reads no texts: it has no states of them")
        has = any(output.name == STATE for output in self._session.get_outputs())
        names = [STATE] if has else ["_probabilities" if self.classes else "_value"]
        found: list[NDArray[np.float64]] = []
        for table in rows:
            (texts,) = columns_of(table, self.kinds).values()
            try:
                made = self._read(self._reader, texts, names)[0] if len(texts) else np.zeros(0)
            except ORT_ERRORS as error:
                raise InputError(f"version {self.version} cannot answer: {error}") from error
            found.append(np.asarray(made, np.float64).reshape(len(texts), -1 if len(texts) else 1))
        return "pooled states" if has else "answers", found

    def _none(self) -> Answers:
        if not self.classes:
            return Answers(self.version, np.zeros(0), None, ())
        return Answers(self.version, np.zeros(0, object), np.zeros((0, len(self.classes))), self.classes)

    def predict(self, rows: Any) -> Answers:
        """Return the answers to rows in any form that `columns_of` takes."""
        return self.answer(columns_of(rows, self.kinds))


def load_session(path: str | Path, threads: int, digest: str | None = None) -> Model:
    """Return the model of an ONNX file, having answered one row of missing values to prove that it runs.

    Raises:
        InputError: no such file, one that differs from the sha256 `digest`, or one that ONNX Runtime cannot run.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    found = hashlib.sha256(content).hexdigest()
    if digest is not None and found != digest:
        raise InputError(f"{path} has the sha256 {found}, wanted {digest} as its manifest says")
    try:
        session = ort.InferenceSession(content, _options(threads), providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        raise InputError(f"{path} cannot be loaded by ONNX Runtime: {error}") from error
    model = Model(session, str(path))
    model.answer(missing_row(model.kinds))
    return model


def _options(threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class Champion:
    """The model in production, by name: always the version that the champion pointer names.

    >>> champion = Champion("electricity")  # doctest: +SKIP
    >>> champion.predict([{"demand": 0.43, "day": "2"}]).answers  # doctest: +SKIP
    array(['UP'], dtype=object)
    """

    def __init__(self, model: str, state: str | Path = "state", threads: int = 1) -> None:
        """Load the champion.

        Raises:
            NotFoundError: the model has no champion.
            InputError: the name is no model name, or the champion's files are not what its manifest says.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", model):
            raise InputError(f"{model!r} is no model name; wanted lower-case letters, digits and hyphens, 63 at most")
        self._directory = Path(state) / "models" / model
        self._threads = threads
        self._swapping = threading.Lock()
        self._seen = self._pointer()
        self._held = self._load(self._seen[0])
        self._again_at: float | None = None  # when what could not be loaded is tried again, on the monotonic clock
        self.problem: str | None = None  # why the version that the pointer names is not the one that answers

    @property
    def version(self) -> str:
        """Return the version that answered last, or would now if the pointer has not moved."""
        return self._held.version

    def predict(self, rows: Any) -> Answers:
        """Return the champion's answers to n rows.

        `rows` is a list of dicts, a dict of columns, a pyarrow table, a pandas frame or a numpy structured array. None
        and NaN are missing values; columns that are no feature are ignored.

        Raises:
            InputError: a feature's column is not there, or a value is not of its kind: no number, infinite, no text;
                names the column and the row.
        """
        return self._current().predict(rows)

    def _current(self) -> Model:
        """Return the model to answer with; one thread swaps while the others go on with the former version."""
        try:
            if self._due(self._pointer()) and self._swapping.acquire(blocking=False):
                try:
                    self._swap(self._pointer())  # read again: another thread may have swapped meanwhile
                finally:
                    self._swapping.release()
        except NotFoundError as error:
            self.problem, self._seen = str(error), NOWHERE
        return self._held

    def _due(self, pointer: tuple[str, int, int]) -> bool:
        """Return whether to load what the pointer names: it has moved, or a failure may have passed by now."""
        return pointer != self._seen or (self._again_at is not None and monotonic() >= self._again_at)

    def _swap(self, pointer: tuple[str, int, int]) -> None:
        if not self._due(pointer):
            return
        try:
            self._held, self.problem, self._again_at = self._load(pointer[0]), None, None
        except MaintainerError as error:
            self.problem, self._again_at = str(error), monotonic() + RETRY_SECONDS
        self._seen = pointer

    def _pointer(self) -> tuple[str, int, int]:
        """Return where the symlink leads, and what changes when it is replaced, even by an equal one."""
        link = self._directory / "champion"
        try:
            stat = os.lstat(link)
            return os.readlink(link), stat.st_ino, stat.st_mtime_ns
        except OSError as error:
            raise NotFoundError(f"{link} is no champion pointer: {error.strerror or error}") from error

    def _load(self, target: str) -> Model:
        directory = self._directory / target
        try:
            manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
            version, digest = str(manifest["version"]), str(manifest["files"]["model.onnx"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{directory / 'manifest.json'} cannot be read as a manifest: {error!r}") from error
        model = load_session(directory / "model.onnx", self._threads, digest)
        model.version = version
        return model
