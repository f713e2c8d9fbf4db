"""What the pages say of the kinds of drift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from maintainer.domain.evidence import DriftScore
from maintainer.domain.kinds import Carrier, ColumnFault, Diagnosis, DriftKind, Together
from maintainer.report.check import render_check
from maintainer.report.diagnosis import sentence
from maintainer.report.run import render_run

EVIL = "<script>alert(1)</script>"
Reader = Callable[[str], Any]


def test_the_page_of_a_check_tells_the_kind_the_faults_and_who_carries_them_and_escapes_what_came_from_data(
    views: SimpleNamespace, reader: Reader
) -> None:
    view = views.check()
    moved = Together("drift.multivariate", "domain classifier", 0.4, 1e-5, (900, 800), (Carrier(EVIL, 0.75),))
    seen = replace(
        view.evidence,
        scores=(*view.evidence.scores, DriftScore("w", "unseen", "new values", 0.25, 0.01)),
        faults=(ColumnFault("price", "renamed", f"price: '{EVIL}' has vanished"),),
        together=(moved,),
        diagnosis=Diagnosis(DriftKind.DATA_FAULT, f"price: '{EVIL}' has vanished."),
    )
    page = render_check(replace(view, evidence=seen))
    assert "<script>alert" not in page
    text = reader(page).text
    for said in ("data fault", "1 column looks broken", "tells the rows of the two windows apart", "75", "New values"):
        assert said in text, said


def test_rows_that_cannot_be_told_apart_are_said_to_be_so() -> None:
    alike = Together("drift.embedding", "energy distance of answers", 0.02, 0.4, (500, 500))
    assert sentence(alike).endswith("does not tell the texts of the two windows apart: p 0.4 is above 0.01")


def test_the_page_of_a_run_says_what_the_drift_was_taken_for(views: SimpleNamespace, reader: Reader) -> None:
    view = views.run()
    known = view.collect.model_copy(update={"drift": Diagnosis(DriftKind.CONCEPT, "The labels have moved.")})
    assert "concept: The labels have moved." in reader(render_run(replace(view, collect=known))).text
    assert "Kind of drift" not in reader(render_run(view)).text
