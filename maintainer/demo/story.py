"""What the demo replays, and the words that come before."""

from __future__ import annotations

from pathlib import Path

from maintainer.domain.policy import Policy

BEGINNING = """\
Capital Bikeshare, Washington D.C.: two years of hourly hires (Fanaee-T & Gama 2013, CC BY 4.0), demand roughly doubles.
A model learns the first fifth of it and goes into production. From then on, every {every} of simulated time:
  the hours that passed are answered by the champion in force, and stored with their labels;
  a check compares them with what the champion knows, and the policy's triggers decide;
  a run fine-tunes a challenger, exports it, holds it against the gates, and promotes it, or says why not.
"""


def bundled_data() -> Path:
    """Return the path of the bundled data."""
    return Path(__file__).parent / "bike_sharing.parquet"


def tell_beginning(policy: Policy) -> str:
    """Return what is told before the replay."""
    days = policy.checks.every.days
    return BEGINNING.format(every=f"{days} days" if days else str(policy.checks.every))
