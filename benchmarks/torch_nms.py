"""The peer of `nms.py`, in a process of its own: with TensorFlow in one it may crash.

    python benchmarks/torch_nms.py BOXES.npz MAX_DETECTIONS IOU_THRESHOLD RUNS

Prints as JSON the seconds of each run, after one that is not timed, and the indices of the first boxes kept.
"""

import json
import sys
import time

import numpy as np
import torch
from torchvision.ops import nms


def main(path: str, max_detections: int, iou_threshold: float, runs: int) -> None:
    """Suppress, and print."""
    with np.load(path) as arrays:
        boxes, scores = torch.from_numpy(arrays["boxes"]), torch.from_numpy(arrays["scores"])
    indices = nms(boxes, scores, iou_threshold)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        boxes[nms(boxes, scores, iou_threshold)[:max_detections]].numpy()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "indices": indices[:max_detections].tolist()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
