"""The embedded champion on real ONNX files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from onnx import numpy_helper

from maintainer.champion import Champion, load_session
from maintainer.errors import InputError, NotFoundError
from maintainer.rows import columns_of
from maintainer.store.artifacts import point_champion

CLASSES = ("DOWN", "UP")
UP_IF_A = ([[-1, 0, 0], [1, 0, 0]], [0, 0])  # UP where a > 0
UP_IF_NOT_A = ([[1, 0, 0], [-1, 0, 0]], [0, 0])
ROWS = [{"a": 1.0, "b": 2.0, "day": "mon"}, {"a": -1.0, "b": 0.5, "day": "tue"}, {"a": None, "b": None, "day": None}]
SUM = ([[1, 10, 100]], [0.5])


@pytest.fixture
def model_dir(tmp_path) -> Path:
    return tmp_path / "state" / "models" / "electricity"


@pytest.fixture
def serve(tmp_path, model_dir, make_onnx, make_version):
    """Write a version and make it champion."""

    def write(weights, classes=CLASSES, version="v1"):
        directory = make_version(model_dir, make_onnx(*weights, classes, version))
        point_champion(model_dir, version)
        return directory

    return write


def champion(tmp_path) -> Champion:
    return Champion("electricity", tmp_path / "state")


def test_a_classification_answers_with_labels_and_probabilities(serve, tmp_path):
    serve(UP_IF_A)
    got = champion(tmp_path).predict(ROWS[:2])
    assert got.version == "v1"
    assert got.answers.tolist() == ["UP", "DOWN"]
    assert got.classes == CLASSES
    sigmoid = 1 / (1 + np.exp(-2.0))
    np.testing.assert_allclose(got.probabilities, [[1 - sigmoid, sigmoid], [sigmoid, 1 - sigmoid]], rtol=1e-5)


def test_a_regression_answers_with_float64_values(serve, tmp_path):
    serve(SUM, ())
    got = champion(tmp_path).predict(ROWS)
    assert got.answers.dtype == np.float64
    assert got.answers.tolist() == [121.5, 204.5, 0.5]
    assert got.probabilities is None and got.classes == ()


def as_columns(rows):
    return {name: [row[name] for row in rows] for name in ("a", "b", "day")}


def as_mixed(rows):
    return {"a": np.array([1, -1, np.nan]), "b": pa.array([2, 0.5, None]), "day": pd.Series(["mon", "tue", None])}


def as_dictionary(rows):
    words = pa.dictionary(pa.int32(), pa.string())
    return pa.Table.from_pylist(rows).cast(pa.schema([("a", pa.float32()), ("b", pa.float64()), ("day", words)]))


def as_structured(rows):
    fields = [("a", "f8"), ("b", "f4"), ("day", "O")]
    return np.array(
        [tuple(np.nan if row[f] is None and k != "O" else row[f] for f, k in fields) for row in rows], fields
    )


def as_decimals(rows):
    return [row | {"a": None if row["a"] is None else Decimal(str(row["a"])), "more": object()} for row in rows]


FORMS = {
    "columns": as_columns,
    "mixed columns": as_mixed,
    "decimals and an unknown column": as_decimals,
    "arrow": pa.Table.from_pylist,
    "arrow batch": lambda rows: pa.Table.from_pylist(rows).to_batches()[0],
    "arrow dictionary": as_dictionary,
    "pandas": pd.DataFrame,
    "pandas nullable": lambda rows: pd.DataFrame(rows).astype({"a": "Float64", "day": "category"}),
    "pandas integer": lambda rows: pd.DataFrame(rows).astype({"a": "Int64", "day": "string"}),
    "numpy": as_structured,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_the_same_rows_has_the_same_answers(serve, tmp_path, form):
    serve(SUM, ())
    assert champion(tmp_path).predict(form(ROWS)).answers.tolist() == [121.5, 204.5, 0.5]


def test_no_rows_have_no_answers(serve, tmp_path):
    serve(UP_IF_A)
    got = champion(tmp_path).predict({"a": [], "b": [], "day": []})
    assert len(got) == 0 and got.probabilities is not None and got.probabilities.shape == (0, 2)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"a": 1.0, "day": "mon"}], "row 0 lacks column 'b'"),
        ({"a": [1.0], "day": ["mon"]}, "column 'b' is missing"),
        (pa.table({"a": [1.0], "day": ["mon"]}), "column 'b' is missing"),
        (pd.DataFrame({"a": [1.0], "day": ["mon"]}), "column 'b' is missing"),
        ([ROWS[0], ROWS[0] | {"b": "2.0"}], r"row 1, column 'b': found '2.0' \(str\), wanted a number"),
        (pa.table({"a": [1.0], "b": ["2"], "day": ["mon"]}), "row 0, column 'b': found '2'"),
        (pd.DataFrame({"a": [1.0], "b": ["2"], "day": ["mon"]}), "row 0, column 'b'"),
        ([ROWS[0] | {"day": ["mon"]}], "column 'day'.*wanted text"),
        ([ROWS[0], ROWS[0] | {"b": 10**400}], "row 1, column 'b': found 1000.*int.*wanted a number"),
        ([ROWS[0] | {"b": 10**5000}], "row 0, column 'b': found a number too long to be written"),
        ([ROWS[0] | {"b": Decimal("sNaN")}], r"row 0, column 'b': found Decimal\('sNaN'\)"),
        ([ROWS[0] | {"day": Decimal("sNaN")}], r"row 0, column 'day': found Decimal\('sNaN'\)"),
        ([ROWS[0] | {"b": np.ones(2)}], "row 0, column 'b': found array"),
        ([ROWS[0] | {"day": np.ones(2)}], "row 0, column 'day': found array"),
        ({"a": [[1.0], [2.0]], "b": [1.0, 2.0], "day": ["mon", "tue"]}, r"row 0, column 'a': found \[1.0\]"),
        ([ROWS[0] | {"day": "\ud800"}], r"row 0, column 'day': found '\\ud800'"),
        ([ROWS[0], ROWS[0] | {"b": float("inf")}], r"row 1, column 'b': found inf \(float\), wanted a finite number"),
        ([ROWS[0] | {"b": Decimal("-Infinity")}], "row 0, column 'b': .*wanted a finite number"),
        (pd.DataFrame([ROWS[0], ROWS[0] | {"b": -np.inf}]), "row 1, column 'b': .*wanted a finite number"),
        (ROWS[0], "column 'a' is 1.0, wanted one value for each row"),
        ({"a": [1.0, 2.0], "b": [1.0], "day": ["mon"]}, "differ in length"),
        (np.zeros((2, 3)), "wanted a structured array"),
        (3, "found rows of type int"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_column_and_row(serve, tmp_path, rows, words):
    serve(SUM, ())
    with pytest.raises(InputError, match=words):
        champion(tmp_path).predict(rows)


def test_a_number_that_is_a_category_reads_as_the_store_keeps_it():
    values = [3, 3.0, 2.5, True, None, float("nan"), np.int64(4), np.float32("nan"), "x"]
    wanted = ["3", "3", "2.5", "true", "", "", "4", "", "x"]
    assert columns_of({"day": values}, {"day": "category"})["day"].tolist() == wanted


def test_a_promotion_between_two_calls_is_followed(serve, tmp_path):
    serve(UP_IF_A)
    served = champion(tmp_path)
    assert served.predict(ROWS[:1]).answers.tolist() == ["UP"]
    serve(UP_IF_NOT_A, version="v2")
    got = served.predict(ROWS[:1])
    assert (got.version, served.version, got.answers.tolist()) == ("v2", "v2", ["DOWN"])
    assert served.problem is None


def test_a_rollback_is_followed_too(serve, tmp_path, model_dir):
    serve(UP_IF_A)
    serve(UP_IF_NOT_A, version="v2")
    served = champion(tmp_path)
    point_champion(model_dir, "v1")
    assert served.predict(ROWS[:1]).version == "v1"


def test_a_new_version_that_is_bad_leaves_the_former_one_in_place(serve, tmp_path, model_dir, make_onnx, make_version):
    serve(UP_IF_A)
    served = champion(tmp_path)
    bad = make_version(model_dir, make_onnx(*UP_IF_NOT_A, CLASSES, "v2"))
    whole = (bad / "model.onnx").read_bytes()
    (bad / "model.onnx").write_bytes(whole[:-20])
    point_champion(model_dir, "v2")
    assert served.predict(ROWS[:1]).version == "v1"
    assert served.problem is not None and "sha256" in served.problem and "v2" in served.problem
    (bad / "model.onnx").write_bytes(whole)
    assert served.predict(ROWS[:1]).version == "v1"  # not read again at each call
    point_champion(model_dir, "v2")
    assert served.predict(ROWS[:1]).version == "v2"
    assert served.problem is None


def test_a_version_that_could_not_be_loaded_is_tried_again_after_a_while(serve, tmp_path, monkeypatch):
    serve(UP_IF_A)
    served, clock = champion(tmp_path), [0.0]
    monkeypatch.setattr("maintainer.champion.monotonic", lambda: clock[0])
    directory = serve(UP_IF_NOT_A, version="v2")
    (directory / "model.onnx").rename(directory / "elsewhere")  # such as a share that was away for a moment
    assert served.predict(ROWS[:1]).version == "v1"
    (directory / "elsewhere").rename(directory / "model.onnx")
    clock[0] = 9.0
    assert served.predict(ROWS[:1]).version == "v1"
    clock[0] = 10.0
    assert served.predict(ROWS[:1]).version == "v2"
    assert served.problem is None


def test_a_pointer_that_could_not_be_read_for_a_moment_is_no_lasting_problem(serve, tmp_path, monkeypatch):
    serve(UP_IF_A)
    served, real = champion(tmp_path), os.readlink

    def failing(path):
        raise OSError(24, "Too many open files", path)

    monkeypatch.setattr("maintainer.champion.os.readlink", failing)
    assert served.predict(ROWS[:1]).version == "v1"
    assert served.problem is not None and "Too many open files" in served.problem
    monkeypatch.setattr("maintainer.champion.os.readlink", real)
    assert served.predict(ROWS[:1]).version == "v1"
    assert served.problem is None


def test_a_vanished_pointer_leaves_the_former_version_in_place(serve, tmp_path, model_dir):
    serve(UP_IF_A)
    served = champion(tmp_path)
    (model_dir / "champion").unlink()
    assert served.predict(ROWS[:1]).version == "v1"
    assert served.problem is not None and "no champion pointer" in served.problem
    point_champion(model_dir, "v1")
    assert served.predict(ROWS[:1]).version == "v1"
    assert served.problem is None


def test_what_is_not_the_manifests_file_is_not_loaded(serve, tmp_path):
    directory = serve(UP_IF_A)
    with (directory / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="sha256"):
        champion(tmp_path)


def test_a_model_without_a_champion_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match="no champion pointer"):
        champion(tmp_path)


@pytest.mark.parametrize("name", ["", "Electricity", "../electricity", "a/b", "1st", "a" * 64, "a\n", "a_b"])
def test_what_is_no_model_name_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="is no model name"):
        Champion(name, tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path, make_onnx):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no protobuf")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_session(path, 1)
    bare = make_onnx(*UP_IF_A, CLASSES)
    del bare.metadata_props[:]
    path.write_bytes(bare.SerializeToString())
    with pytest.raises(InputError, match=r"maintainer\.version"):
        load_session(path, 1)
    with pytest.raises(InputError, match="cannot be read"):
        load_session(tmp_path / "absent.onnx", 1)


def test_a_graph_that_loads_and_cannot_run_is_refused(tmp_path, make_onnx):
    model = make_onnx(*SUM)
    squeeze = next(node for node in model.graph.node if node.op_type == "Squeeze")
    squeeze.op_type = "Reshape"
    squeeze.input[1] = "three"  # one value cannot take the shape (3,)
    model.graph.initializer.append(numpy_helper.from_array(np.array([3]), "three"))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="version v1 cannot answer"):
        load_session(path, 1)


def test_threads_answer_by_one_whole_version_while_it_is_swapped(serve, tmp_path, model_dir):
    serve(UP_IF_A)
    serve(UP_IF_NOT_A, version="v2")
    served = champion(tmp_path)
    wanted = {"v1": "UP", "v2": "DOWN"}
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(200):
            got = served.predict(ROWS[:1])
            if got.answers.tolist() != [wanted[got.version]]:
                wrong.append(got)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for version in ("v1", "v2"):
            point_champion(model_dir, version)
    assert wrong == []
    assert served.problem is None
    point_champion(model_dir, "v1")
    assert served.predict(ROWS[:1]).version == "v1"


def test_an_embedding_application_loads_no_framework_and_no_telemetry():
    code = (
        "import sys, os, maintainer.champion;"
        "heavy = {'torch', 'pandas', 'pyarrow', 'pydantic', 'duckdb', 'scipy', 'evidently'} & set(sys.modules);"
        "assert not heavy, heavy; assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
