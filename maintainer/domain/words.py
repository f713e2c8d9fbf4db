"""Known words, and the nearest one to a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12  # a longer list of words is cut


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like this one, None where none does."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold()[:200], by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'accuracy'?`, or nothing where no known word is near."""
    found = nearest(word, known)
    return f"; did you mean '{found}'?" if found else ""


def wanted(word: str, known: Iterable[str]) -> str:
    """Return what was wanted in place of a word: `wanted one of mae, rmse, r2; did you mean 'mae'?`."""
    names = list(known)
    shown = ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
    return f"wanted {'one of ' if len(names) > 1 else ''}{shown}{suggestion(word, names)}"
