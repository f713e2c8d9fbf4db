from __future__ import annotations

from pathlib import Path

import pytest

from maintainer.errors import StoreError
from maintainer.report.files import write


def test_a_page_ends_with_one_newline_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "new" / "check.html", "<p>µ</p>\n\n")
    assert (tmp_path / "new" / "check.html").read_bytes() == "<p>µ</p>\n".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["check.html"]


def test_a_page_replaces_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "check.html", "old")
    write(tmp_path / "check.html", "new")
    assert (tmp_path / "check.html").read_text() == "new\n"


def test_half_a_surrogate_in_a_name_does_not_stop_a_report(tmp_path: Path) -> None:
    write(tmp_path / "check.html", "a\ud800b")
    assert (tmp_path / "check.html").read_text() == "a?b\n"


def test_a_page_that_cannot_be_put_in_place_is_an_error_that_names_it_and_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "check.html").mkdir()
    with pytest.raises(StoreError, match=r"check\.html"):
        write(tmp_path / "check.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]
