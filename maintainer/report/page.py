"""From a template and its values to one page; Jinja2 is loaded at the first page, not before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from maintainer.report import words

if TYPE_CHECKING:
    from jinja2 import Environment

FILTERS: dict[str, Any] = {
    "change": words.change,
    "count": words.count,
    "duration": words.duration,
    "evidence": words.evidence,
    "machine": words.machine,
    "metric": words.metric,
    "moment": words.moment,
    "number": words.number,
    "percent": words.percent,
    "sentence": words.sentence,
    "size": words.size,
}
FUNCTIONS: dict[str, Any] = {"plural": words.plural}


@cache
def environment() -> Environment:
    """Return the environment of all templates: everything escaped, an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("maintainer.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals.update(FUNCTIONS)
    return made


def render(template: str, values: Mapping[str, object]) -> str:
    """Return the page that a template makes of its values."""
    return environment().get_template(template).render(values)
