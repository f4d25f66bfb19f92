# Zhiyin 知音. `make` lists every command.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup run console console-test screenshots api-types test check bench format clean

help: ## List every command
	@echo "Zhiyin 知音"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Make .venv and install what `make run` needs (seconds when nothing changed)
	@PYTHON=$(PYTHON) sh scripts/setup.sh base

run: setup ## Start everything on this machine: console, OTA, toys
	@sh scripts/console.sh if-possible
	@grep -qs '^ZHIYIN_HOST=.' .env || export ZHIYIN_HOST=$${ZHIYIN_HOST:-0.0.0.0}; exec $(BIN)/zhiyin serve

console: setup ## Build the web console into console/dist (nothing to do when its sources are as they were)
	@sh scripts/console.sh build

console-test: setup ## Lint, types and unit tests of the console
	@sh scripts/console.sh check

api-types: setup ## Make the console's types of the API's OpenAPI document
	@sh scripts/api-types.sh

screenshots: ## Photograph every page of the console into docs/images/console
	@PYTHON=$(PYTHON) sh scripts/setup.sh test
	@sh scripts/console.sh build
	@$(BIN)/python -m scripts.screenshots

test: ## Install what tests need (no torch) and run them all
	@PYTHON=$(PYTHON) sh scripts/setup.sh test
	@sh scripts/console.sh for-tests
	@sh scripts/test.sh

check: ## Lint, format, types
	@PYTHON=$(PYTHON) sh scripts/setup.sh test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@sh scripts/console.sh check

bench: ## Measure latency, CPU and memory with simulated toys (docs/performance.md)
	@PYTHON=$(PYTHON) sh scripts/setup.sh test
	@$(BIN)/python -m bench.run
	@$(BIN)/python -m bench.run --endpointing adaptive --devices 50

format: ## Format and mend what can be mended
	@PYTHON=$(PYTHON) sh scripts/setup.sh test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## Remove the virtual environment and caches (never your data)
	@rm -rf $(VENV) console/dist console/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
