# Everything runs in .venv, which is made on first use. `make PYTHON=python3.12 test` picks a Python.
PYTHON ?= python3
# PyTorch is named apart, so that a machine with a CPU build at hand can use it:
# `make TORCH="torch --index-url https://download.pytorch.org/whl/cpu" test`.
TORCH ?= torch==2.13.0
BACKENDS ?= tensorflow jax torch
ARGS ?=
# What `make test-oldest` runs, on TensorFlow, and the Python that has packages of that age.
OLDEST_PYTHON ?= python3.11
OLDEST_TESTS := $(addprefix tests/,models networks layers losses presets metrics evaluation reporting) \
	tests/test_docstrings.py

BIN := .venv/bin

.PHONY: help demo test test-oldest lint format example clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         render eyes, refine them, write demo/report.html (about 2 minutes)"
	@echo "make test         make lint, then the tests on TensorFlow, JAX and torch"
	@echo "                  BACKENDS=torch ARGS='tests/layers -k history' runs some of them"
	@echo "make test-oldest  the core's tests with the oldest versions that the package supports"
	@echo "make example      the folder-to-folder tutorial, examples/simgan_folders.py"
	@echo "make lint         ruff, and the types by mypy"
	@echo "make format       let ruff rewrite the files"
	@echo "make clean        remove the environments, caches and the demo's output"

demo: .venv/.installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/keras-simgan demo

test: lint
	$(BIN)/python tests/run.py --backends $(BACKENDS) -- $(ARGS)

test-oldest: .venv-oldest/.installed
	KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 \
		.venv-oldest/bin/python -m pytest $(OLDEST_TESTS) $(ARGS)

example: .venv/.installed
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python examples/simgan_folders.py --out runs/simgan_folders

lint: .venv/.installed-for-development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.installed-for-development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-oldest .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist demo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is not Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment; Debian has it in python3-venv" >&2; exit 1; }

# The stamps: installed again only when pyproject.toml changes.
.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

.venv/.installed-for-development: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet -e '.[jax,torch,beam,dev]'
	@touch $@ .venv/.installed

# The lower bounds of pyproject.toml, as they are. No torch: it is not needed to run.
.venv-oldest/.installed: pyproject.toml
	$(OLDEST_PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb')) \
		['project']['dependencies'], sep='\n')" | sed 's/>=/==/' > .venv-oldest/requirements.txt
	.venv-oldest/bin/python -m pip install --quiet -r .venv-oldest/requirements.txt \
		hypothesis importlib_resources pytest
	.venv-oldest/bin/python -m pip install --quiet --no-deps -e .
	@touch $@
