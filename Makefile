# Two commands: `make run` sets up everything and shows it at work, `make test` sets up everything and tests it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: install run test lint mutate bench bench-udp bench-proxy bench-connect bench-page bench-addresses bench-start bench-lab foreign-suites soak wheel release clean

install: $(VENV)/.installed
run: install
	@$(BIN)/dualstack demo $(ARGS)

$(VENV)/.installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "dualstack needs Python 3.11 or newer: install python3.11 and its venv module" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

# pip reads [dependency-groups] only from 25.1 on; Python 3.11 brings an older one.
$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dev_requirements.py)
	@touch $@

# Compiled beforehand, for tests start our programs again and again, and the environment may let none of them keep it.
test: $(VENV)/.dev
	@scripts/system-packages
	@$(BIN)/python -m compileall -q src
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_samples.py

bench: $(VENV)/.dev
	@scripts/system-packages bench
	$(BIN)/python -m bench $(ARGS)

bench-udp: $(VENV)/.dev
	@scripts/system-packages bench
	$(BIN)/python -m bench.udp $(ARGS)

bench-proxy: $(VENV)/.dev
	@scripts/system-packages bench
	$(BIN)/python -m bench.proxy $(ARGS)

bench-page: $(VENV)/.dev
	$(BIN)/python -m bench.page $(ARGS)

bench-connect: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dev_requirements.py bench)
	$(BIN)/python -m bench.connect $(ARGS)

# Nothing lost, nothing wrong, descriptors and memory flat: see bench/soak/__main__.py.
soak: $(VENV)/.dev
	$(BIN)/python -m bench.soak $(ARGS)

# Other people's tests, as they are and with our functions in the place of theirs: what differs is printed. It takes long.
foreign-suites: $(VENV)/.installed
	$(BIN)/python scripts/foreign_suites.py $(ARGS)

bench-addresses: $(VENV)/.dev
	$(BIN)/python -m bench.addresses $(ARGS)

bench-start: $(VENV)/.dev
	$(BIN)/python -m bench.start $(ARGS)

bench-lab: $(VENV)/.dev
	$(BIN)/python -m bench.lab

# What a change touches, broken one line at a time, in a copy: see docs/reference/mutation.md.
mutate: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dev_requirements.py mutate)
	$(BIN)/python scripts/mutate $(if $(BASE),--base $(BASE)) $(ARGS)

# Wheel, sdist, Debian package, zipapp, checksums, SBOM in dist/, the same on a second build; the changelog's heading.
release: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python scripts/dev_requirements.py release)
	PYTHONPATH=scripts $(BIN)/python -m release $(ARGS)

# The wheel by itself: the library needs Python alone, and the command says what it lacks, in words that install it.
wheel: $(VENV)/.installed
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(PYTHON) -m venv --clear dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index dist/*.whl
	dist/venv/bin/python -c 'import dualstack; print(dualstack.Address("::ffff:192.0.2.1").canonical)'
	dist/venv/bin/dualstack --help 2>&1 | grep "^dualstack: the command needs click, rich, not installed here: .* -m pip install 'click>="
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(ls dist/*.whl)[cli]"
	dist/venv/bin/dualstack explain --figure 12.5 >/dev/null
	sh -c "$$(dist/venv/bin/dualstack relay --help 2>&1 | sed -n 's/.*not installed here: //p') --quiet --disable-pip-version-check"
	dist/venv/bin/dualstack relay --help >/dev/null

clean:
	rm -rf $(VENV) .venv-* .foreign build dist .mutate .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
