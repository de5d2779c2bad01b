# kvmtui: `make demo` and `make test` need nothing but Python 3.11+, make and the package registries.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= auto

.PHONY: demo test check docs constraints soak clean

demo: $(STAMP)
	$(BIN)/kvmtui --demo

test: $(STAMP)
	$(BIN)/pytest -n $(JOBS) $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rewrite the generated pages: docs/reference and docs/man. A test fails while one of them is out of date.
docs: $(STAMP)
	$(BIN)/python -m kvmtui.reference

# The long run: an engine killed at every moment of every pipeline. Not part of the gate.
soak: $(STAMP)
	KVMTUI_CRASH_STRIDE=1 $(BIN)/pytest -n $(JOBS) tests/crash tests/faults tests/engines $(ARGS)

# Every pin of what is installed now, without our own package and without any host.
constraints: $(STAMP)
	$(BIN)/python -m pip freeze --exclude-editable --exclude kvmtui | grep -E '^[A-Za-z0-9._-]+==' > constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kvmtui needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
