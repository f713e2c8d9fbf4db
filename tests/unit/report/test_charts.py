from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from maintainer.domain.evidence import Histogram
from maintainer.domain.phase import FrontierPoint
from maintainer.report import charts, frontier, heatmap, svg
from maintainer.report.charts import Lines, Mark, Rule, Series

EVIL = '</text><script>alert("1")</script>'


def parsed(drawing: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(drawing))


def texts(drawing: Markup) -> list[str]:
    return [node.text or "" for node in parsed(drawing).iter("text")]


def found(pattern: str, drawing: Markup) -> str:
    match = re.search(pattern, str(drawing))
    assert match is not None, f"{pattern} is not in {drawing}"
    return match[1]


def lines(points: tuple[tuple[float, float | None], ...]) -> Lines:
    return Lines("accuracy", "over time", "UTC", "accuracy", (Series("maintained", "current", points),))


def test_a_drawing_has_a_title_a_description_and_named_axes() -> None:
    drawn = charts.line_chart(lines(((0.0, 0.7), (86_400.0 * 9, 0.8))), 740, 250)
    root = parsed(drawn)
    assert root.get("role") == "img"
    assert (root.findtext("title"), root.findtext("desc")) == ("accuracy", "over time")
    assert {"UTC", "accuracy", "1970-01-05"} <= set(texts(drawn))


def test_a_line_ends_where_its_values_say() -> None:
    drawn = charts.line_chart(replace(lines(((0.0, 0.0), (10.0, 1.0))), times=False), 740, 250)
    start, end = re.findall(r"[ML]([\d.]+) ([\d.]+)", found(r'd="(M[^"]+)" class="line current"', drawn))
    assert float(start[0]) < float(end[0])
    assert float(start[1]) > float(end[1])  # up is smaller y


def test_a_gap_in_the_values_is_a_gap_in_the_line() -> None:
    drawn = str(
        charts.line_chart(
            lines(((0.0, 0.1), (1.0, 0.2), (2.0, None), (3.0, 0.3), (4.0, float("nan")), (5.0, 0.1))), 740, 250
        )
    )
    assert drawn.count('<path d="M') == 1
    assert drawn.count("<circle") == 2  # a value alone is a dot


def test_nothing_to_draw_is_nothing() -> None:
    assert charts.figure(lines(((0.0, None),))) == ""
    assert charts.overlay(Histogram((), (), ()), "price", True) == ""
    assert heatmap.heatmap([[None]], "accuracy", True) == ""


def test_one_value_alone_and_values_all_alike_can_be_drawn() -> None:
    parsed(charts.line_chart(lines(((5.0, 0.7),)), 740, 250))
    parsed(charts.line_chart(lines(((5.0, 0.0), (6.0, 0.0))), 740, 250))


def test_each_kind_of_mark_has_its_lane_with_its_name_in_words() -> None:
    marks = (Mark(1.0, "promoted", "v2 took over"), Mark(2.0, "rejected", "no better"))
    drawn = charts.line_chart(replace(lines(((0.0, 0.1), (3.0, 0.2))), marks=marks), 740, 250)
    assert {"promoted", "rejected"} <= set(texts(drawn))
    assert "failed" not in texts(drawn)
    assert "v2 took over" in [node.text for node in parsed(drawn).iter("title")]


def test_thinning_keeps_the_mean_and_both_ends_of_time() -> None:
    points = tuple((float(k), float(k % 2)) for k in range(3000))
    kept = charts.thin(points)
    assert len(kept) == charts.POINTS
    assert kept[-1][0] == 2999.0
    assert sum(y or 0.0 for _, y in kept) / len(kept) == pytest.approx(0.5)


def test_a_figure_names_every_line_and_every_limit_in_its_key() -> None:
    drawn = charts.figure(replace(lines(((0.0, 0.1), (1.0, 0.4))), rules=(Rule(0.3, "limit of inputs-moved"),)))
    assert "maintained</span>" in drawn
    assert "limit of inputs-moved, 0.3</span>" in drawn


