# The commands of this project. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
# Test files are divided between this many workers, each with one thread: one more than cores, since many tests wait for
# a process. WORKERS=0 runs them in one process.
WORKERS ?= 3

.PHONY: demo test install check bench fuzz docs clean

demo: .venv/installed                  ## install, then climb examples/contracts with the built-in base
	$(BIN)/gradschool climb examples/contracts

test: export PYTHONDONTWRITEBYTECODE =# empty is off: each process that a test starts would compile all modules again
test: .venv/tested                     ## install what tests need, then run them all, slow files first
	$(BIN)/python -m pytest --numprocesses $(WORKERS)

install: .venv/installed               ## create .venv and install gradschool into it

check: .venv/checked                   ## ruff, mypy strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/tested                    ## every claim in the docs, measured again into bench/results/
	$(BIN)/python -m bench

fuzz: .venv/tested                     ## an hour of hostile files at every door by which files of others come in
	$(BIN)/python -m bench.fuzz

docs: .venv/installed                  ## write the generated pages again
	$(BIN)/gradschool settings --markdown > docs/settings.md
	$(BIN)/python docs/tree.py docs/code.md
	$(BIN)/python docs/figures.py

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

.venv/checked: .venv/tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[check]'
	touch $@

clean:                                 ## forget the environment and all caches
	rm -rf .venv .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
