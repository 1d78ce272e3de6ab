"""Weights, a picture and the logits that torchvision computes from them; the tests need the logits only, not torch.

The weights follow from the names of the tensors, and the picture from a formula. Tensors and logits stand in
`fixtures/torchvision_*.json`, which torch 2.14.1 and torchvision 0.29.1 wrote by, where they are installed,

    python -m tests.architectures.torchvision_reference
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "fixtures"
SIZE = 224
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as torchvision normalises pictures in 0..1


def draw_picture() -> np.ndarray:
    """Draw waves (224, 224, 3), in 0..255, that differ along each axis and between the colours."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = [np.sin(9 * x + 25 * y * y), np.cos(31 * x * y - 4 * x), np.sin(17 * x * x - 8 * y + 1)]
    return (127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.float32)


def draw_tensor(key: str, shape: list[int]) -> np.ndarray:
    """Draw a tensor from its name, at a scale that keeps the signal alive through ReLUs.

    The raw numbers of PCG64 are the same in every release of numpy; what `default_rng` makes of them need not be.
    """
    count = math.prod(shape)
    raw = np.random.PCG64(zlib.crc32(key.encode())).random_raw(count // 4 + 1).view("<u2")[:count]
    uniform = raw.reshape(shape).astype(np.float32) / 2**16  # in [0, 1)
    if key.endswith("num_batches_tracked"):
        return np.array(7)
    if len(shape) > 1:  # He et al. 2015: a variance of 2 / fan_in
        return (uniform - 0.5) * np.float32(math.sqrt(24 / math.prod(shape[1:])))
    return uniform + np.float32(0.5) if key.endswith(("running_var", "weight")) else uniform - np.float32(0.5)


def read_reference(name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Give the state dict of a network of torchvision, and its logits (1000,) for the picture."""
    reference = json.loads((FIXTURES / f"torchvision_{name}.json").read_text())
    return {key: draw_tensor(key, shape) for key, shape in reference["tensors"].items()}, np.array(reference["logits"])


def main() -> None:
    """Compute the fixtures with torchvision."""
    import torch
    from torchvision import models

    googlenet = models.GoogLeNet(aux_logits=True, transform_input=True, init_weights=False)  # as the pretrained one
    picture = (draw_picture() / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
    for name, network in {"alexnet": models.AlexNet(), "googlenet": googlenet}.items():
        tensors = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
        network.load_state_dict({key: torch.tensor(draw_tensor(key, shape)) for key, shape in tensors.items()})
        with torch.no_grad():
            logits = network.double().eval()(torch.tensor(picture.transpose(2, 0, 1)[None], dtype=torch.double))[0]
        print(name, torch.__version__, logits.std().item(), logits[:4])
        reference = {"tensors": tensors, "logits": [round(logit, 5) for logit in logits.tolist()]}
        (FIXTURES / f"torchvision_{name}.json").write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
