# The vocabulary of this project; `make` alone prints it. CI calls the same words.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# OpenSTEF needs a newer Python and other packages than this project; only bench-forecasts runs it.
OPENSTEF := .venv-openstef
OPENSTEF_PYTHON ?= 3.12
export ENV_FILE ?= .env
# Dozens of processes start in a day; none of them should compile again what another has, or all what was just installed.
export PYTHONDONTWRITEBYTECODE :=
export UV_COMPILE_BYTECODE := 1
COMPOSE := docker compose --env-file $(ENV_FILE)
DEMO := $(if $(ONCE),--once) $(if $(CUSTOMERS),--customers $(CUSTOMERS)) $(if $(SEED),--seed $(SEED)) $(if $(HOME_FOLDER),--home $(HOME_FOLDER))

.PHONY: help
help: ## print this
	@echo "make WORD, where WORD is one of:"
	@sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: setup
setup: $(STAMP) ## make the virtual environment from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Meterwise needs Python 3.11 or newer; say which: make setup PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -E '^uv==' requirements.lock)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m meterwise.commands.patch_lightgbm
	@touch $(STAMP)
	@echo "Ready after $$SECONDS s"

.PHONY: demo
demo: $(STAMP) ## run one day of a made-up utility through everything (ONCE=1 ends by itself; CUSTOMERS=, SEED=)
	@exec $(BIN)/meterwise demo $(DEMO)

.PHONY: serve
serve: $(STAMP) ## start PostgreSQL, MLflow and Airflow on this machine for your own sources.yml, until Ctrl-C
	@exec $(BIN)/meterwise up

.PHONY: secrets
secrets: ## for a server in Docker: make .env and secrets/ with random passwords; overwrites nothing
	@exec deploy/secrets.sh

.PHONY: up
up: ## start the server (docker compose), wait until it is healthy, print its addresses
	@exec deploy/up.sh

.PHONY: down
down: ## stop the server; its data stay
	@$(COMPOSE) --profile "*" down

.PHONY: ps
ps: ## show the server's parts and how they are
	@$(COMPOSE) ps -a --format 'table {{.Service}}\t{{.Status}}\t{{.Ports}}'

.PHONY: logs
logs: ## show what the server's parts say (SERVICE=airflow-scheduler for one)
	@$(COMPOSE) logs --tail 200 -f $(SERVICE)

.PHONY: backup
backup: ## save everything of the server (NAME=)
	@exec deploy/save.sh $(NAME)

.PHONY: restore
restore: ## bring a backup back into an empty server (FROM=NAME), then start it
	@deploy/restore.sh $(FROM) && exec deploy/up.sh

.PHONY: upgrade
upgrade: ## bring the server to the version that lies here: image, backup, migrations, start (VERSION=)
	@exec deploy/upgrade.sh

.PHONY: rollback
rollback: ## bring the server back to the version before the last upgrade
	@exec deploy/rollback.sh

.PHONY: test
test: $(STAMP) ## run the tests, two files at a time, end to end on a small utility
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not figures and not chaos and not compose and not drills"

.PHONY: test-compose
test-compose: $(STAMP) ## run the tests of the server: needs a Docker engine (15 minutes)
	@$(BIN)/pytest -m compose

.PHONY: drills
drills: $(STAMP) ## kill, stop, save and restore the server in Docker while a day goes through it (slow)
	@$(BIN)/pytest -m drills

.PHONY: test-figures
test-figures: $(STAMP) ## measure quality on real data, and take them the whole way (slow)
	@$(BIN)/pytest -m figures

.PHONY: quality
quality: $(STAMP) ## measure the churn model beside an oracle and plain methods, into docs/quality.md (minutes)
	@$(BIN)/python -m meterwise.commands.churn_quality

.PHONY: alert-quality
alert-quality: $(STAMP) ## measure the alert scores on FOLDERS, each with reads.csv and labels.csv, into docs/quality.md
	@$(BIN)/python -m meterwise.commands.alert_quality $(FOLDERS)

