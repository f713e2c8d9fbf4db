"""From a policy file to a Policy and back; all problems of a file are told at once."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from maintainer.domain.policy import Policy
from maintainer.errors import PolicyError
from maintainer.policies.nodes import Keys, Node, Path, Scalar, YamlProblem, find, plain, read_yaml
from maintainer.policies.problems import found, path_of, problems_of

LARGEST = 1 << 20  # bytes of a policy file
ENDINGS = (".yaml", ".yml")
STAND_INS: dict[str, dict[str, object]] = {  # for members of lists that are wrong, so that the rest can be judged
    "gates": {"kind": "size"},
    "triggers": {"metric": "samples.new", "above": 0},
    "sources": {"kind": "directory"},
    "references": {"kind": "champion"},
}


def load(path: File) -> Policy:
    """Return the policy of a file.

    Raises:
        PolicyError: with every problem, as `file:line:column: path what was found; what was wanted`.
    """
    return load_text(_text(path), str(path))


def load_text(text: str, file: str) -> Policy:
    """Return the policy of a text; `file` is what problems call it.

    Raises:
        PolicyError: with every problem, as `load`.
    """
    root = _read(text, file)
    policy, errors, data = _judge(root)
    if policy is not None:
        return policy
    problems = problems_of([*errors, *_hidden(data, errors)], root)
    raise PolicyError([line for _, line in sorted(problem.line(file, root) for problem in problems)])


def load_folder(folder: File) -> tuple[dict[str, Policy], list[str]]:
    """Return the policies of a folder by model, and the problems of the files that are not among them.

    Files whose names begin with a dot are left alone. Of two files with one model name neither counts, nor of two that
    read one folder, unless it is the inbox of one of the two models.
    """
    try:
        paths = _files(folder)
    except OSError as error:
        return {}, [f"{folder}: is no folder to be read: {error.strerror}; wanted a policy file for each model in it"]
    loaded: dict[str, list[tuple[File, Policy]]] = {}
    problems: list[str] = []
    for path in paths:
        try:
            policy = load(path)
        except PolicyError as error:
            problems += error.problems
        except Exception as error:  # a defect of ours must not keep the other models from their policies
            problems.append(f"{path}: cannot be judged: {type(error).__name__}: {error}")
        else:
            loaded.setdefault(policy.model, []).append((path, policy))
    for model, both in loaded.items():
        for path, _ in both[1:]:
            problems.append(f"{path}: model '{model}' is the model of {both[0][0]} too; wanted one file for each")
    single = {model: both[0] for model, both in loaded.items() if len(both) == 1}
    contested = _contested(single)
    problems += contested.values()
    return {model: policy for model, (_, policy) in single.items() if model not in contested}, problems


def _contested(loaded: dict[str, tuple[File, Policy]]) -> dict[str, str]:
    """Return the models that read what is another one's or nobody's own, each with its problem."""
    readers: dict[str, list[str]] = {}
    for model, (_, policy) in loaded.items():
        for source in policy.sources:
            readers.setdefault(source.path, []).append(model)
    found: dict[str, str] = {}
    for folder, models in readers.items():
        for model in models:
            others = [str(loaded[name][0]) for name in models if name != model]
            if others and folder != f"inbox/{model}":
                said = f"sources reads {folder}, which {others[0]} reads too; wanted a folder of its own"
                found[model] = f"{loaded[model][0]}: {said}"
    return found


def problems_with(model: str, problems: list[str]) -> list[str]:
    """Return the problems that are about a model: of the file with its name, or that name it."""
    return [problem for problem in problems if File(problem.split(":")[0]).stem == model or f"'{model}'" in problem]


def marks_of(folder: File) -> frozenset[tuple[str, int, int, int]]:
    """Return name, inode, size in bytes and time of change in ns of each policy file; the same marks, the same text."""
    found: set[tuple[str, int, int, int]] = set()
    try:
        paths = _files(folder)
    except OSError:  # who loads the folder says so
        return frozenset()
    for path in paths:
        try:
            mark = path.stat()
        except OSError:  # an editor is just replacing it, or it leads nowhere: who reads it says so
            continue
        found.add((path.name, mark.st_ino, mark.st_size, mark.st_ctime_ns))
    return frozenset(found)


def _files(folder: File) -> list[File]:
    return sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and not path.name.startswith("."))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy file, for editors."""
    schema = Policy.model_json_schema(by_alias=True, mode="validation")
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Maintainer policy"}
    return {**title, **{key: value for key, value in schema.items() if key not in title}}


