# make demo    install into .venv and tell the whole story on bundled data
# make test    every test
# make check   format, lint, types, layers, unit tests
# make bench   every benchmark: quick, or in full with DATA=folder of data sets
#
# TORCH_INDEX=URL  takes PyTorch from another package index, such as the one with its CPU builds (smaller by gigabytes)

PYTHON ?= python3
TORCH_INDEX ?=
DATA ?=
OUT := demo-out

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --constraint constraints.txt
MAKEFLAGS += --no-print-directory

export DO_NOT_TRACK := 1
export ORT_DISABLE_TELEMETRY := 1
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help venv demo test check unit bench clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

venv: $(VENV)/.installed

# The stamp is written last: an install that was cut short is taken up again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "installing torch (some minutes at the first time)"
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@echo "installing maintainer and its tools"
	@$(PIP) --editable '.[dev,search,lora]'
	@touch $@

demo: venv
	@[ '$(OUT)' != demo-out ] || rm -rf demo-out
	@$(BIN)/maintainer demo --out '$(OUT)'

test: venv
	@echo "all tests"
	@$(BIN)/python -m pytest -n 2 tests

check: venv
	@echo "format"
	@$(BIN)/ruff format --quiet --check --diff .
	@echo "lint"
	@$(BIN)/ruff check --quiet .
	@echo "types"
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@echo "layers"
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) unit

unit: venv
	@echo "unit tests"
	@$(BIN)/python -m pytest tests/unit

# A benchmark is a module with a main; the others are what they share.
bench: venv
	@for file in $$(grep -l '__name__ == "__main__"' benchmarks/*.py); do \
		name=$$(basename $$file .py); \
		echo "benchmark $$name" >&2; \
		$(BIN)/python -m benchmarks.$$name $(if $(DATA),--data $(DATA),--quick) --json || exit 1; \
	done

clean:
	@rm -rf $(VENV) demo-out build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