.PHONY: alert-rules-quality
alert-rules-quality: $(STAMP) ## measure the alerts of the rules on a made-up utility, into docs/quality.md (minutes)
	@$(BIN)/python -m meterwise.commands.alert_rules_quality

.PHONY: bench-validation
bench-validation: $(STAMP) ## time the validation and estimation of 10 million reads beside reading their file (WRITE=1: into docs/validation.md)
	@$(BIN)/python benchmarks/validation.py $(if $(WRITE),--write)

.PHONY: bench-readers
bench-readers: $(STAMP) ## time 200 readers of published while a million rows are delivered (2 minutes; WRITE=1 puts it into docs/operations.md)
	@$(BIN)/python benchmarks/published_readers.py $(if $(WRITE),--write)

.PHONY: bench-rating
bench-rating: $(STAMP) ## rate a month of half-hours of 100,000 customers (minutes, 2 GB of disk; WRITE=1: into docs/tariffs.md)
	@$(BIN)/python benchmarks/rating.py $(if $(WRITE),--write)

.PHONY: bench-lag
bench-lag: $(STAMP) ## time reads of 10,000 meters from delivery until they are published (minutes; WRITE=1 puts it into docs/operations.md)
	@$(BIN)/python benchmarks/lag.py $(if $(WRITE),--write)

.PHONY: bench-estimation
bench-estimation: $(STAMP) ## hide true reads and measure their estimates beside plain methods (minutes; WRITE=1 puts it into docs/quality.md)
	@$(BIN)/python benchmarks/estimation.py $(if $(WRITE),--write)

.PHONY: bench-forecasts
bench-forecasts: $(STAMP) $(OPENSTEF)/.ready ## compare the load forecast with plain mlforecast and OpenSTEF 4 (an hour; FORECASTS="--series FILE ..."; WRITE=1 puts it into docs/backtest.md)
	@$(BIN)/python benchmarks/forecasts.py $(if $(WRITE),--write) $(FORECASTS)

.PHONY: bench-victoria
bench-victoria: $(STAMP) ## measure the load forecast on half-hourly load of Victoria (a quarter of an hour; VICTORIA="--series FILE"; WRITE=1 puts it into docs/backtest.md)
	@$(BIN)/python benchmarks/victoria.py $(if $(WRITE),--write) $(VICTORIA)

.PHONY: bench-bills
bench-bills: $(STAMP) ## measure the forecast of customers' months on real homes, and its speed (a minute; WRITE=1 puts it into docs/bills.md)
	@$(BIN)/python benchmarks/bills.py $(if $(WRITE),--write)

.PHONY: openstef
openstef: $(OPENSTEF)/.ready ## make the environment in which bench-forecasts runs OpenSTEF (OPENSTEF_PYTHON=3.12 or a path)

$(OPENSTEF)/.ready: benchmarks/openstef/requirements.lock | $(STAMP)
	@$(BIN)/uv venv --quiet --clear --python $(OPENSTEF_PYTHON) $(OPENSTEF)
	@$(BIN)/uv pip install --quiet --python $(OPENSTEF)/bin/python --requirements $<
	@touch $@

.PHONY: chaos
chaos: $(STAMP) ## kill parts at random, take away disk and services, compare (slow; KILLS=50 CHAOS_SEED= ENGINE=postgresql)
	@$(BIN)/pytest -m chaos

.PHONY: lint
lint: $(STAMP) type ## check style and SQL, and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@if [ -f .sqlfluff ]; then $(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models; fi

.PHONY: type
type: $(STAMP) ## check types
	@$(BIN)/mypy

.PHONY: docs
docs: $(STAMP) ## write docs/data-contracts.md, the README's result and dbt's documentation of the warehouse
	@$(BIN)/python -m meterwise.commands.data_contracts
	@$(BIN)/python -m meterwise.commands.readme_result
	@$(BIN)/python -c 'from meterwise.transform import docs; print(docs())'

.PHONY: clean
clean: ## delete the environment and the demo, with everything it made
	@rm -rf $(VENV) $(OPENSTEF) .meterwise .pytest_cache .mypy_cache .ruff_cache
