# Two commands on a fresh machine: `make run` and `make test`. Each sets up .venv first, from the newest
# Python 3.11 to 3.14 on the machine (scripts/find-python), with the versions locked in requirements-dev.txt.

.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

export PYTHONDONTWRITEBYTECODE := # each process of the tests would compile every module again

.PHONY: help run up test real generated faults azurite envtest helm node bench bench-quick check fix schemas manifests lock clean reliability soak

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: $(READY) ## the main job on the embedded stack, with a time line; ends by itself
	@$(BIN)/python -m devstack.run

up: $(READY) ## keep the embedded stack running and print commands to paste
	@$(BIN)/python -m devstack.up

test: $(READY) ## every test that needs the registries of Python and npm alone; the three targets below have the others
	@$(BIN)/python -m tests.operator.azurite || true
	@$(BIN)/python -m tests.node.packages || true
	$(BIN)/python -m pytest -n 8 --dist loadfile -m "not real and not faults"
	@echo 'NOT RUN here: `make real` (an API server, Helm, a browser, PostgreSQL), `make faults` (broken neighbours, killed'
	@echo 'processes) and `make generated` (all inputs of the tests that make up their own; here it was a fifth)'

real: $(READY) ## the tests against a real API server, Helm, a browser and PostgreSQL; what is missing of them is skipped and named
	$(BIN)/python -m pytest -n 2 --dist loadfile -m real

generated: $(READY) ## the tests that make up their inputs, with all of them
	THOROUGH=1 $(BIN)/python -m pytest -n 4 --dist loadfile -m "hypothesis and not faults"

faults: $(READY) ## the tests that break each neighbour in each way, and kill the process at each step
	$(BIN)/python -m pytest -n 4 --dist loadfile tests/faults

azurite: $(READY) ## install the blob store of the operator's tests (npm), outside the checkout; once
	@$(BIN)/python -m tests.operator.azurite

envtest: $(READY) ## build kube-apiserver and etcd (Go) for the tests against them, outside the checkout; once
	@$(BIN)/python -m tests.envtest.build

helm: $(READY) ## build Helm's engine (Go) for the tests of the chart, outside the checkout; once
	@$(BIN)/python -m tests.helm.build

node: $(READY) ## install what the tests of examples/node and of schemas/asyncapi.yaml take (npm), outside the checkout; once
	@$(BIN)/python -m tests.node.packages

bench: $(READY) ## every figure beside its floor, and docs/benchmarks.md; about ten minutes, on a machine that does nothing else
	@$(BIN)/python -m benchmarks --write

bench-quick: $(READY) ## a small version of every figure, which writes nothing
	@$(BIN)/python -m benchmarks --quick

check: $(READY) ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd clients/python && ../../$(BIN)/lint-imports

reliability: $(READY) ## break every neighbour in every way, and write what it costs into docs/reliability.md
	$(BIN)/python -m pytest -q tests/faults/test_matrix.py
	$(BIN)/python -m tests.faults.report

soak: $(READY) ## 1,000 events in a burst while every neighbour fails now and then; about a minute
	$(BIN)/python -m pytest -q -m soak tests/faults

fix: $(READY) schemas manifests ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: $(READY) ## write schemas/ and the tables of docs/notices.md from contract/
	$(BIN)/python -m contract

manifests: $(READY) ## write deploy/kustomize and deploy/helm from deploy/kubernetes
	@$(BIN)/python -m deploy

lock: $(READY) ## compile requirements*.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --quiet -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --group operator --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --quiet -o requirements-dev.txt

clean: ## remove the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt
	@python=$$(scripts/find-python) && echo "setting up $(VENV) with $$python (once; about a minute)" && \
		"$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
