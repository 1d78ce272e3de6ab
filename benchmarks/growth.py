"""One size of input_pipeline.py, in a process of its own, so that its memory is its own: `growth.py FOLDER`.

Prints JSON: seconds to list and check the files, seconds from then to the first batch, pictures a second, and the
memory of the process in MB, before the data and at its highest.
"""

import json
import os
import resource
import sys
import time
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from kerascnn.data import folder, pipeline

SIDE, SECONDS = 64, 10.0


def main(path: str) -> None:
    """Measure one folder."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    source = folder(path)
    checked = time.perf_counter()
    task = SimpleNamespace(image_size=(SIDE, SIDE), targets=lambda sample: sample["label"])
    batches = pipeline(source.train, task, augment="light", seed=0)
    count, first = 0, None
    for images, _ in batches.repeat():
        first = first or time.perf_counter()
        count += len(images)
        if time.perf_counter() - first > SECONDS:
            break
    row = {
        "check_s": checked - start,
        "first_batch_s": first - checked,
        "pictures_a_second": count / (time.perf_counter() - first),
        "memory_before_MB": before / 1024,
        "memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1])
