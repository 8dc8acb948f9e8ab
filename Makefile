# `make demo` and `make test` need python3 (3.11 or newer), pip and make; the first run of either sets up .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types layers docs lock clean

demo: .venv/ready
	$(BIN)/counterpoint demo --to demo-workspace

# Two test workers share the cores: threads that wait must not spin, or those of each take the other's time.
test: .venv/ready
	$(MAKE) --jobs 2 lint types layers .venv/spark
	OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --dist worksteal
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir .venv/site

lint: .venv/ready
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .

types: .venv/ready
	$(BIN)/mypy --no-error-summary

layers: .venv/ready
	$(BIN)/lint-imports --no-logo --no-cache

docs: .venv/ready
	$(BIN)/mkdocs serve

.venv/ready: constraints.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The tests run on both engines; the demo needs one.
.venv/spark: .venv/ready constraints-spark.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints-spark.txt
	touch $@

# Pin every dependency for every supported Python, with hashes and without addresses (needs uv).
COMPILE = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --upgrade
lock:
	$(COMPILE) pyproject.toml --group build --group dev --output-file constraints.txt
	$(PYTHON) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['spark'], sep='\n')" \
	  | $(COMPILE) - --output-file constraints-spark.txt

clean:
	rm -rf .venv demo-workspace
