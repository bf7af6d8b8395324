# Two commands are enough: `make demo` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: demo test lint format serve dashboard models clean help

help:
	@echo "make demo [ARGS=--no-serve]  screen the bundled stream; open service and dashboard"
	@echo "make test [ARGS='-k name']   run the tests"
	@echo "make lint                    ruff, mypy, import contract, dependencies"

demo: $(VENV)/.installed
	@$(BIN)/moderation demo $(ARGS)

test: $(VENV)/.installed-test models
	@sh scripts/chromium
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: $(VENV)/.installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve dashboard: $(VENV)/.installed
	@$(BIN)/moderation $@ $(ARGS)

# Conversion of the packaged text encoder, once; later runs find it in the cache.
models: $(VENV)/.installed
	@$(BIN)/moderation models prepare

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing the workbench into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.installed-lint: pyproject.toml $(VENV)/.installed-test
	@$(BIN)/python -m pip install --quiet --editable '.[test,lint]'
	@touch $@

clean:
	rm -rf $(VENV) moderation-data .mypy_cache .ruff_cache .pytest_cache
