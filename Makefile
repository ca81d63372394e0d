# make demo       build specs/digits.yaml from nothing: train, quantize, emit C, compile, verify
# make test       lint, types and the tests that take seconds        make test-all   the slow ones too
# make bench      the figures in the README                          make lint       ruff and mypy only
# make bench-firmware  docs/footprint.md: what networks take on Cortex-M, linked and run on emulated boards
# make kernel-sizes    the sizes that `netspec show` predicts code with; CMSIS_NN_PATH names another copy to measure
# make docs       docs/checks.md from the registry of rules, running every example; docs/layers.md from the classes
# make clean      remove what was built (the environment in .venv stays; `make distclean` takes that too)

PYTHON ?= python3
# Test processes. Each holds a TensorFlow of about 600 MB and computes on one thread, so two suit a small machine.
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# tensorflow-cpu is half the download of tensorflow, but is not published for every platform.
TRAIN := $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),train-cpu,train)

# The last release for node below 22.
YAML_LANGUAGE_SERVER := 1.25.0

.DELETE_ON_ERROR:
.PHONY: demo test test-all bench bench-firmware kernel-sizes docs lint editor firmware-tools clean distclean

demo: $(VENV)/.train
	$(BIN)/netspec build specs/digits.yaml

test: lint editor firmware-tools
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m "not slow"

test-all: lint editor firmware-tools
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

bench: $(VENV)/.test
	$(BIN)/python tests/bench.py

bench-firmware: $(VENV)/.test firmware-tools
	$(BIN)/python -m tests.bench_firmware --write docs/footprint.md

kernel-sizes: $(VENV)/.test firmware-tools
	$(BIN)/python -m tests.kernel_sizes

docs: $(VENV)/.test
	$(BIN)/python -m netspec.rules.page docs/checks.md
	$(BIN)/python -m netspec.reference docs/layers.md

# The language server of YAML editors, with which the tests use the schema as an editor does. They say so and skip
# without it: only they need node.
editor: | $(BIN)/python
	@if [ -e $(VENV)/npm/$(YAML_LANGUAGE_SERVER) ]; then :; \
	elif ! command -v npm >/dev/null; then echo "no npm: the tests of the editor are skipped"; \
	elif npm install --silent --no-audit --no-fund --prefix $(VENV)/npm yaml-language-server@$(YAML_LANGUAGE_SERVER); \
	  then touch $(VENV)/npm/$(YAML_LANGUAGE_SERVER); \
	else echo "npm could not install yaml-language-server: the tests of the editor are skipped"; fi

# The compiler and the emulator of Cortex-M.
firmware-tools:
	@.ci/firmware-tools

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

# A stamp is younger than pyproject.toml when its packages are installed; the code itself is linked, not copied.
$(VENV)/.train: pyproject.toml | $(BIN)/python
	@echo "installing netspec-mcu[$(TRAIN)] into $(VENV)"
	$(PIP) --editable '.[$(TRAIN)]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing netspec-mcu[$(TRAIN),test] into $(VENV)"
	$(PIP) --editable '.[$(TRAIN),test]'
	@touch $(VENV)/.train $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "netspec needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@command -v cc >/dev/null || \
	  { echo "no C compiler named cc; on Debian: apt install gcc libc6-dev" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
