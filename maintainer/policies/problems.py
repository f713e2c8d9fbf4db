"""What pydantic says of a policy, as one clear line for each problem: where, what was found, what was wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, get_origin

from pydantic_core import ErrorDetails

from maintainer.domain.policy import NOT_BUILT, Policy, Section
from maintainer.domain.triggers import LIMITS
from maintainer.domain.values import ONE_LINE, SLUG
from maintainer.domain.words import suggestion, wanted
from maintainer.policies.nodes import Items, Keys, Mark, Node, Path, Scalar, find, place

ANY = "*"
TAGGED = (  # where pydantic puts the name of a union's member into the path
    ("task", "features", ANY),
    ("gates", ANY),
    ("triggers", ANY),
    ("checks", "drift", "columns"),
    ("checks", "drift", "method"),
    ("checks", "drift", "threshold"),
    ("checks", "drift", "threshold", ANY),
)
NAMED = (  # sections whose keys are the user's own
    ("task", "features"),
    ("checks", "drift", "method"),
    ("checks", "drift", "threshold"),
    ("checks", "drift", "weights"),
)
SILENT = ("default_factory_not_called",)  # follows from another error
OF_KEY = ("extra_forbidden", "not_built_key", "missing")
COLUMN_NAME = "is no name for a column: it may not be empty, begin with '_' or hold control characters"
WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number that is not infinite",
    "string_type": "text",
    "bool_type": "true or false",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "dict_type": "a section of keys",
    "tuple_type": "a list",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "string_too_short": "at least {min_length} character",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} of them",
}


PATTERNS = {
    SLUG: "a name of a-z, 0-9 and '-' that begins with a letter, at most 63 characters",
    ONE_LINE: "one line of text",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a policy."""

    path: Path
    kind: str  # pydantic's word for it
    message: str
    of_key: bool  # its place is the key, not the value

    def line(self, file: str, root: Node) -> tuple[Mark, str]:
        """Return the problem with its place, and its place alone to sort by."""
        mark = place(root, self.path, self.of_key)
        return mark, f"{file}:{mark.line}:{mark.column}: {dotted(self.path)} {self.message}"


