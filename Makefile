# make run: a proxy on 127.0.0.1:8080 with the shipped policies. make test: everything that must hold.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint format bench image-check sbom panels generated lock clean

run: $(VENV)/run.stamp $(BIN)/tos-proxy
	$(BIN)/tos-proxy serve

test: $(VENV)/dev.stamp lint
	$(BIN)/python -m pytest -q -n auto

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp
	$(BIN)/python tests/bench/throughput.py

# A wheel in an empty environment, by the Dockerfile's own steps, serving one request.
image-check: $(VENV)/dev.stamp
	$(BIN)/python -m deploy.check_image

sbom: $(VENV)/dev.stamp
	$(BIN)/python -m deploy.sbom sbom.json

# The pictures of README and deploy/README.md, from a real run.
panels: $(VENV)/dev.stamp
	$(BIN)/python -m deploy.render_panels

# Files made from the code; tests say when they are stale.
generated: $(VENV)/dev.stamp
	$(BIN)/python -m deploy.grafana.build
	$(BIN)/python -m deploy.helm.build_schema
	$(BIN)/python -m proxy reference policies

# The exact versions and hashes of what pyproject.toml asks for; versions already pinned stay unless it asks for newer ones.
# With the tracing extra: an image can't install it when an operator names a collector.
LOCK := uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --extra tracing
lock: $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check "uv>=0.13"
	$(BIN)/$(LOCK) --output-file requirements.txt
	$(BIN)/$(LOCK) --group dev --output-file requirements-dev.txt

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@ $(VENV)/run.stamp

# The command, over the files of this folder: a change of theirs needs no new installation.
$(BIN)/tos-proxy: pyproject.toml | $(VENV)/run.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
