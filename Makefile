# The five commands a newcomer needs. `setup` makes .venv from nothing but Python 3.11+ and pip.
# A Linux machine without a GPU: make setup TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup demo test test-image test-browser check bench coverage clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ktrdr needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(PIP) --no-deps $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	$(PIP) --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/ktrdr demo

test: setup
	$(BIN)/python -m pytest -q -n auto --dist worksteal

# What the Dockerfile does, done without a container engine; takes minutes.
test-image: setup
	TORCH_INDEX=$(TORCH_INDEX) $(BIN)/python -m pytest -q -m image tests/deployment

# The dashboard and the app in the system's Chromium; screenshots stay in tests/browser/screenshots.
test-browser: setup
	$(BIN)/python -m pytest -q -m browser tests/browser

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: setup
	$(BIN)/python -m benchmarks

coverage: setup
	$(BIN)/python -m pytest -q --cov --cov-report=term-missing:skip-covered

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
