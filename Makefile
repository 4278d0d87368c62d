# Two commands do everything: `make demo` (LANGUAGE=ja for Japanese) and `make test`.
# Both set up .venv with the pinned versions of constraints.txt; a second run does not install again.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
LANGUAGE ?= en
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test quick lint types house fast slow gpu clean

demo: .venv/.ready
	@$(BIN)/onsa demo --language $(LANGUAGE)

test: .venv/.ready-dev lint types house fast slow

quick: .venv/.ready-dev lint types house fast

lint: .venv/.ready-dev
	$(BIN)/ruff check .

types: .venv/.ready-dev
	$(BIN)/mypy

house: .venv/.ready-dev
	$(BIN)/lint-imports

fast: .venv/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 -m "not slow and not gpu"

slow: .venv/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 -m "slow and not gpu" --timeout 600

gpu: .venv/.ready-dev
	$(BIN)/pytest -q -m gpu

.venv/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Onsa needs Python 3.11 or newer; install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (this happens once and takes a few minutes) ..."
	$(PIP) --editable '.[tuner]'
	@touch $@

.venv/.ready-dev: .venv/.ready
	$(PIP) --editable '.[tuner,dev]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis out
