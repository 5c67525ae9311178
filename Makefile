# Needs python3 (3.11 or later) and make; the rest is made here. `make help` lists the targets.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= config/local.yaml
JOBS ?= 2

# Pins hold for what builds our dependencies, too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(BIN)/python -m pip install --quiet --use-pep517 -c constraints.txt

.PHONY: help run venv test check
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /	/'

run: .venv/installed ## start the relay in the foreground on this machine; nothing leaves it (sandbox)
	@$(BIN)/relay init --quiet --config $(CONFIG)
	@exec $(BIN)/relay serve --config $(CONFIG)

venv: .venv/installed ## install the program into .venv and start nothing

test: .venv/installed-test ## all tests; tools and mail programs they need are fetched first
	@$(BIN)/python -m tests.packages
	@exec $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile tests

check: .venv/installed-test .venv/installed-lint ## format, lint, types, layers, and tables made from code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/python -m relay.handbook.generate --check

# The stamps are older than what they were made from as soon as that changes; so the second call is fast.
.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "installing into .venv (half a minute, once)"
	@$(INSTALL) -e .
	@touch $@

.venv/installed-%: .venv/installed
	@# pip learned --group in 25.1; Debian 12 has 23.0
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$*"], sep="\n")' > .venv/group-$*.txt
	@$(INSTALL) -r .venv/group-$*.txt
	@touch $@

.PRECIOUS: .venv/installed-test .venv/installed-lint

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "relay needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory python3-venv
	@rm -rf .venv
	@$(PYTHON) -m venv .venv

# Debian and Ubuntu ship ensurepip in a package of its own.
.PHONY: python3-venv
python3-venv:
	@line="apt-get install -y --no-install-recommends python3-venv"; \
	quiet="env DEBIAN_FRONTEND=noninteractive"; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	else echo "Python's venv module is not complete here. Run this once, then try again:" >&2; \
		echo "    sudo $$line" >&2; exit 1; fi; \
	echo "installing Debian's python3-venv"; \
	$$sudo $$quiet $$line >/dev/null 2>&1 || { $$sudo apt-get update -q >/dev/null && $$sudo $$quiet $$line >/dev/null; } || \
		{ echo "that failed; run it by hand: sudo $$line" >&2; exit 1; }
