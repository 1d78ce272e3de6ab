"""A peer of `detection_lineage.py`, in a process of its own: TensorFlow and PyTorch in one may crash.

    python benchmarks/ultralytics_detector.py train FOLDER SEED MINUTES
    python benchmarks/ultralytics_detector.py detect FOLDER LOWEST_SCORE

FOLDER holds `data.yaml`, with pictures and labels as Ultralytics reads them, and gets `best.pt`; then `test/*.png`, and
gets `detections.json`: of each picture, in the order of their names, the rows of x1, y1, x2, y2, class and score, and
the seconds that it took. The package is licensed under AGPL-3.0, and nothing but this script calls it.
"""

import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from ultralytics import YOLO

NETWORK = "yolo11n.yaml"  # with random weights
SIDE = 320  # pixels
MOST_EPOCHS = 1000  # the time is over before


def train(folder: Path, seed: int, minutes: float) -> None:
    """Train from scratch for so long, with the package's own settings."""
    results = YOLO(NETWORK).train(
        data=str(folder / "data.yaml"),
        imgsz=SIDE,
        epochs=MOST_EPOCHS,
        time=minutes / 60,
        seed=seed,
        device="cpu",
        workers=0,
        plots=False,
        project=str(folder.absolute()),
        name="training",
        exist_ok=True,
    )
    shutil.copy(Path(results.save_dir) / "weights" / "best.pt", folder / "best.pt")


def detect(folder: Path, lowest_score: float) -> None:
    """Look at one picture after another."""
    model = YOLO(folder / "best.pt")
    pictures = [np.asarray(Image.open(path))[..., ::-1] for path in sorted((folder / "test").glob("*.png"))]
    options = {"imgsz": SIDE, "conf": lowest_score, "device": "cpu", "verbose": False}
    model.predict(pictures[0], **options)  # warms up
    found = []
    for picture in pictures:
        started = time.perf_counter()
        (result,) = model.predict(picture, **options)
        seconds = time.perf_counter() - started
        columns = (result.boxes.xyxy, result.boxes.cls[:, None], result.boxes.conf[:, None])
        rows = np.concatenate([column.numpy() for column in columns], axis=1)
        found.append({"rows": rows.tolist(), "seconds": seconds})
    (folder / "detections.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        detect(Path(sys.argv[2]), float(sys.argv[3]))
