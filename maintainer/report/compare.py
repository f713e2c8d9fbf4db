"""The page of a comparison: strategies on the same data, and whether anti-forgetting was worth its cost."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from maintainer.domain.metrics import HIGHER_IS_BETTER, RELATIVE, intransigence, lost
from maintainer.report import charts, svg, words
from maintainer.report.page import render
from maintainer.report.svg import join, text

WIDTH, HEIGHT = 70, 13  # pixels that a name in the chart takes
PLAIN, CAREFUL, JOINT = "finetune", "frontier", "scratch"


@dataclass(frozen=True, slots=True)
class Figures:
    """One model on one holdout."""

    value: float  # of the main metric
    flips: float | None  # share that the champion has right and it has wrong
    n: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """What one strategy came to."""

    strategy: str
    new: Figures | None  # None: it made no challenger, the champion stays
    former: Figures | None  # None: no challenger, or no former holdout
    seconds: float  # of training
    why_not: str = ""  # why there is no challenger


@dataclass(frozen=True, slots=True)
class Comparison:
    """All strategies on the data of one run."""

    run: str
    model: str
    champion: str
    own: str  # the run's own strategy
    metric: str
    budget: float
    new: Figures | None  # the champion's
    former: Figures | None
    tried: tuple[Tried, ...]

    @property
    def answer(self) -> str:
        """Return whether anti-forgetting was worth it, in one sentence with the figures that say so."""
        return _answer(self)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table; what made no challenger stays where the champion is."""

    name: str
    new: Figures | None
    former: Figures | None
    forgot: float | None  # points of the metric, a share for mae and rmse; negative is a gain
    behind: float | None  # on new data, what scratch is better by: intransigence
    seconds: float | None
    remark: str


def in_words(one: Tried) -> str:
    """Return what came of a strategy in one line."""
    if one.new is None:
        return f"{one.strategy}: no challenger after {one.seconds:.1f} s: {one.why_not}"
    former = "" if one.former is None else f", {one.former.value:.4f} on former data"
    return f"{one.strategy}: {one.new.value:.4f} on new data{former}, {one.seconds:.1f} s"


def lines(found: Comparison) -> list[Line]:
    """Return the rows of the table, the champion first."""
    joint = next((one.new for one in found.tried if one.strategy == JOINT), None)
    rows = [Line(f"{found.champion}, the champion", found.new, found.former, None, None, None, "")]
    for one in found.tried:
        new, former = (one.new, one.former) if one.new else (found.new, found.former)
        forgot = lost(found.metric, found.former.value, former.value) if found.former and former else None
        behind = None
        if joint is not None and new is not None and one.strategy != JOINT:
            behind = intransigence(found.metric, [joint.value], [new.value])
        mine = "the run's own" if one.strategy == found.own else ""
        remark = f"no challenger: {one.why_not}" if one.new is None else mine
        rows.append(Line(one.strategy, new, former, forgot, behind, one.seconds, remark))
    return rows


def _answer(found: Comparison) -> str:
    rows = {row.name: row for row in lines(found)}
    plain, careful = rows[PLAIN], rows[CAREFUL]
    if plain.forgot is None or careful.forgot is None or plain.new is None or careful.new is None:
        return "Nothing says whether anti-forgetting was worth it: the run has no former data that judge."
    if any(one.strategy == CAREFUL and one.new is None for one in found.tried) and found.new is not None:
        won = -lost(found.metric, found.new.value, plain.new.value)
        return (
            f"Within the forgetting budget of {_amount(found.metric, found.budget)} frontier found nothing better than"
            f" the champion: plain fine-tuning {_change(found.metric, plain.forgot)} on former data, and on new data "
            f"{_change(found.metric, -won)}."
        )
    gain = -lost(found.metric, plain.new.value, careful.new.value)  # of frontier on new data
    cost = (careful.seconds or 0.0) / max(plain.seconds or 0.0, 1e-9)
    figures = (
        f"plain fine-tuning {_change(found.metric, plain.forgot)} on former data, frontier "
        f"{_change(found.metric, careful.forgot)} (budget {_amount(found.metric, found.budget)}); on new data frontier "
        f"is {_amount(found.metric, abs(gain))} {'better' if gain > 0 else 'worse'}, at {words.number(cost, 2)} times "
        "the seconds"
    )
    if plain.forgot > found.budget >= careful.forgot:
        return f"Anti-forgetting was worth it: {figures}."
    if plain.forgot <= found.budget and gain <= 0:
        return f"Anti-forgetting was not needed here: {figures}."
    if plain.forgot <= found.budget:
        return f"Plain fine-tuning kept the budget as well, and frontier did better on new data: {figures}."
    return f"Neither kept the forgetting budget: {figures}."


def _change(metric: str, forgot: float) -> str:
    return f"{'loses' if forgot > 0 else 'gains'} {_amount(metric, abs(forgot))}" if forgot else "loses nothing"


def _amount(metric: str, amount: float) -> str:
    """Return points of a metric, or of one in the label's unit the share."""
    return words.percent(amount) if metric in RELATIVE else f"{words.metric(amount)} of {metric}"


def render_compare(found: Comparison) -> str:
    """Return the page of a comparison."""
    stay = {one.strategy for one in found.tried if one.new is None}
    shown = [row for row in lines(found) if row.new and row.former and row.name not in stay]
    title = f"{found.metric} on new against former data"
    chart = charts.both(lambda width: scatter(found.metric, shown, width), title, ()) if len(shown) > 1 else Markup("")
    values = {"rising": HIGHER_IS_BETTER[found.metric], "relative": found.metric in RELATIVE}
    return render("compare.html.j2", {"found": found, "lines": lines(found), "chart": chart, **values})


def scatter(metric: str, rows: list[Line], width: int, height: int = 320) -> Markup:
    """Return each model as a dot: the metric on new data (up) against that on former data (across)."""
    places = [(row.former.value, row.new.value, row.name) for row in rows if row.new and row.former]
    across, up = [x for x, _, _ in places], [y for _, y, _ in places]
    plot = svg.frame(width, height, svg.padded(across, 0.2), svg.padded(up, 0.2), svg.SECOND_ROW)
    parts = [svg.y_axis(plot, f"{metric} on new data"), svg.x_axis(plot, f"{metric} on former data", times=False)]
    named: list[tuple[float, float]] = []
    for x, y, name in sorted(places, key=lambda place: -plot.y.at(place[1])):  # from the bottom: names pile upwards
        at = (plot.x.at(x), plot.y.at(y))
        look = "hollow" if name.endswith("the champion") else "now"
        body = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="5" class="{}"/>').format(*at, look)
        named.append((at[0], _free(at[0], at[1] - 11, named)))
        body += text(*named[-1], name, "t halo", "middle")
        parts.append(svg.titled("", body, f"{name}: former {words.metric(x)}, new {words.metric(y)}"))
    told = "; ".join(f"{name}: former {words.metric(x)}, new {words.metric(y)}" for x, y, name in places)
    return svg.drawing(width, height, f"{metric} on new against former data", told, join(parts))


def _free(x: float, y: float, named: list[tuple[float, float]]) -> float:
    """Return where a name above a dot covers no other one."""
    while any(abs(x - a) < WIDTH and abs(y - b) < HEIGHT for a, b in named):
        y -= HEIGHT
    return y
