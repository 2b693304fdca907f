# Needs nothing beforehand but make, git and Python 3.11 or newer with venv. Node comes from PyPI, into .venv.
# Every target does what is still missing first; what is up to date is neither downloaded nor built again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := $(CURDIR)/frontend/scripts/npm
STATIC := backend/tailboard/web/static

VENV_MADE := $(VENV)/pyvenv.cfg
PYTHON_READY := $(VENV)/.installed
PSQL := $(BIN)/psql
FRONTEND_READY := frontend/node_modules/.package-lock.json
E2E_READY := tests/e2e/node_modules/.package-lock.json
BENCH_READY := $(VENV)/.installed-bench
RIVALS_READY := tests/bench/rivals/node_modules/.package-lock.json
QUEUES_READY := tests/queues/node_modules/.package-lock.json
PAGE := $(STATIC)/index.html
# Folders too: a file that goes away changes its folder.
PAGE_SOURCES := $(shell find frontend/src frontend/public ! -name '*.test.ts*') \
	frontend/index.html frontend/vite.config.ts frontend/tsconfig.json

# How many processes the Python tests spread over. Half as many again as there are cores: tests mostly wait, for a
# server's start, a lease, a beat.
TEST_PROCESSES ?= $(shell expr \( 3 \* $$(getconf _NPROCESSORS_ONLN) + 1 \) / 2)
# More arguments for pytest or the benchmarks: make test-python ARGS="-k cursor"
ARGS ?=
# How long `make faults` walks; SEED= replays a walk, ONLY= names scenarios.
MINUTES ?= 5
BENCHES := $(sort $(wildcard tests/bench/*.py))
# What is only for a glance is kept apart from what the README shows.
BENCH_RESULTS := bench-results$(if $(findstring --quick,$(ARGS)),/quick)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(PYTHON_READY) $(PSQL) $(PAGE) ## Make .venv with the command "tailboard", and build the page

.PHONY: run
run: setup ## Serve a board with demo workers on http://127.0.0.1:8000
	$(BIN)/tailboard up --demo

.PHONY: test
test: test-python test-frontend test-e2e ## Run every test: Python, front end, end to end in a real Chromium

.PHONY: test-python
test-python: setup $(QUEUES_READY) ## Run the Python tests (ARGS="-k cursor" for some of them)
	$(BIN)/pytest -n $(TEST_PROCESSES) --maxprocesses 8 --dist worksteal $(ARGS)

.PHONY: test-frontend
test-frontend: $(FRONTEND_READY) ## Run the front end's unit tests
	cd frontend && $(NPM) --silent test

.PHONY: test-e2e
test-e2e: setup $(E2E_READY) ## Run the end-to-end tests in a real Chromium
	cd tests/e2e && $(NPM) --silent test

.PHONY: faults
faults: setup ## Inject faults at random into real servers (MINUTES=5 SEED=… ONLY=…; ARGS=--list names them)
	PYTHONPATH=tests $(BIN)/python -m faults --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

.PHONY: bench
bench: setup $(QUEUES_READY) $(E2E_READY) $(BENCH_READY) $(RIVALS_READY) ## Measure all beside named alternatives, then make figures (ARGS=--quick: a glance)
	@for program in $(BENCHES); do echo; echo "$$program"; \
	PYTHONPATH=tests $(BIN)/python $$program --json $(BENCH_RESULTS)/$$(basename $$program .py).json $(ARGS) || exit; done
	@echo; cd tests/e2e && $(NPM) --silent run bench -- --json $(CURDIR)/$(BENCH_RESULTS)/smoothness.json $(ARGS)
	@echo; $(BIN)/python tests/bench/figures --results $(BENCH_RESULTS) $(if $(findstring --quick,$(ARGS)),--print)

.PHONY: figures
figures: $(PYTHON_READY) ## Make the README's table and plots from what `make bench` has measured
	$(BIN)/python tests/bench/figures

.PHONY: screenshot
screenshot: setup $(E2E_READY) ## Take the picture that the README opens with anew
	cd frontend && $(NPM) --silent run screenshot

.PHONY: lint
lint: $(PYTHON_READY) $(FRONTEND_READY) ## Check style, formatting and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd frontend && $(NPM) --silent run lint

.PHONY: types
types: $(PYTHON_READY) $(FRONTEND_READY) $(E2E_READY) ## Check types: mypy and tsc, both strict
	$(BIN)/mypy
	cd frontend && $(NPM) --silent run types
	cd tests/e2e && $(NPM) --silent run types

.PHONY: format
format: $(PYTHON_READY) $(FRONTEND_READY) ## Format everything, and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && $(NPM) --silent run format

.PHONY: frontend
frontend: setup ## Serve the front end with hot reload, in front of a board that `make run` serves
	cd frontend && $(NPM) --silent run dev

.PHONY: constraints
constraints: ## Renew constraints.txt: the newest releases that pyproject.toml allows
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(PYTHON) -m venv "$$folder" && \
	"$$folder/bin/pip" --disable-pip-version-check --quiet install '.[dev,bench]' && \
	{ sed '/^[^#]/,$$d' constraints.txt; \
	"$$folder/bin/pip" --disable-pip-version-check freeze --exclude tailboard; } > "$$folder/constraints.txt" && \
	cp "$$folder/constraints.txt" constraints.txt

.PHONY: clean
clean: ## Remove all that was made here; the boards' data stays
	rm -rf $(VENV) $(STATIC) frontend/node_modules tests/e2e/node_modules tests/queues/node_modules tests/bench/rivals/node_modules dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find backend migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An interpreter that was asked for by name replaces an environment of another version.
ifneq ($(origin PYTHON),file)
ifeq ($(wildcard $(VENV)/lib/python$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')),)
$(VENV_MADE): anew
endif
endif
.PHONY: anew
anew:

$(VENV_MADE):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(\
	"Tailboard needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ": make setup PYTHON=python3.13")'
	$(PYTHON) -m venv --clear $(VENV)

$(PYTHON_READY): $(VENV_MADE) pyproject.toml constraints.txt
	@echo "Installing the Python packages"
	$(BIN)/pip --disable-pip-version-check --quiet install -c constraints.txt -e '.[dev]'
	@touch $@

# The embedded server's own, for who has none.
$(PSQL): | $(PYTHON_READY)
	@ln -sf "$$($(BIN)/python -c 'from tailboard.db.embedded.installation import packaged_bin_dir; print(packaged_bin_dir())')/psql" $@

$(FRONTEND_READY): frontend/package.json frontend/package-lock.json | $(PYTHON_READY)
	@echo "Installing the front end's packages"
	cd frontend && $(NPM) --loglevel=error ci
	@touch $@

$(E2E_READY): tests/e2e/package.json tests/e2e/package-lock.json | $(PYTHON_READY)
	@echo "Installing the end-to-end tests' packages"
	cd tests/e2e && $(NPM) --loglevel=error ci
	@touch $@

$(BENCH_READY): $(PYTHON_READY)
	@echo "Installing what the benchmarks compare with"
	$(BIN)/pip --disable-pip-version-check --quiet install -c constraints.txt -e '.[dev,bench]'
	@touch $@

$(RIVALS_READY): tests/bench/rivals/package.json tests/bench/rivals/package-lock.json | $(PYTHON_READY)
	@echo "Installing the servers of npm that the benchmarks compare with"
	cd tests/bench/rivals && $(NPM) --loglevel=error ci
	@touch $@

$(QUEUES_READY): tests/queues/package.json tests/queues/package-lock.json | $(PYTHON_READY)
	@echo "Installing the job queues that the tests drive"
	cd tests/queues && $(NPM) --loglevel=error ci
	@touch $@

$(PAGE): $(PAGE_SOURCES) $(FRONTEND_READY)
	cd frontend && $(NPM) --silent run build
	@touch $@
