# Two commands do everything on a machine that has Python 3.11 or later and make:
#   make demo    set up, then make a tool with the embedded model and answer with it
#   make check   set up, then run every check that CI runs
# Set-up lives in .venv and is repeated only when requirements.lock or pyproject.toml changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python)
WORKERS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.PHONY: demo check setup lint types imports test coverage format docs lock clean
.DELETE_ON_ERROR:

demo: setup
	@$(BIN)/latm demo

check: setup lint types imports test

setup: .venv/.installed

lint: setup
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .

types: setup
	$(BIN)/python -m basedpyright --level error

imports: setup
	$(BIN)/lint-imports --no-cache

test: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

coverage: setup
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --show-missing --skip-covered

format: setup
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

# Rewrites the generated pages of docs/reference; the house tests compare them.
docs: setup
	$(BIN)/python docs/generate.py

# Newer versions within the ranges of pyproject.toml; names no host, so that any mirror serves.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --all-extras \
	  --group dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist

.venv/pyvenv.cfg:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "latm needs Python 3.11 or later; run: make PYTHON=/path/to/python3.11")'
	@echo "Making .venv with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv .venv

.venv/.requirements: requirements.lock | .venv/pyvenv.cfg
	@echo "Installing the locked requirements (a minute or two the first time)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	@$(PIP) install --quiet --no-compile --no-deps --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.requirements pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
