# Two commands for a newcomer: `make demo` and `make test`. Each installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
INSTALLED := $(VENV)/.installed
PYARROW := $(VENV)/pyarrow
WORKERS ?= 2
FAST = -n $(WORKERS) --dist=loadfile $(addprefix --ignore=tests/,airflow end_to_end proxies)

.DEFAULT_GOAL := help
.PHONY: help install proxies parquet demo bench test test-fast coverage kill-cells statistics mutation check format schema lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(INSTALLED) ## make .venv with everything in requirements.lock

# Commands that are given at once install once, one after the other: each holds requirements.lock, then looks again
# whether something is left to do. A dead holder gives it back. Bytecode is made here, not by the first task of a run.
ifndef ALONE
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python {v[0]}.{v[1]} is too old: Daily Runs needs 3.11 or newer. Try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@$(PYTHON) -c 'import fcntl, os, sys; lock = os.open("requirements.lock", os.O_RDWR); os.set_inheritable(lock, True); fcntl.flock(lock, fcntl.LOCK_EX); os.execvp(sys.argv[1], sys.argv[1:])' $(MAKE) --silent --no-print-directory ALONE=yes $@
else
$(INSTALLED): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "installing into $(VENV) (two minutes on a cold cache) ..."
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
endif

demo: $(INSTALLED) ## one day of root cause analysis, 900 prompts, on a real Airflow against the sandbox
	@$(BIN)/daily-runs demo

bench: $(INSTALLED) ## ours, Inspect AI, the SDK and aiolimiter on one simulated account, ~12 minutes; BENCH=--help
	@$(BIN)/python -m tests.bench $(BENCH)

proxies: ## the real haproxy, nginx and pgbouncer that tests start: the machine's own, else unpacked below .venv
	@sh tests/proxies/install.sh $(VENV)/proxies

# Not among .venv's own packages: there pandas would load it in every task of the gate (docs/decisions/0033).
parquet: $(PYARROW)/.installed ## the pyarrow that the tests of Parquet files take
$(PYARROW)/.installed: tests/end_to_end/pyarrow.txt | $(INSTALLED)
	@rm -rf $(PYARROW)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(PYARROW) --require-hashes -r $<
	@touch $@

test: $(INSTALLED) proxies parquet ## all tests; those on a real Airflow beside the others. WORKERS=2 processes for these
	@WORKERS=$(WORKERS) $(BIN)/python -m tests.parts

test-fast: $(INSTALLED) ## the tests that need no running Airflow, no proxy and no command line of ours
	@$(BIN)/python -m pytest $(FAST)

coverage: $(INSTALLED) ## coverage of lines and branches by the tests of test-fast; report also in htmlcov
	@rm -f .coverage*
	@$(BIN)/python -m coverage run -m pytest $(FAST); status=$$?; \
	 $(BIN)/coverage combine --quiet && $(BIN)/coverage html --quiet && $(BIN)/coverage report; exit $$status

kill-cells: $(INSTALLED) ## what may die while runs work, one cell at a time on a real Airflow, ~15 minutes
	@sh tests/kill_cells/install.sh $(VENV)/faketime
	@$(BIN)/python -m pytest -q -s tests/kill_cells

statistics: $(INSTALLED) ## simulated runs whose truth is known, against what error bars, verdicts and alarms promise
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.simulation $(STATISTICS)

mutation: $(INSTALLED) ## do tests notice changes of the statistics and of the gate's rules? half an hour; MUTATION="--sample 30"
	@$(BIN)/python -m tests.mutation $(MUTATION)

check: $(INSTALLED) ## lint, format, types, borders between folders, catalogue
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/daily-runs catalogue check

schema: $(INSTALLED) ## write what all migrations leave: include/daily_runs/store/schema.sql, docs/data_contract.odcs.yaml
	@state=$$(mktemp -d) && chmod 755 $$state && export DAILY_RUNS_STATE=$$state && unset DAILY_RUNS_STORE \
		&& $(BIN)/daily-runs store schema >$$state/schema.sql && $(BIN)/daily-runs store contract >$$state/contract.yaml \
		&& cp $$state/schema.sql include/daily_runs/store/schema.sql && cp $$state/contract.yaml docs/data_contract.odcs.yaml; \
		status=$$?; rm -rf $$state; exit $$status

format: $(INSTALLED) ## mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(INSTALLED) ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml --output-file requirements.lock

clean: ## remove .venv and everything that runs left in .daily_runs
	rm -rf $(VENV) .daily_runs
