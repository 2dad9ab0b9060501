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
ONLY ?=
ROUNDS ?= 50
SEED ?=
MINUTES ?= 120
FILM ?=

UNMARKED := not cluster and not compose and not browser and not corpus and not faults and not large and not bench_quick

# The Kubernetes runtime needs the encoder's image on the nodes, and pods that reach this machine's emulator.
POD_TEMPLATE := $(CURDIR)/deploy/kubernetes/overlays/local/pod-template.yaml
RUNTIME_SETTINGS = export MAPREEL_RUNTIME=$(RUNTIME) && if [ "$(RUNTIME)" = kubernetes ]; then \
	  image=$$(./deploy/kubernetes/prepare) && export MAPREEL_ENCODER_IMAGE="$$image" \
	    MAPREEL_POD_TEMPLATE="$${MAPREEL_POD_TEMPLATE:-$(POD_TEMPLATE)}"; fi

.PHONY: help setup demo up down status test test-cluster test-compose test-browser test-faults test-large faults soak bench \
  bench-quick docs screenshots images corpus lint format lock clean audit outdated

# Paths travel by the environment, so that blanks, quotes and dollars in them stay what they are.
export VIDEO MEDIA OUT FILM

help: ## Show this list
	@echo "Mapreel: a bucket of videos becomes a bucket of encoded videos."
	@echo
	@awk -F ':.*## ' '/^[a-z -]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo VIDEO=film.mkv PROFILE=h265-1080p   encode a film of your own"
	@echo "  make demo RUNTIME=kubernetes                  encode in pods, on the cluster of the current kubeconfig"
	@echo "  make demo KEEP=0                              stop everything at the end"

# uv installs them three times as fast as pip. It knows nothing of pip's settings: behind a mirror or a proxy that is
# named to pip alone, pip does it.
FROM_LOCK := --require-hashes --only-binary :all: -r
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check $(FROM_LOCK)
UV_PIP := $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(FROM_LOCK)

setup: $(STAMP) ## Make .venv from the lock; does nothing when nothing changed

