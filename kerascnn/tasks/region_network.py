"""What R-CNN's classifier says of regions of a picture: probabilities, and the features that linear functions take."""

from collections.abc import Iterator

import keras
import numpy as np

from kerascnn.ops import warp_regions
from kerascnn.tasks.classification import ClassificationTask

REGIONS_A_BATCH = 64


def region_network(task: ClassificationTask) -> keras.Model:
    """Make a model of warped regions from a classifier; it shares the classifier's weights.

    Args:
        task: whose network ends in a dense layer.

    Returns:
        A model of (B, height, width, 3), RGB in 0..255, to `probabilities` (B, classes), `features` (B, F), which the
        last layer takes, and `map` (B, M), the last feature map that still knows where something is, flattened.

    Raises:
        ValueError: for a network that does not end in a dense layer, or has no feature map.
    """
    model = task.model
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or len(last.input.shape) != 2:
        raise ValueError(
            "R-CNN takes the features before the network's last dense layer. "
            f"{model.name} ends in {last.name}, a {type(last).__name__}."
        )
    maps = [layer.output for layer in model.layers if _is_map(layer)]
    if not maps:
        raise ValueError(f"R-CNN takes a network's last feature map, and {model.name} has none.")
    outputs = {
        "probabilities": keras.layers.Softmax(name="probabilities")(model.output),
        "features": last.input,
        "map": keras.layers.Flatten(name="map")(maps[-1]),
    }
    return keras.Model(model.input, outputs, name=model.name)


def run_regions(network: keras.Model, image: np.ndarray, boxes: np.ndarray, *, context: int) -> dict[str, np.ndarray]:
    """Run a network on regions of a picture.

    Args:
        network: of `region_network`.
        image: (H, W, 3), RGB in 0..255.
        boxes: (n, 4), x1, y1, x2, y2 in pixels of the picture.
        context: pixels around a region, see `kerascnn.ops.warp_regions`.

    Returns:
        The network's outputs by name, (n, ...) float32 each.
    """
    batches = list(_run(network, image, boxes, context))
    if not batches:
        return {name: np.zeros((0, *output.shape[1:]), np.float32) for name, output in network.output.items()}
    return {name: np.concatenate([batch[name] for batch in batches])[: len(boxes)] for name in batches[0]}


def _run(network: keras.Model, image: np.ndarray, boxes: np.ndarray, context: int) -> Iterator[dict[str, np.ndarray]]:
    size = network.input_shape[1:3]
    for start in range(0, len(boxes), REGIONS_A_BATCH):
        regions = warp_regions(image, boxes[start : start + REGIONS_A_BATCH], size, context=context)
        missing = REGIONS_A_BATCH - len(regions)  # another size of batch would be compiled anew
        yield network.predict_on_batch(np.pad(regions, [(0, missing), (0, 0), (0, 0), (0, 0)]))


def _is_map(layer: keras.layers.Layer) -> bool:
    shape = getattr(layer.output, "shape", ())
    return len(shape) == 4 and None not in shape[1:3] and max(shape[1:3]) > 1
