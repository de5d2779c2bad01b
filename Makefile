# kvmtui: `make demo` and `make test` need nothing but Python 3.11+, make and the package registries.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= auto
# modules compiled once serve every process that the tests start
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check docs recordings constraints soak world guards mutants clean

demo: $(STAMP)
	$(BIN)/kvmtui --demo

# In a fresh checkout one process compiles the tests, which each worker would otherwise do for itself.
test: $(STAMP)
	@test -d tests/__pycache__ || $(BIN)/pytest --collect-only -qq >/dev/null 2>&1 || true
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Rewrite the generated pages: docs/reference and docs/man. A test fails while one of them is out of date.
docs: $(STAMP) recordings
	$(BIN)/python -m kvmtui.reference

# Record the tour of the demo: docs/pictures and docs/recordings. Takes three minutes; no test asks for fresh ones.
recordings: $(STAMP)
	$(BIN)/python -m kvmtui.demo.recording

# The long run: an engine killed at every moment of every pipeline, and a night of worlds. Not part of the gate.
soak: $(STAMP)
	KVMTUI_CRASH_STRIDE=1 KVMTUI_MATRIX=all KVMTUI_KEYS_STRIDE=1 KVMTUI_BURSTS=100 \
		$(BIN)/pytest -n $(JOBS) --dist worksteal tests/crash tests/faults tests/engines tests/pipelines \
		tests/screens/test_bursts.py tests/screens/test_hostile_places.py tests/access/test_scoped_reads.py \
		tests/manifest/test_export.py tests/retention/test_folding.py tests/ipam $(ARGS)
	KVMTUI_API_KILLS=all KVMTUI_FUZZ_SECONDS=3000 KVMTUI_FUZZ_EXAMPLES=50 KVMTUI_FUZZ_COVERED=all \
		$(BIN)/pytest -n $(JOBS) tests/api/test_killed.py tests/api/test_fuzz.py $(ARGS)
	$(BIN)/python -m tests.world --db both --seeds 1000 --seconds 30 --jobs 2 --shrink 20

# One world: SEED, MINUTES, DB (sqlite, postgresql, both), ENGINES; or REPLAY=script.jsonl. See docs/world.md.
DB      ?= sqlite
ENGINES ?= 2
MINUTES ?= 0.5
world: $(STAMP)
	$(BIN)/python -m tests.world --db $(DB) --engines $(ENGINES) --minutes $(MINUTES) --shrink 20 --keep \
		$(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY)) $(ARGS)

# Takes single guards out of the engines and shows that the worlds notice. Takes about half an hour.
guards: $(STAMP)
	$(BIN)/python -m tests.world.guards $(ARGS)

# Takes about fifty safety rules out of a copy of the program, one at a time, and shows which test notices.
mutants: $(STAMP)
	$(BIN)/python -m tests.mutants $(ARGS)

# Every pin of what is installed now, without our own package and without any host.
constraints: $(STAMP)
	$(BIN)/python -m pip freeze --exclude-editable --exclude kvmtui | grep -E '^[A-Za-z0-9._-]+==' > constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kvmtui needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# its limit on typer concerns its command line, which no test uses
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt openapi-python-client
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
