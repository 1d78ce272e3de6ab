# Both targets make .venv, install what they need, and want nothing but python3 with venv, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Of TensorFlow's C++ side, only warnings and errors.
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test clean

# From a fresh clone to a fine-tuned, exported, verified model and its report, on the embedded data: some minutes.
demo: $(VENV)/.installed
	$(BIN)/python pipelines/finetune.py --data scenes --weights stanford_dogs --image-size 128 128 \
		--head-epochs 4 --fine-tune-epochs 4 --output saved_models/demo --overwrite --resume

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --durations 40

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) build *.egg-info
