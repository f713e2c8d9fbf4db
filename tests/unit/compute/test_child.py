from __future__ import annotations

from pathlib import Path

import pytest

from maintainer.compute.child import environment
from maintainer.compute.warm import Patience, WarmChild
from maintainer.daemon.worker import perform, starved
from maintainer.domain.phase import PhaseSpec
from maintainer.errors import InterruptedRunError, MaintainerError


def test_a_child_neither_calls_home_nor_spins_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "yes")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    found = environment(3)
    assert (found["OMP_NUM_THREADS"], found["OMP_WAIT_POLICY"], found["KEPT"]) == ("3", "PASSIVE", "yes")
    assert (found["DO_NOT_TRACK"], found["ORT_DISABLE_TELEMETRY"], found["HF_HUB_OFFLINE"]) == ("1", "1", "1")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_an_allocation_that_failed_counts_as_out_of_memory(error: Exception) -> None:
    assert starved(error)


def test_another_error_does_not_count_as_out_of_memory() -> None:
    assert not starved(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_light_phase_is_refused_in_the_worker() -> None:
    spec = PhaseSpec.model_construct(phase="collect")
    with pytest.raises(MaintainerError, match="'collect' is no heavy phase; wanted one of train, export, gate"):
        perform(spec)


def test_a_closed_warm_child_starts_nothing(tmp_path: Path) -> None:
    child = WarmChild("absent", tmp_path / "log", Patience(1))
    child.close()
    with pytest.raises(InterruptedRunError, match="stopping"):
        child.ask("echo", {})
    assert not (tmp_path / "log").exists()
