from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maintainer.errors import BusyError, StoreError
from maintainer.store.owner import Owner

TAKE = "import sys; from pathlib import Path; from maintainer.store.owner import Owner; Owner(Path(sys.argv[1]))"


def take_elsewhere(state: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", TAKE, str(state)], capture_output=True, text=True, timeout=30, check=False
    )


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    with Owner(tmp_path / "state"):
        second = take_elsewhere(tmp_path / "state")
    assert second.returncode == 1
    assert f"BusyError: {tmp_path / 'state'} is in use by process {os.getpid()}; wanted to be its only" in second.stderr


def test_the_state_is_free_again_once_its_owner_is_gone(tmp_path: Path) -> None:
    with Owner(tmp_path):
        pass
    assert take_elsewhere(tmp_path).returncode == 0  # and it ends without letting go
    with Owner(tmp_path), pytest.raises(BusyError):
        Owner(tmp_path)


def test_a_state_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        Owner(tmp_path / "file" / "state")
