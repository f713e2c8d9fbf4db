from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from maintainer.domain.evidence import Change, Decision, Estimate, Histogram, Metric, Reckoned
from maintainer.domain.phase import Care, GateFinding, GateVerdict
from maintainer.domain.run import Kind, Phase, Verdict, replay
from maintainer.domain.sample import Window
from maintainer.monitor.check import Seen, assemble
from maintainer.monitor.exchange import DriftReply
from maintainer.monitor.measured import Measured
from maintainer.report import words
from maintainer.report.backtest import headline, passes, render_backtest
from maintainer.report.check import render_check
from maintainer.report.quality import metric_row
from maintainer.report.run import before_after, budget_limit, render_run, stretches

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
Reader = Callable[[str], Any]


def pages(views: SimpleNamespace) -> dict[str, str]:
    """Return one page of each kind."""
    return {
        "check": render_check(views.check()),
        "run": render_run(views.run()),
        "backtest": render_backtest(views.backtest()),
    }


@pytest.mark.parametrize("kind", ["check", "run", "backtest"])
def test_a_page_asks_nothing_of_the_network_and_runs_nothing(views: SimpleNamespace, reader: Reader, kind: str) -> None:
    html = pages(views)[kind]
    page = reader(html)
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert [attrs["href"] for tag, attrs in page.tags if tag == "link"] == ["data:,"]
    assert not any(name.startswith("on") or name in {"src", "srcset"} for _, attrs in page.tags for name in attrs)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "default-src 'none'" in html


@pytest.mark.parametrize("kind", ["check", "run", "backtest"])
def test_a_page_serves_light_dark_narrow_and_print(views: SimpleNamespace, kind: str) -> None:
    html = pages(views)[kind]
    for rule in ("prefers-color-scheme:dark", "max-width:720px", "@media print", "width=device-width"):
        assert rule in html


@pytest.mark.parametrize("kind", ["check", "run", "backtest"])
def test_every_drawing_is_named_or_hidden_from_those_who_cannot_see_it(
    views: SimpleNamespace, reader: Reader, kind: str
) -> None:
    drawings = [attrs for tag, attrs in reader(pages(views)[kind]).tags if tag == "svg"]
    assert drawings
    assert all(attrs.get("aria-hidden") == "true" or attrs.get("aria-label") for attrs in drawings)


def test_what_came_from_data_is_escaped_in_a_check(views: SimpleNamespace, reader: Reader) -> None:
    chart = Histogram((EVIL, "b"), (0.5, 0.5), (0.1, 0.9))
    scores = (views.score(EVIL, 0.3, chart=chart), views.score(EVIL, 0.3, "missing"))
    view = views.check(scores, (EVIL,))
    finding = replace(view.findings[0], trigger=EVIL, sentence=EVIL)
    evidence = replace(view.evidence, notes=(EVIL,), version=EVIL)
    evil = replace(view, evidence=evidence, findings=(finding,), decision=Decision(True, EVIL, (EVIL,)), check_id=EVIL)
    assert_harmless(reader(render_check(evil)))


def test_what_came_from_data_is_escaped_in_a_run(views: SimpleNamespace, reader: Reader) -> None:
    view = views.run()
    finding = GateFinding(gate=EVIL, verdict=GateVerdict.FAILED, value=1.0, limit=1.0, sentence=EVIL)
    evil = replace(
        view,
        run=replace(view.run, id=EVIL, reason=EVIL),
        events=tuple(replace(event, note=EVIL) for event in view.events),
        reason=EVIL,
        triggers=(EVIL,),
        version=EVIL,
        train=view.train.model_copy(
            update={"metric": EVIL, "reason": EVIL, "strategy": EVIL, "care": views.care(EVIL)}
        ),
        gate=view.gate.model_copy(update={"findings": (finding,), "challenger": {EVIL: {EVIL: 0.5}}}),
    )
    assert_harmless(reader(render_run(evil)))


