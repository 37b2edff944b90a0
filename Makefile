# Two commands matter: `make app` and `make test`. Each sets up what it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# Those write pages and pictures of docs/, most of them from data of their own.
PAGES := $(addprefix benchmarks/,claims.py training_minutes.py results.py \
  robustness.py robustness_page.py sheets.py)
BENCHMARKS := $(filter-out $(PAGES),$(wildcard benchmarks/*.py))

.PHONY: setup app test test-slow lint bench demo clean
.DEFAULT_GOAL := app

setup: $(VENV)/.ready

# The stamp is newer than the requirements once everything is installed.
$(VENV)/.ready: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

app: setup
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: setup
	$(BIN)/python -m pytest -m "not slow"

test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 900

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy fusion_core imaging pipelines trainer ui pages commands app.py cli.py benchmarks

# Every benchmark prints what it measured on this machine.
bench: setup
	@for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# The bundled phantom pair through the shell's door: fused image, masks and numbers in demo/.
demo: setup
	$(BIN)/python cli.py demo -o demo

clean:
	rm -rf $(VENV) build dist *.egg-info demo
