"""What is taken for a setting, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maintainer.errors import SettingsError
from maintainer.settings import load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Be where no maintainer.toml lies, with an environment of our own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("MAINTAINER_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["MAINTAINER_STTE", "MAINTAINER_POLL", "maintainer_stte", "MAINTAINER_WEBHOOK"])
def test_an_unknown_variable_is_refused_like_an_unknown_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=f"environment variable {name} is no setting"):
        load()


def test_a_misspelt_variable_comes_with_the_setting_that_it_may_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINTAINER_STATES", "x")
    with pytest.raises(SettingsError, match=r"did you mean 'MAINTAINER_STATE'\?"):
        load()


def test_variables_of_children_and_of_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAINTAINER_PARENT", "MAINTAINER_TEST_LARGE_MB"):
        monkeypatch.setenv(name, "1")
    assert load().state == Path("state")


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "maintainer.toml").write_text('state = "elsewhere"\n')
    for name in ("MAINTAINER_STATE", "MAINTAINER_THREADS", "MAINTAINER_LOG_LEVEL", "MAINTAINER_NONSENSE"):
        monkeypatch.setenv(name, "")
    assert (load().state, load().threads, load().log_level) == (Path("elsewhere"), 1, "INFO")


@pytest.mark.parametrize("name", ["poll_seconds", "worker_idle_seconds", "check_timeout_seconds"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "86401", "0", "-1"])
def test_seconds_are_more_than_none_and_at_most_a_day(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"MAINTAINER_{name.upper()}", value)
    with pytest.raises(SettingsError, match=f"setting {name}"):
        load()
