# Every command of the README. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
UV_COMPILE := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: help setup demo run test check lint types imports docs lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: $(VENV)/.ready  ## Make .venv with exactly the locked packages (run, demo and test do it themselves)

demo: setup  ## Run the whole story: upload, compress, roll out, drift, alert (QUIET=1: the same without drift)
	@exec $(BIN)/python examples/digits/demo.py $(if $(QUIET),--quiet)

run: setup  ## Run the server: web, workers, beat, and embedded PostgreSQL and Redis
	@exec $(BIN)/python manage.py run

test: $(VENV)/.ready-dev  ## Run all tests
	@deploy/install-chromium.sh
	@exec $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: lint types imports test  ## Everything that CI runs

lint: $(VENV)/.ready-dev  ## Style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.ready-dev  ## Static types, strict
	@$(BIN)/mypy

imports: $(VENV)/.ready-dev  ## The architecture: who may import whom
	@$(BIN)/lint-imports

docs: $(VENV)/.ready-dev  ## Draw docs/state-machines.md and tests/contract/openapi.json anew from the code
	@$(BIN)/python -m tests.house.state_machines
	@$(BIN)/python manage.py spectacular --format openapi-json --validate --fail-on-warn --file tests/contract/openapi.json

lock:  ## Lock requirements/*.in again (needs uv)
	$(UV_COMPILE) requirements/base.in -o requirements/base.txt
	$(UV_COMPILE) requirements/dev.in -o requirements/dev.txt

clean:  ## Remove .venv and caches; state under var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Modelfleet needs Python 3.11 or newer; set PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements/base.txt edge_agent/pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked packages into $(VENV) (about a minute, once) ..."
	@$(PIP) -r requirements/base.txt 2> >(grep -v "^WARNING: Location" >&2)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e edge_agent 2> >(grep -v "^WARNING: Location" >&2)
	@touch $@

$(VENV)/.ready-dev: requirements/dev.txt $(VENV)/.ready
	@echo "installing what the tests need ..."
	@$(PIP) -r requirements/dev.txt 2> >(grep -v "^WARNING: Location" >&2)
	@touch $@
