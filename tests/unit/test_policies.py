"""Policy files: what is read, what is refused and how it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintainer.domain.policy import NOT_BUILT, Policy
from maintainer.errors import PolicyError
from maintainer.policies import load, load_folder, load_text, loader, marks_of
from maintainer.policies.nodes import scalar_of

SMALL = """\
version: 1
model: small
task:
  kind: tabular-classification
  features:
    a: {type: number}
    b: {type: category}
  label: y
"""


def problems(text: str) -> list[str]:
    """Return the problems of a text, without the file's name; none where it is a policy."""
    try:
        load_text(text, "p.yaml")
    except PolicyError as error:
        assert all(problem.startswith("p.yaml") for problem in error.problems)
        return [problem.removeprefix("p.yaml:") for problem in error.problems]
    return []


# --- what a problem looks like

LINES = [
    ("mode: of\n", "9:7: mode is 'of'; wanted one of observe, auto"),
    ("train: {epoch: 1}\n", "9:9: train.epoch is not a known key; did you mean 'epochs'?"),
    ("train: {epochs: many}\n", "9:17: train.epochs is 'many'; wanted a whole number"),
    ("train: {epochs: 0}\n", "9:17: train.epochs is 0; wanted at least 1"),
    ("train:\n", "9:7: train is empty; wanted a section of keys"),
    ("train: [1]\n", "9:8: train is a list; wanted a section of keys"),
    ("gates: {kind: parity}\n", "9:8: gates is a section of keys; wanted a list"),
    (
        "gates:\n  - {kind: parity}\n  - {kind: superior, metric: acuracy}\n",
        "11:30: gates[1].metric is 'acuracy'; wanted one of accuracy, f1_macro, log_loss, mae, rmse, r2; "
        "did you mean 'accuracy'?",
    ),
    (
        "gates: [{kind: superior, metric: ece}]\n",
        "9:34: gates[0].metric is 'ece'; no gate can compare it: on a holdout",
    ),
    (
        "gates: [{kind: parityy}]\n",
        "9:16: gates[0].kind is 'parityy'; wanted one of parity, superior, non-inferior, negative-flips, latency, "
        "size; did you mean 'parity'?",
    ),
    (
        "gates: [{tolerance: 1}]\n",
        "9:9: gates[0].kind is missing; wanted one of parity, superior, non-inferior, negative-flips, latency, size",
    ),
    ("gates: [{kind: slices, worst_loss: 1}]\n", f"9:16: gates[0].kind is 'slices', which {NOT_BUILT}"),
    ("gates: [{kind: superior, metric: mae}]\n", "9:34: gates[0].metric is 'mae', which is no metric of classif"),
    ("gates: [{kind: latency, p95_ms: 5}]\n", "9:25: gates[0].p95_ms is not a known key; did you mean 'p95_ms_at_mo"),
    ("sources: [{kind: kafka, brokers: x, topic: y}]\n", f"9:18: sources[0].kind is 'kafka', which {NOT_BUILT}"),
    ("notify: [{kind: webhook}]\n", f"9:1: notify {NOT_BUILT}; leave it out"),
    ("checks: {cron: x}\n", f"9:10: checks.cron {NOT_BUILT}; leave it out"),
    ("export: {quantize: fp16}\n", f"9:10: export.quantize {NOT_BUILT}; leave it out"),
    (
        "checks: {drift: {method: empirical_mmd}}\n",
        "9:26: checks.drift.method is 'empirical_mmd'; it is refused for good",
    ),
    ("checks: {drift: {method: {a: empirical_mmd}}}\n", "checks.drift.method.a is 'empirical_mmd'; it is refused for"),
    ("checks: {drift: {threshold: fast}}\n", "9:29: checks.drift.threshold is 'fast'"),
    ("checks: {drift: {threshold: -1}}\n", "9:29: checks.drift.threshold is -1"),
    ("checks: {drift: {threshold: {a: fast}}}\n", "9:33: checks.drift.threshold.a is 'fast'"),
    ("checks: {drift: {threshold: {a: -1}}}\n", "9:33: checks.drift.threshold.a is -1"),
    ("checks: {drift: {columns: [a, bb]}}\n", "9:31: checks.drift.columns[1] names 'bb', which is no column; wanted"),
    ("checks: {drift: {weights: {c: 1}}}\n", "9:31: checks.drift.weights.c names 'c'"),
    ("checks: {every: 7}\n", "9:17: checks.every is 7; wanted a duration such as 30m, 6h or 7d"),
    ("run: {memory: 4GB}\n", "9:15: run.memory is '4GB'; wanted a size such as 512MiB or 4GiB"),
    ("triggers: [{name: t, metric: drift.share}]\n", "9:12: triggers[0] needs exactly one of the limits above, below"),
    ("triggers: [{name: t, metric: drift.share, abve: 1}]\n", "did you mean 'above'?"),
    ("triggers: [{name: t, metric: drift.share, above: 0.1, fro: 1 of 2}]\n", "did you mean 'for'?"),
    ("triggers: [t]\n", "9:12: triggers[0] is 't'; wanted a mapping with exactly one of the limits"),
    ("triggers: [{name: T, metric: drift.share, above: 0.1}]\n", "9:19: triggers[0].name is 'T'; wanted a name of a-z"),
    ("triggers: [{metric: drift.share, above: 0.1}]\n", "9:12: triggers[0].name is missing"),
    ("data: {split: {validation: 0.5, holdout: 0.4}}\n", "9:15: data.split would leave 10% to train on"),
]