@pytest.mark.parametrize(("top", "said"), [(0.0704, "7.04"), (0.505, "50.5"), (0.1004, "10"), (1.0, "100")])
def test_the_axis_of_a_distribution_says_its_largest_share(top: float, said: str) -> None:
    rest = (1.0 - top) / 20
    drawn = charts.overlay(
        Histogram(tuple("abcdefghijklmnopqrstu"), (top, *(rest,) * 20), (top, *(rest,) * 20)), "p", True
    )
    assert f"{said}\u00a0%" in texts(drawn)


def test_a_hostile_name_stays_text_in_every_drawing() -> None:
    point = FrontierPoint(alpha=0.0, new=0.7, former=0.8, inside_budget=True)
    drawings = (
        charts.overlay(Histogram((EVIL, "b"), (0.5, 0.5), (0.2, 0.8)), EVIL, False),
        charts.line_chart(
            replace(lines(((0.0, 0.1), (1.0, 0.2))), title=EVIL, y=EVIL, marks=(Mark(0.5, "failed", EVIL),)), 740, 250
        ),
        frontier.frontier_chart(frontier.Frontier(EVIL, (point,), None, None, True), 740),
        heatmap.heatmap([[0.5]], EVIL, True),
    )
    for drawn in drawings:
        assert "<script" not in drawn
        assert "alert" in drawn
        parsed(drawn)


def test_the_chosen_challenger_is_marked_in_words_and_the_budget_drawn_at_its_place() -> None:
    points = tuple(
        FrontierPoint(alpha=k / 2, new=0.7 + k / 20, former=0.8 - k / 50, inside_budget=k < 2) for k in range(3)
    )
    drawn = frontier.frontier_chart(frontier.Frontier("accuracy", points, 0.5, 0.79, True), 740)
    said = " ".join(texts(drawn))
    assert "0.5, chosen" in said
    assert "0, champion" in said
    across = svg.padded([0.8, 0.78, 0.76, 0.79], 0.1)
    at = svg.frame(740, 320, across, (0.0, 1.0)).x.at(0.79)
    assert f'<line x1="{at:.1f}"' in drawn
    assert drawn.count('class="hollow"') == 1


def test_the_bar_of_a_score_grows_with_it_and_stops_at_three_thresholds() -> None:
    widths = [float(found(r'width="([\d.]+)" height="6"', charts.bullet(s, 0.1))) for s in (0.05, 0.2, 5.0)]
    assert widths == [15.0, 60.0, 90.0]
    parsed(charts.bullet(float("nan"), 0.1))


def test_the_interval_is_drawn_to_its_limit_even_where_an_end_is_infinite() -> None:
    drawn = charts.interval(0.02, 0.0, (0.01, float("inf")))
    assert "nan" not in str(drawn).lower()
    parsed(drawn)


def test_a_heat_map_shows_the_newest_thirty_of_each_and_is_darkest_where_the_metric_is_best() -> None:
    table = [[(i + j) / 100 for j in range(45)] for i in range(45)]
    drawn = heatmap.heatmap(table, "accuracy", True)
    assert str(drawn).count('class="cell"') == 900
    assert {"update 15", "update 44"} <= set(texts(drawn))
    assert "update 14" not in texts(drawn)
    for rising, best in ((True, "0.9"), (False, "0.1")):
        drawn = str(heatmap.heatmap([[0.1, 0.9]], "mae", rising))
        cells = re.findall(r'<title>([\d.]+)</title><rect[^>]* fill-opacity="([\d.]+)"', drawn)
        assert len(cells) == 2
        assert max(cells, key=lambda cell: float(cell[1]))[0].startswith(best)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.7531, 0.8123), (-5.0, 12_000.0)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = svg.ticks(low, high, 5)
    assert 2 <= len(found) <= 6
    assert all(low <= tick <= high for tick in found)


@pytest.mark.parametrize("span", [0.2, 7.0, 40.0, 61.0, 182.0, 1000.0, 5000.0, 86_400.0 * 400, 86_400.0 * 1500])
@pytest.mark.parametrize("most", [3, 8])
def test_a_chart_over_time_has_a_moment_on_its_axis_however_short_it_is(span: float, most: int) -> None:
    low = 1_790_000_000.3
    found = svg.time_ticks(low, low + span, most)
    assert 1 <= len(found) <= most + 1
    assert all(low <= place <= low + span for place, _ in found)
    assert len({name for _, name in found}) == len(found)
