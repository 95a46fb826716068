# Every target creates or refreshes .venv first; nothing else needs to be installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# One process a core, each with one thread of BLAS; the tests of one file share their fixtures.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --durations 20

.PHONY: report nightly test test-slow lint bench figures clean

# Claims that take long are checked at one seed, the others at three.
report: $(STAMP)
	$(BIN)/grokflow verify --seeds 0:3 --cheap 3 --report report --json report/verify.json
	@echo "open report/index.html"

# Verdicts over a hundred seeds, twenty minutes of which at most for any claim. A run that was
# stopped goes on.
nightly: GO_ON = $(if $(wildcard verdicts.db),--resume)
nightly: $(STAMP)
	$(BIN)/grokflow verify --seeds 0:100 --cheap 12 --out verdicts.db $(GO_ON) --json verdicts.json
	$(BIN)/grokflow verify --mutants --json mutants.json

test: $(STAMP)
	$(PYTEST) -m "not slow"

test-slow: $(STAMP)
	$(PYTEST) -m slow

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks

figures: $(STAMP)
	$(BIN)/python -m grokflow.figures figures_out

clean:
	rm -rf $(VENV) report figures_out .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'grokflow needs Python 3.11 or newer: set PYTHON=python3.11')"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)