def to_yaml(policy: Policy) -> str:
    """Return a policy as a file with every default filled in; loading it gives the same policy."""
    document = policy.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _read(text: str, path: str) -> Node:
    try:
        root, repeated = read_yaml(text)
    except YamlProblem as problem:
        raise PolicyError([f"{path}:{problem.mark.line}:{problem.mark.column}: {problem.message}"]) from problem
    if repeated:
        raise PolicyError([f"{path}:{mark.line}:{mark.column}: {message}" for mark, message in repeated])
    if not isinstance(root, Keys):
        empty = isinstance(root, Scalar) and root.value is None
        what = "the file is empty" if empty else f"the policy is {found(root)}"
        message = f"{what}; wanted a section of keys, at least version, model and task"
        raise PolicyError([f"{path}:{root.mark.line}:{root.mark.column}: {message}"])
    return root


def _text(path: File) -> str:
    """Return the text of a file that is small enough to be a policy."""
    try:
        if path.exists() and not path.is_file():
            raise PolicyError([f"{path}: is no file; wanted a policy file"])
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PolicyError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(content) > LARGEST:
        raise PolicyError([f"{path}: is larger than {LARGEST >> 20} MiB; wanted a policy file"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyError([f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}"]) from error


def _judge(root: Node) -> tuple[Policy | None, list[ErrorDetails], dict[str, Any]]:
    """Return the policy or its errors; where text is wanted a number or truth value counts as it is written."""
    written: frozenset[Path] = frozenset()
    while True:
        data = cast("dict[str, Any]", plain(root, written))
        policy, errors = _validate(data)
        more = frozenset(path for error in errors if (path := _written(error, root)) is not None) - written
        if not more:
            return policy, errors, data
        written |= more


def _validate(data: dict[str, Any]) -> tuple[Policy | None, list[ErrorDetails]]:
    try:
        return Policy.model_validate(data), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _written(error: ErrorDetails, root: Node) -> Path | None:
    path, _ = path_of(error)
    node = find(root, path)
    is_text = error["type"] == "string_type" and isinstance(node, Scalar) and node.value is not None
    return path if is_text else None


def _hidden(data: dict[str, Any], errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return faults between parts that wrong keys hide: those of the same policy with the wrong keys set right."""
    if any(error["type"] == "fault" for error in errors):
        return []
    for path in {path_of(error)[0] for error in errors}:
        _set_right(data, path)
    return [error for error in _validate(data)[1] if error["type"] == "fault"]


def _set_right(data: dict[str, Any], path: Path) -> None:
    """Put something harmless in the place of a wrong value, or leave its section to the defaults."""
    match path:
        case ("version",):
            data["version"] = 1
        case ("model",):
            data["model"] = "stand-in"
        case ("task", "features", str(name), "[key]"):
            data["task"]["features"].pop(name, None)
        case ("task", "features", str(name), *_) if isinstance(data["task"]["features"], dict):
            data["task"]["features"][name] = {"type": "category"}
        case ("gates" | "triggers" | "sources" | "references" as key, int(i), *_):
            unique = {"gates": {"mib_at_most": 1e-9 * (i + 1)}, "triggers": {"name": f"stand-in-{i}"}}
            unique["sources"] = {"path": f"inbox/stand-in-{i}"}
            data[key][i] = STAND_INS[key] | unique.get(key, {})
        case _:
            _leave_out(data, path)


def _leave_out(data: dict[str, Any], path: Path) -> None:
    """Leave out the innermost section around a path; a key of the file or of a section right below it alone."""
    steps = path if len(path) < 3 else path[:-1]
    around = data
    for step in steps[:-1]:
        inner = around.get(str(step))
        if not isinstance(inner, dict):
            return
        around = cast("dict[str, Any]", inner)
    if steps:
        around.pop(str(steps[-1]), None)
