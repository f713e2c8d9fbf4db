from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "maintainer.service"
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words, str(UNIT)], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_unit() -> None:
    told = analyze("verify")  # leaves with 0 whatever it finds: its words are the answer
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


@needs_systemd
def test_the_unit_stays_as_closed_as_it_was_measured_to_work() -> None:
    told = analyze("security", "--offline=yes", "--threshold=15", "--no-pager")
    exposure = re.search(r"Overall exposure level for maintainer\.service: ([\d.]+)", told.stdout)
    assert exposure is not None, told.stdout + told.stderr
    assert float(exposure[1]) <= 1.1


def minutes(name: str) -> int:
    found = re.search(rf"^{name}=(\d+)min$", UNIT.read_text(), re.MULTILINE)
    assert found is not None, f"{name} is not given in minutes"
    return int(found[1])


def test_the_watchdog_is_far_from_a_tick_and_bites_before_a_check_would_end() -> None:
    from maintainer.settings import Settings

    tick, check = (Settings.model_fields[f"{name}_seconds"].default for name in ("poll", "check_timeout"))
    assert 10 * tick < minutes("WatchdogSec") * 60 < check  # so a long check must feed it, and does
    assert minutes("TimeoutStartSec") >= minutes("WatchdogSec")
