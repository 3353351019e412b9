# Needs Python 3.11 to 3.13 (PYTHON names another one than python3) and network for the first call.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --no-input --disable-pip-version-check install -c constraints.txt
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal
DEMO := PYTHONPATH=Testing $(BIN)/python -m rig.demo

.PHONY: help demo test coverage picture bundle libraries clean
.DELETE_ON_ERROR:

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: libraries $(VENV)/.demo ## segment the sample in a Slicer scene; labels, report, scene, picture in out/demo
	@$(DEMO) out/demo

# Two workers share the cores: with a thread each they do not fight for them.
test coverage: export OMP_NUM_THREADS := 1
test: libraries $(VENV)/.test ## style, types and all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy NeoSegDINO/neosegdino
	$(PYTEST) --durations=15

# Apart from the tests, which it makes a third slower.
coverage: libraries $(VENV)/.test ## all tests once more, and which lines they ran
	$(PYTEST) --cov --cov-report=term

picture: libraries $(VENV)/.demo ## make the README's picture, Resources/screenshot.png
	@$(DEMO) --picture Resources/screenshot.png

ifdef MAPS
bundle: $(VENV)/.test ## say how the starter bundle is made again; with MAPS=folder, make it in out/starter
	$(BIN)/python -m neosegdino.training.starter_cli make "$(MAPS)" out/starter --licence LICENSE $(if $(DEVICE),--device $(DEVICE))
else
bundle:
	@sed -n '/^## Starter bundle/,/^## Ablation/{/^## Ablation/!p}' Testing/benchmarks/README.md
endif

clean: ## remove the environment, results and caches
	rm -rf $(VENV) out build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find NeoSegDINO Testing -type d -name __pycache__ -prune -exec rm -rf {} +

libraries: $(VENV)/.python
	@PYTHONPATH=Testing $(BIN)/python -m rig.system --install

# A stamp stands for each finished step, so that a second call is quick.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "NeoSegDINO's demo and tests need Python 3.11, 3.12 or 3.13; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "  Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Making the environment $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --upgrade pip
	@touch $@

# PyTorch comes first and alone: torchvision and timm then keep the build that is there.
$(VENV)/.torch: $(VENV)/.python constraints.txt
	@echo "Installing PyTorch (some minutes) ..."
	@$(PIP) torch
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	@echo "Installing NeoSegDINO and Slicer's core ..."
	@$(PIP) --group rig --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.torch pyproject.toml
	@echo "Installing NeoSegDINO, Slicer's core and the test tools ..."
	@$(PIP) --group test --editable '.[train]'
	@touch $@
