# Every command of the README. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# The first of these that is 3.11 or newer; `make test PYTHON=python3.13` asks for another one, and makes .venv anew for it.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A lock is complete, so nothing is resolved: an index that has moved on since changes nothing. `pip check` proves it complete.
INSTALL := $(PIP) install --quiet --no-deps
QUIETLY := 2> >(grep -v "^WARNING: Location" >&2)
UV_COMPILE := uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11

.PHONY: help setup demo run test matrix attacks check lint types imports docs query-counts lock clean

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

attacks: $(VENV)/.ready-dev  ## Run the attacks that once worked, and the authorization matrix
	@$(BIN)/python -m pytest tests/security $(ARGS)

matrix: $(VENV)/.ready-dev  ## Walk the authorization matrix, and print who may do what: route, method, callers
	@PRINT_MATRIX=1 $(BIN)/python -m pytest -q --durations=0 --durations-min=60 tests/security/test_authorization_matrix.py

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

query-counts: $(VENV)/.ready-dev  ## Write tests/query_counts.json anew: the SQL statements that each page and endpoint takes
	@WRITE_QUERY_COUNTS=1 $(BIN)/python -m pytest -q -p no:randomly tests/api/test_query_counts.py

lock:  ## Lock requirements/*.in again (needs uv)
	$(UV_COMPILE) requirements/base.in -o requirements/base.txt
	$(UV_COMPILE) requirements/dev.in -o requirements/dev.txt

clean:  ## Remove .venv and caches; state under var/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# Written only when the interpreter is another one than .venv was made with, so that another PYTHON is noticed.
$(VENV)/.python: FORCE
	@version=$$($(PYTHON) -c 'import sys; sys.exit("error: Modelfleet needs Python 3.11 or newer; set PYTHON=python3.11") if sys.version_info < (3, 11) else print(sys.version)') || exit 1; \
	if [ "$$version" != "$$(cat $@ 2>/dev/null)" ]; then \
		$(PYTHON) -m venv --clear $(VENV) && echo "$$version" > $@; \
	fi

FORCE:

$(VENV)/.ready: requirements/base.txt edge_agent/pyproject.toml $(VENV)/.python
	@echo "installing the locked packages into $(VENV) (about a minute, once) ..."
	@$(INSTALL) --require-hashes -r requirements/base.txt $(QUIETLY)
	@$(INSTALL) --no-build-isolation --no-index -e edge_agent $(QUIETLY)
	@$(PIP) check
	@touch $@

$(VENV)/.ready-dev: requirements/dev.txt $(VENV)/.ready
	@echo "installing what the tests need ..."
	@$(INSTALL) --require-hashes -r requirements/dev.txt $(QUIETLY)
	@$(PIP) check
	@touch $@
