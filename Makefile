# What people and CI call. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.mapreel-setup

# What the demo takes; see `make help`.
VIDEO ?=
PROFILE ?=
KEEP ?= 1
RUNTIME ?= local
MEDIA ?=
OUT ?=
PYTEST_ARGS ?=

UNMARKED := not cluster and not compose and not browser and not corpus and not faults and not bench_quick

.PHONY: help setup demo up down status test test-cluster test-compose test-browser test-faults corpus bench bench-quick images lint format lock docs clean

help: ## Show this list
	@echo "Mapreel: a bucket of videos becomes a bucket of encoded videos."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo VIDEO=film.mkv PROFILE=h265-1080p   encode a film of your own"
	@echo "  make demo KEEP=0                              stop everything at the end"

setup: $(STAMP) ## Make .venv from the lock; does nothing when nothing changed

# Python itself is part of the stamp's freshness: a removed or upgraded one makes the folder anew.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || { \
	  echo "make setup: needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing);" \
	       "install one and name it: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make setup: '$(PYTHON)' has no venv; install it: apt-get install python3-venv" >&2; exit 1; }
	@cmp -s requirements.txt $(VENV)/.mapreel-lock && $(BIN)/python -c '' 2>/dev/null || { \
	  echo "make setup: installing $$(grep -c '^[a-z0-9].*==' requirements.txt) locked packages into $(VENV), about two minutes" && \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt && \
	  cp requirements.txt $(VENV)/.mapreel-lock; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
