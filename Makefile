# make demo       build specs/digits.yaml from nothing: train, quantize, emit C, compile, verify
# make test       lint, types and the tests that take seconds        make test-all   the slow ones too
# make test-latest     the same as test, with the newest packages instead of the locked ones: tells what drifts
# make lock       requirements.lock and tests/editor/package-lock.json: newest versions of what is asked for
# make replay REF=main    what is emitted otherwise than at that commit, for 200 nets, both kernel sets and four cores
# make bench      the figures in the README                          make lint       ruff and mypy only
# make bench-firmware  docs/footprint.md: what networks take on Cortex-M, linked and run on emulated boards
# make kernel-sizes    the sizes that `netspec show` predicts code with; CMSIS_NN_PATH names another copy to measure
# make docs       docs/checks.md from the registry of rules, running every example; docs/layers.md and docs/spec.md from the classes
# make clean      remove what was built (the environment in .venv stays; `make distclean` takes that too)

PYTHON ?= python3
# Test processes. Each holds a TensorFlow of about 600 MB and computes on one thread, so two suit a small machine.
JOBS ?= 2

VENV := .venv
LATEST := .venv-latest
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

UV := 0.13.9

.DELETE_ON_ERROR:
.PHONY: demo test test-all test-latest lock replay bench bench-firmware kernel-sizes docs lint editor firmware-tools clean distclean

demo: $(VENV)/.installed
	$(BIN)/netspec build specs/digits.yaml

test: lint editor firmware-tools
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m "not slow"

test-all: lint editor firmware-tools
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

# In an environment of its own, brought up to date at every call. Its stamp says that nothing of the lock is missing.
test-latest:
	@$(MAKE) --no-print-directory VENV=$(LATEST) $(LATEST)/bin/python
	$(LATEST)/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[locked]'
	@touch $(LATEST)/.installed
	@$(MAKE) --no-print-directory VENV=$(LATEST) test

# Universal: markers tell platforms and Pythons apart. No addresses: an index is the business of whoever installs.
lock: | $(BIN)/python
	$(PIP) uv==$(UV)
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --extra locked --output-file requirements.lock pyproject.toml
	cd tests/editor && npm install --silent --package-lock-only --omit-lockfile-registry-resolved
	$(BIN)/python -m tests.lock tests/editor/package-lock.json

replay: $(VENV)/.installed
	$(BIN)/python -m tests.replay.compare $(REF)

bench: $(VENV)/.installed
	$(BIN)/python tests/bench.py

bench-firmware: $(VENV)/.installed firmware-tools
	$(BIN)/python -m tests.bench_firmware --write docs/footprint.md

kernel-sizes: $(VENV)/.installed firmware-tools
	$(BIN)/python -m tests.kernel_sizes

docs: $(VENV)/.installed
	$(BIN)/python -m netspec.rules.page docs/checks.md
	$(BIN)/python -m netspec.docs.layers docs/layers.md
	$(BIN)/python -m netspec.docs.sections docs/spec.md

# The language server of YAML editors, with which the tests use the schema as an editor does. They say so and skip
# without it: only they need node.
editor: | $(BIN)/python
	@if cmp -s tests/editor/package-lock.json $(VENV)/npm/installed.json; then :; \
	elif ! command -v npm >/dev/null; then echo "no npm: the tests of the editor are skipped"; \
	elif mkdir -p $(VENV)/npm && cp tests/editor/*.json $(VENV)/npm && npm ci --silent --no-audit --no-fund --prefix $(VENV)/npm; \
	  then cp tests/editor/package-lock.json $(VENV)/npm/installed.json; \
	else echo "npm could not install yaml-language-server: the tests of the editor are skipped"; fi

# The compiler and the emulator of Cortex-M, and clang with its sanitizers.
firmware-tools:
	@.ci/firmware-tools

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(LATEST)

# A stamp is younger than the lock when its packages are installed; the code itself is linked, not copied.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing requirements.lock into $(VENV)"
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "netspec needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@command -v cc >/dev/null || \
	  { echo "no C compiler named cc; on Debian: apt install gcc libc6-dev" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