def dotted(path: Path) -> str:
    """Return `gates[1].metric`."""
    text = ""
    for step in path:
        if isinstance(step, str) and re.fullmatch(r"[\w-]+", step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text or "the policy"


def problems_of(errors: Sequence[ErrorDetails], root: Node) -> list[Problem]:
    """Return one problem for each error that does not merely follow from another."""
    found = [_problem(error, root) for error in errors if error["type"] not in SILENT]
    unbuilt = [problem.path for problem in found if problem.kind == "not_built" and problem.path[-1] == "kind"]
    return [problem for problem in found if not _beside(problem.path, unbuilt)]


def _beside(path: Path, kinds: Iterable[Path]) -> bool:
    """Return whether a path lies in a section whose kind is not built, so that its other keys cannot be judged."""
    return any(path != kind and path[: len(kind) - 1] == kind[:-1] for kind in kinds)


def path_of(error: ErrorDetails) -> tuple[Path, dict[int, str]]:
    """Return the path in the file that an error's location means, and the union members named on the way."""
    if error["type"] == "fault":
        return error["loc"], {}
    path: list[str | int] = []
    shape: list[str | int] = []
    tags: dict[int, str] = {}
    for part in error["loc"]:
        if tuple(shape) in TAGGED and len(path) not in tags and part != "[key]":
            tags[len(path)] = str(part)
            continue
        shape.append(ANY if isinstance(part, int) or tuple(shape) in NAMED else part)
        path.append(part)
    return tuple(path), tags


def _problem(error: ErrorDetails, root: Node) -> Problem:
    path, tags = path_of(error)
    kind, ctx = error["type"], error.get("ctx", {})
    if path and path[-1] == "[key]":
        return Problem(path[:-1], kind, COLUMN_NAME, True)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _untold(path, kind, str(ctx["discriminator"]).strip("'"), root)
    if kind == "not_built":
        path = (*path, ctx["key"]) if "key" in ctx else path
    return Problem(path, kind, _message(error, path, tags, find(root, path)), kind in OF_KEY)


def _untold(path: Path, kind: str, key: str, root: Node) -> Problem:
    """Return the problem of a union's member whose kind is missing or unknown."""
    words = [_tag(cls) for cls in _classes(path, {})]
    told = find(root, (*path, key))
    if told is None:
        return Problem((*path, key), "missing", f"is missing; {wanted('', words)}", True)
    text = told.text if isinstance(told, Scalar) else ""
    return Problem((*path, key), kind, f"is {found(told)}; {wanted(text, words)}", False)


def _message(error: ErrorDetails, path: Path, tags: dict[int, str], node: Node | None) -> str:
    ctx: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _unknown_key(str(path[-1]), known_keys(path[:-1], tags))
        case "not_built":
            return f"is '{ctx['word']}', which {NOT_BUILT}"
        case "not_built_key":
            return error["msg"]
        case "fault":
            return str(ctx["message"])
        case "literal_error":
            words = re.findall(r"'([^']*)'|(\d+)", str(ctx["expected"]))
            return f"is {found(node)}; {wanted(_text(node), [a or b for a, b in words])}"
        case "limit_word" if isinstance(node, Keys):
            near = [suggestion(key, LIMITS) for key in node.nodes if key not in known_keys(path, tags)]
            return "needs exactly one of the limits above, below and drop" + next(filter(None, near), "")
        case "string_pattern_mismatch":
            return f"is {found(node)}; wanted {PATTERNS.get(ctx['pattern'], 'text like ' + ctx['pattern'])}"
        case kind if kind in WANTED:
            return f"is {found(node)}; wanted {WANTED[kind].format(**ctx)}"
        case _:
            return f"is {found(node)}; {error['msg']}"


def _unknown_key(key: str, known: list[str]) -> str:
    return f"is not a known key{suggestion(key, known) or '; ' + wanted(key, known)}"


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def found(node: Node | None) -> str:
    """Return what stands in the file, in a few characters."""
    match node:
        case Scalar(value=None) | None:
            return "empty"
        case Scalar(value=str(), text=text):
            return repr(text if len(text) <= 60 else text[:57] + "...")
        case Scalar(text=text):
            return text[:60]
        case Items():
            return "a list"
        case Keys():
            return "a section of keys"


def known_keys(path: Path, tags: dict[int, str]) -> list[str]:
    """Return the keys that work in the section at a path, whatever member of a union it is."""
    keys: dict[str, None] = {}
    for cls in _classes(path, tags):
        keys |= {field.alias or name: None for name, field in cls.model_fields.items() if not field.exclude}
    return list(keys)


def _classes(path: Path, tags: dict[int, str]) -> list[type[Section]]:
    """Return the models that the section at a path may be."""
    classes: list[type[Section]] = [Policy]
    shape: list[str | int] = []
    for depth, step in enumerate(path, start=1):
        if isinstance(step, str) and tuple(shape) not in NAMED:
            classes = [inner for cls in classes for inner in _under(cls, step)]
            shape.append(step)
        else:
            shape.append(ANY)
        classes = [cls for cls in classes if tags.get(depth) in (None, _tag(cls))]
    return classes


def _under(cls: type[Section], key: str) -> Iterator[type[Section]]:
    for name, field in cls.model_fields.items():
        if key == (field.alias or name):
            yield from _sections(field.annotation)


def _sections(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, Section):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)


def _tag(cls: type[Section]) -> str:
    """Return the name of a union's member: its kind, its type, or else its class."""
    for key in ("kind", "type"):
        if key in cls.model_fields and get_origin(literal := cls.model_fields[key].annotation) is Literal:
            return str(cast("tuple[object, ...]", get_args(literal))[0])
    return cls.__name__
