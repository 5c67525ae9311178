# Needs python3 (3.11 or later) and make; the rest is made here. `make help` lists the targets.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= config/local.yaml
JOBS ?= 3

# Pins hold for what builds our dependencies, too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(BIN)/python -m pip install --quiet --use-pep517 -c constraints.txt

.PHONY: help run venv test bench soak fuzz check install uninstall
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

soak: .venv/installed-test ## an hour of faults: kills, power cuts, bad disks, peers, clients; SOAK="--minutes 5 --only kill"
	@exec $(BIN)/python -m tests.faults $(SOAK)

# SECONDS for each target; ONLY is some of them, separated by commas. What broke is kept under tests/fuzz/crashes.
SECONDS ?= 60
fuzz: .venv/installed-test .venv/installed-fuzz ## atheris on everything that reads strangers' octets; SECONDS=60 ONLY=session
	@exec $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(ONLY),--only $(ONLY))

# QUICK=1 takes a minute; ONLY, ROUNDS and SYSTEMS narrow it (python -m tests.bench --help).
bench: .venv/installed-test ## relay beside Postfix + OpenDKIM, as root; a table, and figures in .cache/bench.json
	@exec $(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(foreach each,$(ONLY),--only $(each)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SYSTEMS),--systems $(SYSTEMS))

check: .venv/installed-test .venv/installed-lint ## format, lint, types, layers, and tables made from code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py
	$(BIN)/python -m relay.handbook.generate --check

# Where `make install` puts things; DESTDIR stands before all of them, for those who make packages.
DESTDIR ?=
PREFIX ?= /opt/relay
BINDIR ?= /usr/local/bin
SYSCONFDIR ?= /etc
LIBDIR ?= /usr/local/lib
COMPLETIONDIR ?= /usr/local/share/bash-completion/completions
UNITS := relay.service relay.socket
VENV = $(DESTDIR)$(PREFIX)/venv
DOC = $(DESTDIR)$(PREFIX)/share/doc/relay

install: .venv/installed ## install program, systemd units and configuration; as root, then: systemctl enable --now relay
	rm -rf $(VENV)
	$(PYTHON) -m venv --without-pip $(VENV)
	$(BIN)/python -m pip --python $(VENV)/bin/python install --quiet --no-compile -c constraints.txt .
	@# Paths in scripts and compiled files are those of the place it will have, without DESTDIR.
	sed -i 's|$(DESTDIR)$(PREFIX)|$(PREFIX)|g' $(VENV)/pyvenv.cfg $$(grep -lI '$(VENV)' $(VENV)/bin/*)
	$(VENV)/bin/python -m compileall -q -j 0 -s '$(DESTDIR)' -p / $(VENV)/lib
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SYSCONFDIR)/relay $(DESTDIR)$(LIBDIR)/systemd/system
	ln -sfn $(PREFIX)/venv/bin/relay $(DESTDIR)$(BINDIR)/relay
	for unit in $(UNITS); do \
		sed 's|/opt/relay|$(PREFIX)|g; s|/etc/relay|$(SYSCONFDIR)/relay|g' systemd/$$unit \
			> $(DESTDIR)$(LIBDIR)/systemd/system/$$unit || exit 1; \
		chmod 644 $(DESTDIR)$(LIBDIR)/systemd/system/$$unit; \
	done
	install -D -m 644 systemd/relay.sysusers $(DESTDIR)$(LIBDIR)/sysusers.d/relay.conf
	install -D -m 644 systemd/relay.tmpfiles $(DESTDIR)$(LIBDIR)/tmpfiles.d/relay.conf
	install -d $(DOC) $(DESTDIR)$(COMPLETIONDIR)
	install -m 644 relay/handbook/*.md config/relay.yaml $(DOC)
	sed 's|(relay/handbook/|(|' README.md > $(DOC)/README.md && chmod 644 $(DOC)/README.md
	$(VENV)/bin/python -m relay completion bash > $(DESTDIR)$(COMPLETIONDIR)/relay
	@# A configuration that is there is somebody's work; the new one lies beside the handbook.
	test -e $(DESTDIR)$(SYSCONFDIR)/relay/relay.yaml || \
		install -m 644 config/relay.yaml $(DESTDIR)$(SYSCONFDIR)/relay/relay.yaml
	@case "$$(readlink -f $(VENV)/bin/python)" in /root/*|/home/*) \
		echo "the unit hides /root and /home (ProtectHome=), and this Python lies there; try: make install PYTHON=/usr/bin/python3" >&2;; \
	esac
	@test -n '$(DESTDIR)' || $(MAKE) --no-print-directory settle
	@echo "relay is in $(PREFIX), its configuration in $(SYSCONFDIR)/relay/relay.yaml; how to go on: $(PREFIX)/share/doc/relay/going-live.md"

# User, data directory and units become known to a system that is running; a relay that runs is left alone.
.PHONY: settle
settle:
	@command -v systemd-sysusers >/dev/null || { echo "no systemd here: make the user relay and /var/lib/relay by hand"; exit 0; }; \
	systemd-sysusers relay.conf && systemd-tmpfiles --create relay.conf && \
	if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi

uninstall: ## take away what `make install` put there; configuration, data and user stay
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then systemctl disable --now $(UNITS) 2>/dev/null || true; fi
	rm -rf $(VENV) $(DOC)
	rm -f $(DESTDIR)$(BINDIR)/relay $(DESTDIR)$(COMPLETIONDIR)/relay
	rm -f $(UNITS:%=$(DESTDIR)$(LIBDIR)/systemd/system/%)
	rm -f $(DESTDIR)$(LIBDIR)/sysusers.d/relay.conf $(DESTDIR)$(LIBDIR)/tmpfiles.d/relay.conf
	@-rmdir -p --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/doc 2>/dev/null
	@if [ -z '$(DESTDIR)' ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	@echo "$(SYSCONFDIR)/relay, /var/lib/relay and the user relay are still there"

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

.PRECIOUS: .venv/installed-test .venv/installed-lint .venv/installed-fuzz

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
