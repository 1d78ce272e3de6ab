"""The notebooks run from top to bottom, at smoke size."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASCNN_SMOKE", "1")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")  # two processes share the cores
    monkeypatch.setenv("TFDS_DATA_DIR", os.environ.get("TFDS_DATA_DIR", str(tmp_path / "tfds")))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    precision = "float32" if path.stem == "style" else "int8"  # networks that stylise have no file in 8 bits
    assert (tmp_path / "saved_models" / "notebook" / f"model_{precision}.tflite").exists()