def test_what_was_done_to_which_sample_stands_on_the_page_of_a_run(views: SimpleNamespace, reader: Reader) -> None:
    view = views.run()
    assert "Data care" not in reader(render_run(view)).text
    held = replace(view, train=view.train.model_copy(update={"care": views.care("s-17")}))
    text = reader(render_run(held)).text
    assert "label error dropped 24" in text and "s-17 new label error dropped UP DOWN 0.031" in text
    assert "all of them are in train/care.csv" in text
    nothing = Care(counts=(), shown=(), notes=(), file=None)
    held = replace(view, train=view.train.model_copy(update={"care": nothing}))
    assert "Nothing was left out or clipped." in reader(render_run(held)).text


@pytest.mark.parametrize(
    ("rule", "block", "told"),
    [
        ("time", 21_600.0, "Split by time blocks of 6 h"),
        ("time", None, "Split by a hash of the sample id"),
        ("stratified", None, "Split by a hash of the sample id, stratified"),
        ("group customer", None, "Split by a hash of the group, customer"),
    ],
)
def test_the_page_of_a_run_says_what_split_its_data(
    rule: str, block: float | None, told: str, views: SimpleNamespace, reader: Reader
) -> None:
    view = views.run()
    collected = view.collect.model_copy(update={"split": rule, "block_seconds": block})
    assert told in reader(render_run(replace(view, collect=collected))).text


def test_what_came_from_data_is_escaped_in_a_backtest(views: SimpleNamespace, reader: Reader) -> None:
    view = views.backtest()
    told = ((views.NOW, "promoted", EVIL), (views.NOW, EVIL, EVIL))
    evil = replace(view, model=EVIL, metric=EVIL, events=told, notes=(EVIL,), policy_yaml=EVIL)
    assert_harmless(reader(render_backtest(evil)))


def test_what_came_from_data_is_escaped_in_the_slices(views: SimpleNamespace, reader: Reader) -> None:
    view, evil = views.run(), views.slices(value=EVIL)
    assert_harmless(reader(render_run(replace(view, gate=view.gate.model_copy(update={"slices": {"current": evil}})))))
    assert_harmless(reader(render_backtest(replace(views.backtest(), slices=evil))))


def test_each_slice_has_its_figures_its_bounds_and_a_word(views: SimpleNamespace, reader: Reader) -> None:
    text = " ".join(reader(render_run(views.run())).text.replace(words.MINUS, "-").split())
    rows = [
        "day: sunday ✗ worse 431 0.801 0.703 -0.098 -0.125 to -0.071 13.2 % 10.7 % to 16.1 % 3.4 % 2.2 % to 5.1 %",
        "day: monday within chance 431 0.801 0.807 +0.006 -0.011 to +0.023",
        "day: holiday small 4 0.801 0.703 -0.098",
    ]
    for row in rows:
        assert text.count(row) == 2, row
    assert text.count("12 slices more, 6 of them small") == 1


def test_gains_of_errors_are_shares_and_without_slices_there_is_no_table(
    views: SimpleNamespace, reader: Reader
) -> None:
    view = replace(views.backtest(), slices=views.slices("mae"))
    text = " ".join(reader(render_backtest(view)).text.replace(words.MINUS, "-").split())
    assert "mae on each slice" in text and "A gain above 0 is better, as a share" in text
    assert "-9.8 % -12.5 % to -7.1 %" in text
    assert "Per slice" not in render_backtest(views.backtest())


def assert_harmless(page: Any) -> None:
    """The hostile text is shown, and is no tag and no attribute of one."""
    assert EVIL in page.text
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert not any("onerror" in attrs for _, attrs in page.tags)


def test_two_hundred_columns_stay_below_half_a_megabyte(views: SimpleNamespace, reader: Reader) -> None:
    names = tuple(f"column_with_a_long_name_{k}" for k in range(200))
    scores = tuple(views.score(name, k / 500, kind) for k, name in enumerate(names) for kind in ("value", "missing"))
    html = render_check(views.check(scores, names))
    assert len(html.encode()) < 500_000
    page = reader(html)
    assert all(name in page.text for name in names)
    assert html.count('class="was"') == 25  # 24 charts and the key


