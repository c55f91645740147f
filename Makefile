# Everything sets itself up: Python >= 3.11 and make are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
# most modules of what the tests need are never imported: those that are, are compiled then
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c requirements.lock

.PHONY: help demo kernels test test-slow test-all lint types mutants bench clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.python:
	@if [ -z "$(PYTHON)" ]; then echo "provenance needs Python >= 3.11; pass PYTHON=/path/to/python" >&2; exit 2; fi
	@echo "Making a local environment in $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml requirements.lock | $(VENV)/.python
	@echo "Installing provenance into $(VENV)" >&2
	@$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/.python
	@echo "Installing provenance and what its tests need into $(VENV)" >&2
	@$(PIP) -e '.[demo,test]'
	@touch $(VENV)/.demo $@

$(VENV)/.dev: pyproject.toml requirements.lock | $(VENV)/.python
	@echo "Installing provenance and what work on it needs into $(VENV)" >&2
	@$(PIP) -e '.[demo,test,dev]'
	@touch $(VENV)/.demo $(VENV)/.installed $@

demo: $(VENV)/.demo ## Known books against training shards, on real text
	@$(BIN)/provenance demo --dir demo

kernels: $(VENV)/.demo ## Compile what is compiled once, before several processes would
	@$(BIN)/python -m tests.tools.kernels

# neighbours use the same indexes and runs: each process begins with a stretch of its own, and helps out in the end
PYTEST := $(BIN)/python -m pytest -q
SHARED := $(PYTEST) -n 2 --dist worksteal

test: $(VENV)/.installed kernels ## The tests that take seconds
	@$(SHARED) -m "not slow"

test-slow: $(VENV)/.installed kernels ## The tests that take minutes
	@$(SHARED) --durations 15 -m slow

# those that wait would leave a core idle: they have a process of their own, whose output comes last
test-all: $(VENV)/.installed kernels ## All tests at once, as CI runs them
	@log=$$(mktemp); $(PYTEST) --durations 15 -m waits > $$log 2>&1 & waiting=$$!; \
	trap 'kill $$waiting 2> /dev/null; rm -f $$log' EXIT; code=0; \
	$(SHARED) --durations 30 -m "not waits" || code=$$?; \
	wait $$waiting || code=$$?; cat $$log; exit $$code

lint: $(VENV)/.dev ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	@$(BIN)/mypy

mutants: $(VENV)/.installed ## What share of small mistakes the tests notice (an hour; SAMPLE=9 for less)
	@$(BIN)/python -m tests.mutants $(SAMPLE)

SAMPLE ?= 30
BENCHES ?= hot_path whole_scan index_scale runs scale startup hostile chance quality report clean dictionary_attack
$(VENV)/.bench: $(VENV)/.installed
	@$(PIP) -e '.[demo,test,bench]' || echo "rensa, gaoya or matplotlib cannot be installed here: their rows or plots are left out" >&2
	@touch $@

bench: $(VENV)/.bench ## Short forms of the measurements
	@for name in $(BENCHES); do \
		echo "== $$name $$(date -u +%T)"; $(BIN)/python -m benchmarks.$$name --short || exit 1; done
	@echo "== memory $$(date -u +%T)"; $(BIN)/python -m benchmarks.memory --gigabytes 0.2

clean: ## Remove what these targets made
	@rm -rf $(VENV) demo benchmarks/results .pytest_cache .mypy_cache .ruff_cache .hypothesis
