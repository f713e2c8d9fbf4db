from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from maintainer.backtest.stream import Stream
from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind
from maintainer.errors import InputError

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = Schema(
    "m", TaskKind.CLASSIFICATION, (Column("x", ColumnKind.NUMBER),), label="y", classes=("a", "b"), time="t"
)


def table(rows: int = 100) -> pa.Table:
    order = np.random.default_rng(0).permutation(rows)  # the file is in no order
    times = np.datetime64("2024-01-01T00:00", "us") + order * np.timedelta64(1, "h")
    return pa.table({"x": order.astype(float), "t": times, "y": np.where(order % 2, "a", "b"), "z": order})


def written(tmp_path, content: pa.Table):
    pq.write_table(content, tmp_path / "d.parquet")
    return tmp_path / "d.parquet"


def test_steps_are_half_open_in_order_of_time_and_leave_nothing_out(tmp_path):
    stream = Stream(written(tmp_path, table()), SCHEMA)
    steps = list(stream.steps(START, timedelta(hours=7)))
    seen = np.concatenate([step.table["x"].to_numpy() for step in steps])
    assert seen.tolist() == list(range(100))
    assert [step.rows for step in steps] == [7] * 14 + [2]
    assert steps[0].end == steps[1].start == START + timedelta(hours=7)


def test_a_step_without_samples_is_a_step_all_the_same(tmp_path):
    content = table(10).filter(pa.compute.field("x") != 5.0)
    steps = list(Stream(written(tmp_path, content), SCHEMA).steps(START, timedelta(hours=1)))
    assert [step.rows for step in steps] == [1, 1, 1, 1, 1, 0, 1, 1, 1, 1]


def test_text_times_of_a_csv_are_utc(tmp_path):
    content = table(5)
    content = content.set_column(1, "t", content["t"].cast(pa.string()))
    pa_csv.write_csv(content, tmp_path / "d.csv")
    assert Stream(tmp_path / "d.csv", SCHEMA).moment(4) == START + timedelta(hours=4)


def test_what_is_written_holds_answers_and_leaves_labels_out_when_they_come_late(tmp_path):
    stream = Stream(written(tmp_path, table()), SCHEMA)
    step = stream.between(START, START + timedelta(hours=3))
    stream.write(step, tmp_path / "s.parquet", np.array(["a", "b", "a"], object), labels=False)
    found = pq.read_table(tmp_path / "s.parquet")
    assert found["prediction"].to_pylist() == ["a", "b", "a"] and "y" not in found.column_names
    assert stream.labels(step).tolist() == ["b", "a", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (table().drop_columns(["y"]), "lacks y"),
        (table().set_column(1, "t", pa.array(["yesterday"] * 100)), "wanted times"),
        (table().set_column(1, "t", pa.nulls(100, pa.timestamp("us"))), "100 samples have no event time"),
    ],
)
def test_a_file_that_cannot_be_replayed_is_refused_in_words(tmp_path, content, words):
    with pytest.raises(InputError, match=words):
        Stream(written(tmp_path, content), SCHEMA)


def test_a_file_that_is_no_table_is_refused_in_words(tmp_path):
    (tmp_path / "d.parquet").write_bytes(b"junk")
    with pytest.raises(InputError, match="cannot be read"):
        Stream(tmp_path / "d.parquet", SCHEMA)
    with pytest.raises(InputError, match="cannot tell the format"):
        Stream(tmp_path / "d.xls", SCHEMA)


def test_samples_without_a_label_are_left_out_and_counted(tmp_path):
    content = table(6).set_column(2, "y", pa.array(["a", None, "b", "", "a", "b"]))
    stream = Stream(written(tmp_path, content), SCHEMA)
    assert (len(stream), stream.unlabelled) == (4, 2)


def test_labels_of_a_regression_are_numbers_or_refused(tmp_path):
    schema = replace(SCHEMA, task=TaskKind.REGRESSION, classes=())
    content = table(4).set_column(2, "y", pa.array([1.0, None, float("nan"), 2.0]))
    stream = Stream(written(tmp_path, content), schema)
    step = stream.between(START, START + timedelta(hours=4))
    assert (sorted(stream.labels(step)), stream.unlabelled) == ([1.0, 2.0], 2)
    with pytest.raises(InputError, match="label y is string, wanted numbers"):
        Stream(written(tmp_path, table()), schema)


def test_a_file_of_a_header_alone_is_refused_in_words(tmp_path):
    (tmp_path / "d.csv").write_text("x,t,y\n")
    with pytest.raises(InputError, match=r"d.csv has no labelled samples"):
        Stream(tmp_path / "d.csv", SCHEMA)


def test_the_folder_of_a_parquet_file_adds_no_column(tmp_path):
    folder = tmp_path / "x=7"
    folder.mkdir()
    steps = Stream(written(folder, table(3)), SCHEMA).steps(START, timedelta(hours=3))
    assert [step.table["x"].to_pylist() for step in steps] == [[0.0, 1.0, 2.0]]