def test_a_long_backtest_stays_below_half_a_megabyte(views: SimpleNamespace) -> None:
    view = replace(views.backtest(20_000, 2000), r_table=[[k / 100 for k in range(60)]] * 60)
    assert len(render_backtest(view).encode()) < 500_000


def test_a_check_begins_with_what_was_decided_and_why(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_check(views.check())).text
    assert "A maintenance run of electricity starts: 42 % of the columns drifted." in said
    quiet = replace(views.check(), decision=Decision(False, "no trigger holds"))
    assert "No run is started: no trigger holds." in reader(render_check(quiet)).text
    whole = replace(views.check(), decision=Decision(False, "No trigger has fired."))
    assert "No run is started. No trigger has fired." in reader(render_check(whole)).text


def test_columns_are_ranked_by_score_over_threshold(views: SimpleNamespace, reader: Reader) -> None:
    far = replace(views.score("demand", 0.04), threshold=0.01)
    near, none = views.score("price", 0.2), views.score("day", float("nan"))
    said = reader(render_check(views.check((none, near, far)))).text
    table = said[said.index("furthest past") :]
    assert table.index("demand") < table.index("price") < table.index("day")
    assert "2 of 3 columns drifted" in said


def test_the_predictions_are_told_apart_from_the_columns(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_check(views.check((views.score("price", 0.2), views.score("prediction", 0.14))))).text
    assert "1 of 1 column drifted" in said
    assert said.index("prediction psi 0.14") > said.index("Predictions")


def test_the_champions_own_figure_stands_beside_the_one_of_now(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_check(views.check())).text
    assert "accuracy 0.781 0.768 to 0.793 4,218 0.811 \u22120.030 ✗ worse" in said


@pytest.mark.parametrize(
    ("name", "bounds", "word"),
    [
        ("accuracy", (0.769, 0.793), "worse"),
        ("accuracy", (0.79, 0.812), "within chance"),
        ("accuracy", (0.82, 0.84), "better"),
        ("mae", (0.82, 0.84), "worse"),  # less is better
        ("mae", (0.7, 0.8), "better"),
        ("ece", (None, None), ""),  # no interval: the figures stand alone
    ],
)
def test_better_and_worse_are_said_beyond_chance_only(
    name: str, bounds: tuple[float | None, float | None], word: str
) -> None:
    assert metric_row(Metric(name, 0.75, 4218, *bounds), 0.811).word == word


def test_an_estimate_is_marked_blind_and_stands_beside_what_it_turned_out_to_be(
    views: SimpleNamespace, reader: Reader
) -> None:
    view = views.check()
    week = Window.before(views.NOW, timedelta(days=7))
    estimate = Estimate("accuracy", 0.801, 0.79, 0.812, 4000, 2000, week)
    former = (
        Reckoned(views.NOW - timedelta(days=9), "v0007", estimate, Metric("accuracy", 0.751, 3900)),
        Reckoned(views.NOW - timedelta(days=20), "v0006", estimate, Metric("accuracy", 0.811, 4000)),
        Reckoned(views.NOW - timedelta(days=4), "v0007", estimate),
    )
    change = Change(week.start, views.NOW, 0.2, 0.3, 1500, 450)
    values = {**view.evidence.values, "quality.change": 0.1, "labels.coverage": 0.25, "labels.delay": 7200.0}
    evidence = replace(view.evidence, values=values, estimates=(estimate,), reckoned=former, changes=(change,))
    said = reader(render_check(replace(view, evidence=evidence))).text
    assert "accuracy 0.801 , 0.790 to 0.812, of 4,000 answers" in said.replace("0.801,", "0.801 ,")
    assert "Blind to concept drift" in said
    assert "0.801 0.790 to 0.812 0.751 +0.050 3,900 of 4,000" in said
    assert "mean absolute error is 0.030" in said
    assert "1 former estimate still waits for labels" in said
    assert "0.200 0.300 1,500 450" in said
    assert "25 % of the samples have a label, which came after 2 h (median)" in said.replace("\u00a0", " ")


