# Needs Python 3.11 or newer with venv, and make. Everything is installed into this folder.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
AIRFLOW := 3.3.2
PRERELEASE := 3.4.0b2
VERSIONS ?= 2.11.2 3.0.6 3.1.8 3.2.2 3.3.2 $(PRERELEASE)
SECONDS ?= 600

PINS := constraints/airflow-$(AIRFLOW).txt
BIN := .venv/bin
PARTS := airflow_provider_mj/gateway/*,airflow_provider_mj/hooks/*,airflow_provider_mj/operators/*,airflow_provider_mj/sensors/*,airflow_provider_mj/*.py,airflow_provider_mj/keeping/*,airflow_provider_mj/submitting/*,airflow_provider_mj/decorators/*,airflow_provider_mj/check/*

# Importing Airflow writes a configuration into its home; keep that inside the clone.
export AIRFLOW_HOME := $(CURDIR)/.cache/airflow

.DEFAULT_GOAL := help
.PHONY: help demo test lint format matrix bench bench-import bench-images bench-payonce fuzz attack constraints clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/installed-sandbox ## one image task, end to end, in a real Airflow, with a gateway that costs nothing
	@$(BIN)/python -m tools.demo

test: .venv/installed-dev ## unit tests, their coverage, then the tests in a real Airflow
	$(BIN)/python -m pytest -m "not system and not alone and not waits and not computes" -n 4 --dist worksteal --cov --cov-report=
	$(BIN)/python -m pytest -m "waits" -n 6 --dist worksteal
	$(BIN)/python -m pytest -m "computes" -n 2 --dist worksteal
	$(BIN)/python -m pytest -m "alone"
	$(BIN)/python -m coverage report --include="$(PARTS)" --precision=2 --show-missing --skip-covered --fail-under=95
	$(BIN)/python -m pytest -m system -n 2 --dist loadfile

lint: .venv/installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed-dev ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

matrix: ## the test suite on each Airflow; VERSIONS="2.11.2 3.1.8" chooses
	$(PYTHON) tools/matrix.py $(VERSIONS)

bench: .venv/installed-bench ## what waiting costs, beside HttpSensorTrigger and a bare loop: about 8 minutes
	$(BIN)/python -m benchmarks.waiting

bench-import: .venv/installed-bench ## what importing costs, beside the providers http and dbt-cloud
	$(BIN)/python -m benchmarks.imports

bench-images: .venv/installed-dev ## what saving pictures costs, beside bare loops of requests: about 4 minutes
	$(BIN)/python -m benchmarks.images

bench-payonce: .venv/installed-dev ## kill imagine tasks at every point, and count what was paid: about 6 minutes
	$(BIN)/python -m benchmarks.payonce

fuzz: .venv/installed-dev ## answers that no gateway ever gave, to every call; SECONDS=600 says for how long
	$(BIN)/python tests/hostile/fuzz.py --seconds $(SECONDS)

attack: .venv/installed-dev ## random courses that try to make operators pay twice; SECONDS=600 says for how long
	$(BIN)/python tests/attack/attack.py --seconds $(SECONDS)

constraints: ## renew the pinned versions (needs uv)
	for pins in constraints/airflow-*.in; do \
		uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra bench --upgrade \
			--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
			--output-file $${pins%.in}.txt pyproject.toml constraints/build.in $$pins || exit 1; done

clean: ## remove what the other targets made
	rm -rf .venv .demo .matrix .cache .coverage .mypy_cache .pytest_cache .ruff_cache

.venv/installed-%: pyproject.toml $(PINS)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found; try: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@echo "installing Airflow $(AIRFLOW) and the tools into .venv with $(PYTHON): takes about a minute"
	@$(PYTHON) -m venv .venv
	@PIP_CONSTRAINT=$(PINS) PIP_BUILD_CONSTRAINT=$(PINS) $(BIN)/python -m pip install -qq -e '.[$*]'
	@touch $@
