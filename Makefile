# Everything a person types. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONWARNINGS := ignore

.PHONY: help setup demo dev up test test-deep lint docs bench clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/ready  ## make .venv from the locked requirements

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which with PYTHON=…")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## run every pipeline against the sandbox and tell what happens
	@$(BIN)/sync-pipelines demo

dev: setup  ## sandbox and Dagster UI on 127.0.0.1:3000, schedules started
	@$(BIN)/sync-pipelines dev

up: setup  ## the real thing: webserver and daemon from .env and settings.toml
	@$(BIN)/sync-pipelines up

test: setup lint  ## lint, type-check, test
	@$(BIN)/pytest --numprocesses 2 --dist worksteal -m "not browser and not deep" $(TESTS)

test-deep: setup  ## what takes longer: generated schedules, whole kill matrices, every safety taken out once
	@$(BIN)/pytest --numprocesses 2 --dist worksteal -m deep --timeout 1200 $(TESTS)

lint: setup  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy bench/*.py bench/ours/*.py

docs: setup  ## write .env.example and docs/settings.md from the declarations
	@$(BIN)/python -m sync_pipelines.operations.reference

bench: setup  ## measure speed and size beside other ways to do it
	@$(BIN)/python bench/run.py

clean:  ## remove what was built; data stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