@pytest.mark.parametrize(("more", "line"), LINES)
def test_a_problem_is_one_line_with_its_place_and_what_was_wanted(more: str, line: str) -> None:
    found = problems(SMALL + more)
    assert len(found) == 1, found
    assert line in found[0]
    assert "\n" not in found[0]


def test_a_task_that_is_not_built_is_one_problem_whatever_else_it_needs() -> None:
    text = "version: 1\nmodel: m\ntask: {kind: token-classification, text: body, label: y}\n"
    assert problems(text) == [f"3:14: task.kind is 'token-classification', which {NOT_BUILT}"]


def test_missing_keys_are_told_one_by_one() -> None:
    assert problems("task: {label: y}\n") == [
        "1:1: model is missing",
        "1:1: task.kind is missing",
        "1:1: version is missing",
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    text = SMALL + (
        "checks: {evry: 1h}\n"
        "triggers:\n"
        "  - {name: t, metric: drift.shar, above: 0.1}\n"
        "  - {name: t, metric: drift.share, above: 30}\n"
        "  - {name: u, metric: estimated.accuracy, drop: 0.1}\n"
        "train: {loss: huber, epochs: 0}\n"
        "gates: [{kind: superior, metric: acuracy}, {kind: superior, metric: mae}]\n"
    )
    places = [re.match(r"(\d+):\d+: (\S+)", problem) for problem in problems(text)]
    assert [match.groups() for match in places if match] == [
        ("9", "checks.evry"),
        ("11", "triggers[0].metric"),
        ("12", "triggers[1].name"),
        ("12", "triggers[1].above"),
        ("13", "triggers[2].metric"),
        ("14", "train.loss"),
        ("14", "train.epochs"),
        ("15", "gates[0].metric"),
        ("15", "gates[1].metric"),
    ]


def test_a_wrong_feature_does_not_make_a_right_trigger_wrong() -> None:
    text = SMALL.replace("a: {type: number}", "a: {type: nmber}") + (
        "triggers: [{name: t, metric: drift.score.a, above: 0.1}]\n"
    )
    assert problems(text) == [
        "6:15: task.features.a.type is 'nmber'; wanted one of number, category; did you mean 'number'?"
    ]


def test_a_feature_with_an_underscore_in_front_is_told_at_its_name() -> None:
    assert problems(SMALL.replace("    a:", "    _a:"))[0].startswith("6:5: task.features._a is no name for a column")


def test_what_stands_in_for_a_wrong_gate_is_not_told_to_be_one_of_the_others() -> None:
    for gates in ("{kind: size, mib_at_most: 2}, {kind: paritty}", "{kind: paritty}, {kind: size, mib_at_most: 1}"):
        found = problems(SMALL + f"gates: [{gates}]\n")
        assert len(found) == 1 and "did you mean 'parity'?" in found[0], found


def test_of_many_unknown_names_the_first_come_with_the_nearest_known_one() -> None:
    names = [f"featur_{i}" for i in range(100)]
    text = SMALL.replace("    a:", "    feature_1: {type: number}\n    a:")
    found = problems(text + f"checks: {{drift: {{weights: {{{', '.join(f'{name}: 1' for name in names)}}}}}}}\n")
    assert ["did you mean 'feature_1'?" in problem for problem in found] == [True] * 20 + [False] * 80


# --- scalars


def test_a_pair_of_escapes_is_the_one_character_that_json_writes_so() -> None:
    text = (
        SMALL.replace("    a:", '    "t\\ud83c\\udf21":')
        + '  classes: ["\\ud83d\\ude00", b]\ndescription: "\\ud83c\\udf21"\n'
    )
    policy = load_text(text, "p")
    assert list(policy.task.features) == ["t\U0001f321", "b"]
    assert (policy.task.classes[0], policy.description) == ("\U0001f600", "\U0001f321")
    assert policy.model_dump_json()


@pytest.mark.parametrize(
    "words", [("NO", "YES"), ("on", "off"), ("2026-01-01", "12:30"), ("1", "02"), ("1e-3", "1.50")]
)
def test_a_class_or_category_is_what_is_written_not_what_yaml_makes_of_it(words: tuple[str, str]) -> None:
    text = SMALL.replace("{type: category}", f"{{type: category, values: [{', '.join(words)}]}}")
    policy = load_text(text + f"  classes: [{', '.join(words)}]\n", "p")
    assert policy.task.classes == words
    assert policy.task.features["b"].model_dump()["values"] == words


def test_true_and_null_are_text_only_where_they_can_be() -> None:
    policy = load_text(SMALL + "  classes: [true, FALSE]\n  id: null\nowner: 007\n", "p")
    assert (policy.task.classes, policy.task.id, policy.owner) == (("true", "FALSE"), None, "007")
    assert problems(SMALL + "  classes: [null, x]\n")[0].startswith("9:13: task.classes[0] is empty; wanted text")


def test_numbers_are_those_of_yaml_1_2() -> None:
    policy = load_text(SMALL + "train: {optimizer: {learning_rate: 1e-3}, epochs: 0x10, seed: 0o17}\n", "p")
    assert (policy.train.optimizer.learning_rate, policy.train.epochs, policy.train.seed) == (0.001, 16, 15)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("NO", "NO"), ("yes", "yes"), ("On", "On"), ("y", "y"), ("12:30", "12:30"), ("2026-01-01", "2026-01-01")),
        *(
            ("1_000", "1_000"),
            ("0b1", "0b1"),
            ("tRUE", "tRUE"),
            ("", None),
            ("~", None),
            ("TRUE", True),
            ("false", False),
        ),
        *(
            ("010", 10),
            ("0o10", 8),
            ("0xfF", 255),
            ("-1", -1),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("9" * 50, "9" * 50),
        ),
        *(("-.inf", float("-inf")), (".INF", float("inf")), ("inf", "inf"), ("nan", "nan"), ("e3", "e3")),
    ],
)
def test_a_plain_scalar_means_what_the_core_schema_says(text: str, value: object) -> None:
    found = scalar_of(text)
    assert (type(found), found) == (type(value), value)