# Python itself is part of the stamp's freshness: a removed or upgraded one makes the folder anew.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || { \
	  echo "make setup: needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing);" \
	       "install one and name it: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make setup: '$(PYTHON)' has no venv; install it: apt-get install python3-venv" >&2; exit 1; }
	@cmp -s requirements.txt $(VENV)/.mapreel-lock && $(BIN)/python -c '' 2>/dev/null || { \
	  echo "make setup: installing $$(grep -c '^[a-z0-9].*==' requirements.txt) locked packages into $(VENV), about a minute" && \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  sed -n '/^uv==/,/# via/p' requirements.txt | $(PIP) /dev/stdin && \
	  { $(UV_PIP) requirements.txt || $(PIP) requirements.txt; } && \
	  cp requirements.txt $(VENV)/.mapreel-lock; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# A program of which no byte code lies there is compiled at each start: 1.7 CPU seconds for each verb.
	@$(BIN)/python -m compileall -q $(VENV)/lib plugins images/encoder client deploy/local
	@touch $(STAMP)

demo: setup ## Encode a film from end to end, and show it [VIDEO=path] [PROFILE=name] [KEEP=0]
	@$(RUNTIME_SETTINGS) && $(BIN)/python -m local_stack demo \
	  $(if $(PROFILE),--profile '$(PROFILE)') $(if $(filter 0,$(KEEP)),--no-keep) $(if $(VIDEO),-- "$$VIDEO")

up: setup ## Start the stack, and leave it running
	@$(RUNTIME_SETTINGS) && $(BIN)/python -m local_stack up

down: setup ## Stop the stack; objects, runs and logs stay
	@$(BIN)/python -m local_stack down

status: setup ## Say what runs, and where
	@$(BIN)/python -m local_stack status

# Only the files that have such tests: to read all of them takes every process many CPU seconds.
files_with = $$(grep -rl --include='*.py' 'mark\.$(1)' tests)

# Four at a time: the tests of the three stacks mostly wait, and those of the worker mostly compute.
test: setup ## Run every test that needs no cluster
	@$(BIN)/python -m pytest -n 4 -m '$(UNMARKED)' $(PYTEST_ARGS)

test-cluster: setup ## Run the tests that need a Kubernetes cluster (KUBECONFIG)
	@$(BIN)/python -m pytest -m cluster $(PYTEST_ARGS)

test-compose: setup ## Run the tests that need a Docker engine with Compose (DOCKER_HOST)
	@$(BIN)/python -m pytest -m compose $(call files_with,compose) $(PYTEST_ARGS)

test-browser: setup ## Run the tests that need Chromium, on a stack of their own
	@$(BIN)/python -m pytest -m browser $(call files_with,browser) $(PYTEST_ARGS)

test-faults: setup ## Run the tests that do harm: killed processes, a bad bucket, full disks, many films
	@$(BIN)/python -m pytest -n 3 -m faults $(call files_with,faults) $(PYTEST_ARGS)

faults: setup ## The same for hours: rounds of faults, told as they come [ROUNDS=50] [SEED=n]
	@MAPREEL_FAULT_ROUNDS='$(ROUNDS)' MAPREEL_FAULT_SEED='$(SEED)' $(BIN)/python -m pytest -s -m faults \
	  $(call files_with,faults) $(PYTEST_ARGS)

soak: setup ## Films again and again, a fifth of them broken [MINUTES=120]
	@MAPREEL_SOAK_MINUTES='$(MINUTES)' $(BIN)/python -m pytest -s tests/integration/test_load.py $(PYTEST_ARGS)

test-large: setup ## Run the tests of buckets with tens of thousands of objects
	@$(BIN)/python -m pytest -m large $(call files_with,large) $(PYTEST_ARGS)

bench-quick: setup ## Measure what is cheap to measure, and hold it against its limits
	@$(BIN)/python -m pytest -m bench_quick $(call files_with,bench_quick) $(PYTEST_ARGS)

bench: setup ## Measure all, and write docs/performance.md [ONLY=name] [FILM=path]
	@$(if $(FILM),MAPREEL_BENCH_FILM="$$FILM") $(BIN)/python -m bench $(ONLY)

docs: setup ## Make the page of licences anew out of what is installed
	@$(BIN)/python docs/licences.py

screenshots: setup ## Make the pictures of docs/images anew, on a stack of their own (Chromium)
	@$(BIN)/python -m tests.browser.screenshots docs/images

images: ## Build the encoder's image with docker, podman or buildah [IMAGE=name]
	@$(if $(IMAGE),IMAGE='$(IMAGE)') ./images/encoder/build

corpus: setup ## Encode a folder of real videos and judge each output [MEDIA=folder] [OUT=folder]
	@test -n "$(MEDIA)" || { echo "make corpus: name a folder of videos: make corpus MEDIA=path/to/videos" >&2; exit 1; }
	@$(BIN)/python -m tests.corpus --media "$$MEDIA" $(if $(OUT),--out "$$OUT")

lint: setup ## Check style, types and the walls between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

format: setup ## Put the code into the agreed form
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

lock: setup ## Make the locks anew from requirements.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements.txt images/encoder/requirements.in -o images/encoder/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements.txt images/airflow/requirements.in -o images/airflow/requirements.txt

audit: setup ## Hold the locked versions against the known vulnerabilities (needs the internet)
	$(BIN)/uvx pip-audit==2.9.0 --strict --disable-pip --require-hashes --progress-spinner off -r requirements.txt -r images/encoder/requirements.txt -r images/airflow/requirements.txt

outdated: setup ## Show the packages that have newer releases by now
	$(BIN)/uv pip list --outdated --python $(BIN)/python

clean: down ## Stop the stack and remove all that it keeps
	rm -rf .mapreel
