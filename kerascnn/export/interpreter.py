"""Running a .tflite file on this host, with LiteRT, and timing it."""

import time
from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class TFLiteModel:
    """A loaded .tflite file with one signature, which takes one picture at a time.

    Args:
        content: the bytes of the file.
        num_threads: threads of the interpreter.

    Raises:
        ValueError: for bytes that are not a model with one signature and the one input `image`.
    """

    def __init__(self, content: bytes, num_threads: int = 1) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1 or next(iter(signatures.values()))["inputs"] != ["image"]:
            raise ValueError(f"The file must have one signature with the one input image. It has {signatures}.")
        self._runner = self._interpreter.get_signature_runner()
        self.input_details = self._runner.get_input_details()["image"]
        self.output_details = self._runner.get_output_details()

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the input in pixels."""
        _, height, width, _ = self.input_details["shape"]
        return int(height), int(width)

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the pictures (N, H, W, 3), RGB in 0..255, one by one: each named output (N, ...), float32."""
        answers = [self._run(image) for image in images]
        return {name: np.stack([answer[name] for answer in answers]) for name in self.output_details}

    def time(self, image: np.ndarray, runs: int) -> list[float]:
        """Time runs on a picture (H, W, 3), including the type conversions of picture and answer: seconds each."""
        self._run(image)
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            self._run(image)
            seconds.append(time.perf_counter() - start)
        return seconds

    def _run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        outputs = self._runner(image=image[np.newaxis].astype(self.input_details["dtype"]))
        return {name: _dequantize(outputs[name][0], details) for name, details in self.output_details.items()}


def _dequantize(output: np.ndarray, details: Mapping) -> np.ndarray:
    if output.dtype == np.float32:
        return output.copy()
    scale, zero_point = details["quantization"]
    return (output.astype(np.float32) - zero_point) * np.float32(scale)