def test_a_page_does_not_contradict_what_was_measured(views: SimpleNamespace, reader: Reader) -> None:
    week = Window.before(views.NOW, timedelta(days=7))
    scores = (views.score("price", 0.02), views.score("price", 0.4, "missing"), views.score("demand", 0.02))
    note = "quality not measured: 150 answered samples have a label, 200 wanted"
    seen = Seen("v1", views.NOW, week, week, 3000, 30_000, 3000, {"labels.new": 150.0})
    evidence = assemble(views.policy(), seen, DriftReply(scores=scores), Measured(notes=(note,)))
    said = reader(render_check(replace(views.check(), evidence=evidence))).text
    assert evidence.values["drift.share"] == 0.5
    assert "1 of 2 columns drifted" in said
    assert f"Quality {note}." in said
    assert "sample of 3,000 rows" in said
    assert "Not measured" not in said


def test_the_sample_and_its_bound_are_told_only_when_one_was_drawn(views: SimpleNamespace, reader: Reader) -> None:
    view = views.check()
    assert (
        "20,000 rows of the current window: at 95 % confidence, over all columns and both windows, no distribution "
        "function is off by more than 0.0136" in reader(render_check(view)).text
    )
    whole = replace(view, evidence=replace(view.evidence, sample_rows=None, sample_error=None))
    assert "Dvoretzky" not in render_check(whole)


def test_a_check_says_from_when_to_when_it_compared_and_measured(views: SimpleNamespace, reader: Reader) -> None:
    view = views.check()
    span = Window(views.NOW - timedelta(days=3), views.NOW)
    said = reader(render_check(replace(view, evidence=replace(view.evidence, unlearned=span)))).text
    assert "current 2026-11-14 11:00 UTC 2026-11-21 11:00 UTC 7 d 20,123" in said
    assert "quality 2026-11-18 11:00 UTC 2026-11-21 11:00 UTC 3 d 4,218" in said


def test_a_score_that_chance_may_reach_is_shown_with_its_floor_and_ranks_by_it(
    views: SimpleNamespace, reader: Reader
) -> None:
    scores = (replace(views.score("price", 0.3), floor=0.4), views.score("demand", 0.11))
    said = reader(render_check(views.check(scores))).text
    assert "1 of 2 columns drifted" in said
    assert "psi 0.3, threshold 0.1, floor 0.4" in said
    assert said.index("demand psi 0.11") < said.index("price psi 0.3")


def test_a_check_that_saw_nothing_still_has_a_page(views: SimpleNamespace, reader: Reader) -> None:
    view = views.check()
    empty = replace(view.evidence, scores=(), metrics=(), values={}, notes=())
    said = reader(render_check(replace(view, evidence=empty, findings=(), history=(), baseline={}))).text
    assert "No column was compared" in said
    assert "quality is not known" in said
    assert "The policy has no triggers" in said


def test_a_trigger_without_data_says_so_instead_of_a_figure(views: SimpleNamespace, reader: Reader) -> None:
    view = views.check()
    finding = replace(view.findings[0], value=None, holds=False)
    assert "? no data" in reader(render_check(replace(view, findings=(finding,)))).text


def test_a_run_tells_how_it_ended_why_and_each_interruption(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_run(views.run())).text
    assert "v0008 was promoted: all gates hold." in said
    assert "train 2026-11-21 11:00 UTC at most 31 s ! interrupted its process was gone at start-up." in said
    assert "train 2026-11-21 11:01 UTC 1 min 24 s ✓ finished" in said


def test_every_trial_of_a_search_is_shown_with_its_settings(views: SimpleNamespace, reader: Reader) -> None:
    text = reader(render_run(views.run())).text
    assert "learning rate 0.002, penalty 2.5" in text
    assert "penalty 2.5, unfreeze head" in text and text.count("unfreeze") == 1
    assert text.count("given up") == 1


