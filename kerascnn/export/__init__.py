"""From a trained task to files for servers and phones, each proven against the Keras model before it is written."""

from kerascnn.export.exports import MODEL_FILE, export, save_keras, tflite_name, write_exports
from kerascnn.export.interpreter import TFLiteModel
from kerascnn.export.parity import Reference
from kerascnn.export.run_folder import check_output, incomplete_name, new_run_folder
from kerascnn.export.tflite import PRECISIONS

__all__ = [
    "MODEL_FILE",
    "PRECISIONS",
    "Reference",
    "TFLiteModel",
    "check_output",
    "export",
    "incomplete_name",
    "new_run_folder",
    "save_keras",
    "tflite_name",
    "write_exports",
]
