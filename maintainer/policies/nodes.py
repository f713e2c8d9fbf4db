"""YAML that remembers where everything stands: a small, safe part of YAML 1.2 (core schema, no aliases, no tags).

The one hand on PyYAML's parser, whose stubs leave its events untyped.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

DEEPEST = 20
MOST_NODES = 20_000
LONGEST_NUMBER = 40  # characters; what is longer is text
CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

Step = str | int
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, and how it is written."""

    mark: Mark
    value: str | int | float | bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    nodes: list[Node]


@dataclass(frozen=True, slots=True)
class Keys:
    """A section: its values by key, and where each key stands."""

    mark: Mark
    nodes: dict[str, Node]
    marks: dict[str, Mark]


Node = Scalar | Items | Keys


class YamlProblem(Exception):
    """What cannot be read, and where; reading ends there."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


def scalar_of(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means in YAML 1.2's core schema: `NO` and `2026-01-01` are text, `1e-3` a number.

    https://yaml.org/spec/1.2.2/#103-core-schema
    """
    if text in CONSTANTS:
        return CONSTANTS[text]
    if len(text) > LONGEST_NUMBER:
        return text
    if INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def read_yaml(text: str) -> tuple[Node, list[tuple[Mark, str]]]:
    """Return the one document of a text, and the keys that are there twice.

    Raises:
        YamlProblem: the text is no YAML, or uses parts of it that are refused here.
    """
    reader = _Reader(yaml.parse(text, Loader=yaml.SafeLoader))
    try:
        return reader.document(), reader.repeated
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
        hint = "; indent with spaces" if "'\\t'" in (error.problem or "") else ""
        raise YamlProblem(mark, f"is not YAML: {error.problem or error.context}{hint}") from error
    except yaml.YAMLError as error:
        raise YamlProblem(Mark(1, 1), f"is not YAML: {' '.join(str(error).split())[:200]}") from error
    except (ValueError, OverflowError) as error:  # PyYAML on numbers that are too large: of a character, of a version
        raise YamlProblem(reader.last, f"is not YAML: {error}") from error


class _Reader:
    """Builds nodes from the events of the parser; stops early where there are too many or they go too deep."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._count = 0
        self.repeated: list[tuple[Mark, str]] = []
        self.last = Mark(1, 1)  # of the nodes that could be read

    def document(self) -> Node:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, StreamStartEvent | StreamEndEvent | DocumentStartEvent | DocumentEndEvent):
                continue
            if node is not None:
                raise YamlProblem(_mark(event), "begins a second document; wanted one")
            node = self._node(event, 0)
        if node is None:
            raise YamlProblem(Mark(1, 1), "the file is empty; wanted a policy, at least version, model and task")
        return node

    def _node(self, event: Event, depth: int) -> Node:
        self._count += 1
        self.last = mark = _mark(event)
        if self._count > MOST_NODES:
            raise YamlProblem(mark, f"the file has more than {MOST_NODES} values")
        if depth > DEEPEST:
            raise YamlProblem(mark, f"is nested more than {DEEPEST} levels deep")
        _refuse_extras(event, mark)
        match event:
            case ScalarEvent():
                text = _whole(event.value, mark)
                return Scalar(mark, scalar_of(text) if event.style is None else text, text)
            case SequenceStartEvent():
                return self._items(mark, depth)
            case MappingStartEvent():
                return self._keys(mark, depth)
            case _:
                raise YamlProblem(mark, f"has an unexpected {type(event).__name__}")

    def _items(self, mark: Mark, depth: int) -> Items:
        items = Items(mark, [])
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.nodes.append(self._node(event, depth + 1))
        return items

    def _keys(self, mark: Mark, depth: int) -> Keys:
        keys = Keys(mark, {}, {})
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise YamlProblem(key.mark, "has a list or a section for a key; wanted a word")
            value = self._node(next(self._events), depth + 1)
            if key.text in keys.nodes:
                self.repeated.append(
                    (key.mark, f"'{key.text}' is there twice; first in line {keys.marks[key.text].line}")
                )
                continue
            keys.nodes[key.text] = value
            keys.marks[key.text] = key.mark
        return keys


def _whole(text: str, mark: Mark) -> str:
    """Return a text with its surrogate pairs joined: JSON writes what lies beyond U+FFFF as two escapes."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise YamlProblem(mark, "has half of a surrogate pair, which is no character") from error


def _mark(event: Event) -> Mark:
    place = event.start_mark
    return Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)


def _refuse_extras(event: Event, mark: Mark) -> None:
    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        raise YamlProblem(mark, f"has an anchor or alias, '{event.anchor}'; they are not read here, write it out")
    if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent) and event.tag:
        raise YamlProblem(mark, f"has a tag, '{event.tag}'; tags are not read here")


def plain(node: Node, written: Collection[Path] = (), path: Path = ()) -> object:
    """Return the values alone; a scalar whose path is in `written` comes as it is written."""
    match node:
        case Scalar():
            return node.text if path in written else node.value
        case Items():
            return [plain(item, written, (*path, i)) for i, item in enumerate(node.nodes)]
        case Keys():
            return {key: plain(item, written, (*path, key)) for key, item in node.nodes.items()}


def find(node: Node, path: Path) -> Node | None:
    """Return the node at a path, None where there is none."""
    for step in path:
        match node, step:
            case Keys(), str() if step in node.nodes:
                node = node.nodes[step]
            case Items(), int() if 0 <= step < len(node.nodes):
                node = node.nodes[step]
            case _:
                return None
    return node


def place(node: Node, path: Path, of_key: bool) -> Mark:
    """Return where a path stands, or the nearest thing around it that exists: its value, or its key."""
    while path and find(node, path) is None:
        path, of_key = path[:-1], True
    around = find(node, path[:-1]) if path else None
    if of_key and isinstance(around, Keys) and isinstance(path[-1], str):
        return around.marks[path[-1]]
    found = find(node, path)
    return found.mark if found else Mark(1, 1)