def test_a_verdict_is_a_sign_and_a_word_beside_its_colour(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_run(views.run())).text
    assert "superior accuracy on current ✓ passed 0.0212 0 " in said
    assert "latency ? inconclusive not measured 5" in said


def test_better_is_said_where_a_gate_has_an_interval_of_the_metric(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_run(views.run())).text
    assert (
        "accuracy 0.782 0.803 +0.021 ✓ better log_loss 0.470 0.430 \u22120.040 On former data" in said
    )  # no gate on it


@pytest.mark.parametrize(
    ("interval", "word"), [((0.001, 0.02), "better"), ((-0.02, -0.001), "worse"), ((-0.02, 0.01), "within chance")]
)
def test_a_change_is_what_the_interval_of_its_gate_says(
    views: SimpleNamespace, interval: tuple[float, float], word: str
) -> None:
    gate = views.run().gate
    finding = gate.findings[0].model_copy(update={"gate": "non-inferior accuracy on reference", "interval": interval})
    rows = before_after(gate.model_copy(update={"findings": (finding,)}))
    assert [row.word for row in rows if row.holdout == "reference" and row.metric == "accuracy"] == [word]
    assert [row.word for row in rows if row.holdout == "current"] == ["", ""]


def test_a_run_that_failed_at_collect_says_why(views: SimpleNamespace, reader: Reader) -> None:
    rows = (
        (Kind.STARTED, Phase.COLLECT, 0, None, ""),
        (Kind.FAILED, Phase.COLLECT, 2, Verdict.FAILED, "212 labels, and the policy wants 400"),
        (Kind.STARTED, Phase.REPORT, 3, None, ""),
    )
    events = views.journal(rows)
    said = reader(render_run(views.bare_run(events, replay("r1", events)))).text
    assert "The run failed in collect: 212 labels, and the policy wants 400." in said
    assert "The run ended before its data were collected." in said


@pytest.mark.parametrize("reached", range(len("ctegp") + 1))
def test_a_run_has_a_page_however_far_it_came(views: SimpleNamespace, reader: Reader, reached: int) -> None:
    names = ("collect", "train", "export", "gate", "champion")
    gone = dict.fromkeys(names[reached:])
    said = reader(render_run(replace(views.run(), version=None, **gone))).text
    assert ("The run ended before the gates were tried." in said) == ("gate" in gone)


def test_a_run_without_any_event_has_a_page(views: SimpleNamespace, reader: Reader) -> None:
    said = reader(render_run(views.bare_run((), replay("r1", ())))).text
    assert "no verdict yet" in said


def test_a_bootstrap_run_has_no_frontier_to_former_data(views: SimpleNamespace, reader: Reader) -> None:
    view = replace(views.run(), train=views.train(with_former=False), champion=None)
    assert "no former data to keep" in render_run(view)
    assert budget_limit(view.train, view.policy) is None


def test_the_budget_line_lies_below_the_champion_for_accuracy_and_above_it_for_errors(views: SimpleNamespace) -> None:
    train, policy = views.train(), views.policy()
    assert budget_limit(train, policy) == pytest.approx(0.81 - 0.01)
    assert budget_limit(train.model_copy(update={"metric": "mae"}), policy) == pytest.approx(0.81 * 1.01)


def test_the_stretches_of_a_run_hold_every_start_and_its_length(views: SimpleNamespace) -> None:
    found = stretches(views.journal(views.PROMOTED))
    assert [s.outcome for s in found][:3] == ["finished", "interrupted", "finished"]
    assert [s.seconds for s in found][:3] == [2.0, 31.0, 84.0]
    assert found[-1].phase is Phase.PROMOTE  # the report that is being written is no news to its reader
    begun = stretches(views.journal(views.PROMOTED[:3]))
    assert (begun[-1].phase, begun[-1].seconds, begun[-1].outcome) == (Phase.TRAIN, None, "running")


