# Everything from nothing: these need Python 3.11 or later with venv, and make.
#
#   make demo    install, replay a year of New York flights, and tell its figure from a notebook's
#   make test    install, then run the tests
#   make check   format, lint, types, imports, doctests, every code block of the docs
#   make slow    the tests that take longer

PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3 2>/dev/null)
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

# uv where it is there, pip where it is not. $(1) is the extra.
define install
	@echo "installing asof[$(1)] into $(VENV)"
	@if command -v uv >/dev/null 2>&1; \
	  then uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[$(1)]'; \
	  else $(BIN)/python -m ensurepip --upgrade >/dev/null && \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(1)]'; fi
	@touch $@
endef

.PHONY: demo test check slow format clean

demo: $(VENV)/.installed-demo
	$(BIN)/python examples/flights/fetch.py
	$(BIN)/asof backtest examples/flights/flights.py:monthly
	$(BIN)/asof gap --quick examples/flights/flights.py:monthly

test: $(VENV)/.installed-dev
	$(PYTEST) -n auto --dist loadfile

slow: $(VENV)/.installed-dev
	$(PYTEST) -m slow

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports
	$(PYTEST) -p no:randomly --doctest-modules src README.md CONTRIBUTING.md docs

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no python3 on PATH: install Python 3.11 or later" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of packages: a second run installs nothing until pyproject.toml changes.
# The development set holds the demo's.
$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(call install,dev)
	@touch $(VENV)/.installed-demo

$(VENV)/.installed-demo: pyproject.toml | $(BIN)/python
	$(call install,demo)
