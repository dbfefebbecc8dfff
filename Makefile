# churnlab: `make demo` and `make test` set everything up by themselves.
# Only Python 3 and make are needed; uv is bootstrapped into .uv when it is missing.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A pyenv shim may be on PATH without a uv behind it, so uv is asked, not looked up.
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
STAMP := $(VENV)/.installed
export MPLBACKEND ?= Agg

.PHONY: help setup lock demo docs test test-slow coverage minimal mutants lint format bench lab clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

# The stamp holds the hash of what was installed: an unchanged lock is not installed twice.
$(STAMP): requirements.lock pyproject.toml .python-version | $(filter .uv/bin/uv,$(UV))
	@echo "setting up $(VENV) from requirements.lock"
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$(cat .python-version)" $(VENV)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(STAMP) ## create .venv from requirements.lock

lock: | $(filter .uv/bin/uv,$(UV)) ## re-resolve requirements.lock (no index address is written)
	$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --all-extras --group dev --upgrade pyproject.toml -o requirements.lock

demo: $(STAMP) ## the main job on embedded real data, then where the reports lie
	$(BIN)/churnlab demo

# Two workers on two cores: a second thread of linear algebra in each would wait for the others'.
test: $(STAMP) ## the fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test-slow: $(STAMP) ## simulation-based calibration, long chains, every command of the pages
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest -m "hypothesis and not slow" --hypothesis-profile=full

# Lines are told by sys.monitoring, at next to no cost. Branches it tells from Python 3.14 on; until
# then a trace function sees each call of the process, so they are asked of what decides.
DECIDES := */rules/*,*/monitor/*,*/origins/*,*/segments/actions/*,*/segments/movement/*,*/nday/decide/*,*/inference/acceptance.py,*/inference/diagnostics.py,*/backtest/limits.py,*/backtest/splits.py,*/backtest/scores/*,*/posterior/bands.py,*/export/verify.py,*/export/recompute.py,*/bundle/consistency.py,*/bundle/reading.py
DECIDED_BY := policy rules metrics origins posterior segments nday backtest export candidates \
  inference/test_diagnostics.py fitting/test_late.py
coverage: $(STAMP) ## lines that the fast tests reach, and branches of what decides
	COVERAGE_CORE=sysmon OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --cov \
	  --cov-report=term --cov-report=html:build/coverage/lines
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --cov --cov-branch --cov-report= \
	  $(DECIDED_BY:%=tests/%)
	$(BIN)/coverage report --include='$(DECIDES)'
	$(BIN)/coverage html --include='$(DECIDES)' -d build/coverage/branches

# Warnings of old versions about each other are none of ours, hence no errors here.
minimal: $(STAMP) ## the fast tests on the oldest versions that pyproject.toml allows
	$(UV) venv --quiet --clear --python $(BIN)/python build/minimal
	$(UV) pip compile --quiet --python build/minimal/bin/python --resolution lowest-direct --no-header --group test \
	  pyproject.toml -o build/minimal/requirements.txt
	$(UV) pip sync --quiet --python build/minimal/bin/python build/minimal/requirements.txt
	$(UV) pip install --quiet --python build/minimal/bin/python --no-deps --editable .
	OMP_NUM_THREADS=1 build/minimal/bin/python -m pytest -W default -n 2

# mutmut wants packages that nobody else here does, hence an environment of its own.
build/mutants/.installed: requirements.lock pyproject.toml $(STAMP)
	$(UV) venv --quiet --clear --python $(BIN)/python build/mutants
	$(UV) pip sync --quiet --python build/mutants/bin/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python build/mutants/bin/python --no-deps --no-build-isolation --editable .
	$(UV) pip install --quiet --python build/mutants/bin/python "mutmut==3.8.1"
	@touch $@

mutants: build/mutants/.installed ## plant faults in the code that decides; how many do the tests notice?
	OMP_NUM_THREADS=1 build/mutants/bin/python benchmarks/mutants.py

lint: $(STAMP) ## ruff, mypy, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The peers want packages of their own versions, hence an environment of their own.
benchmarks/.venv/.installed: benchmarks/requirements-peers.lock $(STAMP)
	$(UV) venv --quiet --clear --python $(BIN)/python benchmarks/.venv
	$(UV) pip sync --quiet --python benchmarks/.venv/bin/python --require-hashes benchmarks/requirements-peers.lock
	@touch $@

bench: benchmarks/.venv/.installed ## speed and memory beside the peers (about two hours, idle machine)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/from_log.py --write
	$(BIN)/python benchmarks/likelihoods.py
	$(BIN)/python benchmarks/p_alive.py
	$(BIN)/python benchmarks/command.py
	$(BIN)/python benchmarks/hierarchies.py
	$(BIN)/python benchmarks/segments.py
	$(BIN)/python benchmarks/pipeline.py --write

docs: $(STAMP) ## the documentation site, into build/site (no network)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "open build/site/index.html"

lab: $(STAMP) ## JupyterLab on the notebooks: a double click opens a script as a notebook
	JUPYTER_CONFIG_PATH=$(CURDIR)/notebooks $(BIN)/jupyter lab notebooks

clean: ## remove the environment and all caches
	rm -rf .venv .uv .ruff_cache .mypy_cache .pytest_cache .hypothesis .import_linter_cache