def test_the_page_of_a_run_that_is_over_shows_nothing_that_runs(views: SimpleNamespace, reader: Reader) -> None:
    assert "running" not in reader(render_run(views.run())).text


def test_a_run_says_of_each_part_of_its_data_when_it_happened_and_how_much_it_is(
    views: SimpleNamespace, reader: Reader
) -> None:
    said = reader(render_run(views.run())).text
    assert "learned from: new samples 2026-10-12 11:00 UTC 2026-11-17 11:00 UTC 12,840" in said
    assert "former samples (replay) 2025-10-17 11:00 UTC 2026-10-12 11:00 UTC 9,000" in said
    assert "the newest samples, all of them 2026-11-17 11:00 UTC 2026-11-21 11:00 UTC 2,100" in said
    assert "holdout part of the new samples 2026-10-12 11:00 UTC 2026-11-17 11:00 UTC 921" in said
    assert "validation part of the former samples" not in said  # there is none


def test_a_backtest_begins_with_maintained_against_left_alone(views: SimpleNamespace, reader: Reader) -> None:
    view = views.backtest()
    said = reader(render_backtest(view)).text
    assert "did better than the same model left alone: accuracy 0.800 against 0.750, 0.8 times the errors." in said
    assert "0.853, which the maintained model does not beat." in said
    worse = replace(view, maintained=0.7)
    assert "did worse" in reader(render_backtest(worse)).text
    lower = replace(view, metric="mae", higher_is_better=False, static=50.0, maintained=40.0, no_change=60.0)
    said = reader(render_backtest(lower)).text
    assert "did better than the same model left alone: mae 40 against 50, 0.8 times the mae." in said
    assert "which the maintained model beats." in said


@pytest.mark.parametrize(("maintained", "said"), [(0.0005, "did better"), (0.0012, "worse"), (0.0009, "nothing")])
def test_an_error_in_small_units_is_compared_by_its_share(views: SimpleNamespace, maintained: float, said: str) -> None:
    view = replace(views.backtest(), metric="mae", higher_is_better=False, static=0.0009, maintained=maintained)
    assert said in headline(view)
    same = replace(view, static=51_000.0, maintained=51_000.4)
    assert "Maintenance changed nothing" in headline(same)


def test_a_trigger_and_what_came_of_it_are_one_row(views: SimpleNamespace) -> None:
    rows = passes(views.backtest(events=5).events)
    assert [(row.kind, row.why, row.end) for row in rows] == [
        ("promoted", "triggered for a reason", "promoted for a reason"),
        ("rejected", "triggered for a reason", "rejected for a reason"),
        ("triggered", "triggered for a reason", ""),
    ]


def test_an_empty_backtest_has_a_page(views: SimpleNamespace, reader: Reader) -> None:
    view = replace(views.backtest(), timeline=(), events=(), r_table=[], bwt=None, forgetting=None)
    said = reader(render_backtest(view)).text
    assert "There is no timeline to draw." in said
    assert "No run was started." in said


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb or #rgb, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_text_keeps_a_contrast_of_four_and_a_half_in_light_and_dark(views: SimpleNamespace, place: int) -> None:
    blocks = re.findall(r":root\{(.*?)\}", render_check(views.check()), re.DOTALL)
    colour = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})(?![0-9a-f])", blocks[place]))
    text = [(name, "paper") for name in ("ink", "soft", "now")]
    text += [(name, f"{name}-wash") for name in ("good", "bad", "wait")] + [("soft", "wash"), ("ink", "wash")]
    assert all(contrast(colour[front], colour[back]) >= 4.5 for front, back in text), colour
    marks = [(name, "paper") for name in ("was-line", "limit", "now", "bad")]
    assert all(contrast(colour[front], colour[back]) >= 3.0 for front, back in marks), colour


def test_the_template_engine_is_not_loaded_before_the_first_page() -> None:
    code = "import sys, maintainer.report.check, maintainer.report.run, maintainer.report.backtest; "
    told = subprocess.run(
        [sys.executable, "-c", code + "print('jinja2' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    assert told.stdout.strip() == "False"
