"""The run folder: what a training run leaves behind, written whole or not at all, and opened again.

This is where data, training, export and report meet; nothing in the library imports it.
"""

from kerascnn.runs.opening import (
    load_answerer,
    load_network,
    load_predictor,
    open_data,
    open_pictures,
    open_run,
    propose_as,
    read_network,
)
from kerascnn.runs.writing import RunFacts, export_run, write_run, write_trained_run

__all__ = [
    "RunFacts",
    "export_run",
    "load_answerer",
    "load_network",
    "load_predictor",
    "open_data",
    "open_pictures",
    "open_run",
    "propose_as",
    "read_network",
    "write_run",
    "write_trained_run",
]