# --- what is no policy at all

NO_POLICY = {
    "nothing": (b"", "1:1: the file is empty"),
    "only a comment": (b"# soon\n", "1:1: the file is empty"),
    "only null": (b"~\n", "1:1: the file is empty"),
    "a list": (b"- 1\n", "1:1: the policy is a list; wanted a section"),
    "a word": (b"hello\n", "1:1: the policy is 'hello'; wanted a section"),
    "a syntax error": (b"version: 1\nmodel: [a\ntask: 1\n", ":3:"),
    "a tab": (b"version: 1\ntask:\n\tkind: x\n", "indent with spaces"),
    "binary": (bytes(range(256)), "is not UTF-8 text"),
    "control characters": (b"model: a\x00b\n", "is not YAML"),
    "utf-16": ("version: 1\n".encode("utf-16"), "is not UTF-8 text"),
    "too large": (b"#" * (1 << 20) + b"\n", "is larger than 1 MiB"),
    "too deep": (b"[" * 100_000, "nested more than 20 levels"),
    "too many values": (b"- [" + b"1," * 25_000 + b"]", "more than 20000 values"),
    "a bomb": (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchor or alias, 'a'; they are not read here"),
    "a tag": (b"!!python/object/apply:os.system ['true']\n", "1:1: has a tag"),
    "two documents": (SMALL.encode() + b"---\n" + SMALL.encode(), "second document"),
    "a key twice": (SMALL.encode() + b"model: other\n", "9:1: 'model' is there twice; first in line 2"),
    "a section for a key": (b"{a: 1}: 2\n", "for a key"),
    "a character beyond all": (b'version: 1\ndescription: "\\UFFFFFFFF"\n', ":2:1: is not YAML: "),
    "a character just beyond all": (b'model: "\\U00110000"\n', ":1:1: is not YAML: "),
    "a version without end": (b"%YAML 1." + b"1" * 5000 + b"\n---\nmodel: a\n", ":1:1: is not YAML: "),
    "half a character": (b'model: a\ndescription: "t\\udf21"\n', ":2:14: has half of a surrogate pair"),
    "halves the wrong way round": (b'{"a": "\\udf21\\ud83c"}\n', "has half of a surrogate pair"),
    "half a character in a name": (b'"t\\ud83c": 1\n', "has half of a surrogate pair"),
}


@pytest.mark.parametrize(("content", "told"), NO_POLICY.values(), ids=NO_POLICY)
def test_what_is_no_policy_is_refused_with_one_clear_line(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        load(path)
    assert len(caught.value.problems) == 1
    assert told in caught.value.problems[0]
    assert caught.value.problems[0].startswith(str(path))


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none.yaml", "cannot be read: No such file"), (tmp_path, "is no file")):
        with pytest.raises(PolicyError, match=told):
            load(path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert load(tmp_path / "p.yaml").model == "small"


@settings(max_examples=200)
@given(st.text(alphabet="abc:-[]{},'\"#&*!|>%@`?\n \t01.~\\é\x85", max_size=60))
def test_no_text_whatever_ends_in_anything_but_problems(text: str) -> None:
    assert problems(text)


# --- folders


def test_a_bad_file_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(SMALL)
    (tmp_path / "also.yml").write_text(SMALL.replace("small", "also"))
    (tmp_path / "bad.yaml").write_text("version: 1\n")
    (tmp_path / "notes.txt").write_text("not a policy")
    (tmp_path / ".good.yaml.swp.yaml").write_text("half an edit")
    policies, told = load_folder(tmp_path)
    assert sorted(policies) == ["also", "small"]
    assert [problem.split(": ", 1)[1] for problem in told] == ["model is missing", "task is missing"]
    assert all("bad.yaml" in problem for problem in told)


def test_a_file_that_leads_nowhere_or_that_we_stumble_over_does_not_hide_the_good_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.yaml").write_text(SMALL)
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "odd.yaml").write_text(SMALL)
    whole = loader.load

    def stumbling(path: Path) -> Policy:
        if path.name == "odd.yaml":
            raise KeyError("a defect")
        return whole(path)

    monkeypatch.setattr(loader, "load", stumbling)
    policies, told = load_folder(tmp_path)
    assert list(policies) == ["small"]
    assert "loop.yaml: cannot be read: Too many levels of symbolic links" in told[0]
    assert "odd.yaml: cannot be judged: KeyError" in told[1]
    assert [name for name, *_ in sorted(marks_of(tmp_path))] == ["good.yaml", "odd.yaml"]


def test_two_files_for_one_model_are_a_problem_and_neither_counts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "b.yaml").write_text(SMALL + "mode: observe\n")
    policies, told = load_folder(tmp_path)
    assert policies == {}
    assert told == [f"{tmp_path}/b.yaml: model 'small' is the model of {tmp_path}/a.yaml too; wanted one file for each"]


def test_no_folder_is_a_problem_not_an_error(tmp_path: Path) -> None:
    policies, told = load_folder(tmp_path / "none")
    assert policies == {}
    assert "is no folder to be read: No such file" in told[0]
    assert marks_of(tmp_path / "none") == frozenset()


def test_a_folder_that_two_policies_read_is_the_one_whose_inbox_it_is(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    other = "sources: [{kind: directory, path: inbox/small/}, {kind: directory, path: inbox/other}]\n"
    (tmp_path / "other.yaml").write_text(SMALL.replace("small", "other") + other)
    policies, told = load_folder(tmp_path)
    assert list(policies) == ["small"]
    said = f"reads inbox/small, which {tmp_path}/small.yaml reads too; wanted a folder of its own"
    assert told == [f"{tmp_path}/other.yaml: sources {said}"]


def test_a_folder_that_is_no_models_own_cannot_be_read_by_two(tmp_path: Path) -> None:
    for model in "abc":
        shared = "" if model == "c" else "sources: [{kind: directory, path: inbox/both}]\n"
        (tmp_path / f"{model}.yaml").write_text(SMALL.replace("small", model) + shared)
    policies, told = load_folder(tmp_path)
    assert list(policies) == ["c"]
    assert len(told) == 2


def test_a_model_may_have_the_name_of_a_folder_that_every_inbox_has(tmp_path: Path) -> None:
    (tmp_path / "done.yaml").write_text(SMALL.replace("small", "done"))
    policies, told = load_folder(tmp_path)
    assert (policies["done"].sources[0].path, told) == ("inbox/done", [])


def test_the_template_under_another_name_reads_the_inbox_of_that_name() -> None:
    text = (Path(__file__).parents[2] / "policies" / "template.yaml").read_text(encoding="utf-8")
    assert load_text(text.replace("model: my-model", "model: churn"), "p").sources[0].path == "inbox/churn"
