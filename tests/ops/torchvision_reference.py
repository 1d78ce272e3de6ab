"""Boxes, and what torchvision computes from them; the tests need its answers only, not torch.

The boxes follow from a seed. The answers stand in `fixtures/torchvision_boxes.json`, which torch 2.14.1 and torchvision
0.29.1 wrote by, where they are installed,

    python -m tests.ops.torchvision_reference
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

FIXTURE = Path(__file__).parent / "fixtures" / "torchvision_boxes.json"
PAIRS = 24
THRESHOLDS = (0.3, 0.5, 0.7)


def draw_numbers(seed: int, count: int, end: int) -> np.ndarray:
    """Draw whole numbers in 0..end - 1: the raw ones of PCG64 are the same in every release of numpy."""
    return (np.random.PCG64(seed).random_raw(count) >> np.uint64(33)).astype(np.int64) % end


def draw_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Draw boxes (PAIRS, 4) twice that overlap or not, with sides of 1 to 40 pixels, and no edge on an edge."""
    corners, sides = draw_numbers(0, PAIRS * 4, 30).reshape(2, -1, 2), draw_numbers(1, PAIRS * 4, 40).reshape(2, -1, 2)
    first, second = np.concatenate([corners, corners + sides + 1], axis=-1).astype(np.float32)
    return first, second + np.float32(0.5)


def draw_scene(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw boxes (N, 4), scores (N,) with many ties, and classes (N,); some boxes are equal, and some have no area."""
    corners, sides = draw_numbers(2, count * 2, 60).reshape(-1, 2), draw_numbers(3, count * 2, 32).reshape(-1, 2)
    boxes = np.concatenate([corners, corners + sides], axis=-1)
    boxes[count // 2 : count // 2 + 20] = boxes[:20]
    scores = (1 + draw_numbers(4, count, 50)) / 64
    return boxes.astype(np.float32), scores.astype(np.float32), draw_numbers(5, count, 3).astype(np.int32)


def draw_regions() -> tuple[np.ndarray, np.ndarray]:
    """Draw maps (2, 9, 7, 3) of 36 x 28 pixels, and boxes (2, 8, 4) of them, some of which leave no place whole."""
    maps = draw_numbers(6, 2 * 9 * 7 * 3, 64).reshape(2, 9, 7, 3) / 8 - 4
    corners = draw_numbers(7, 2 * 8 * 2, 24).reshape(2, 8, 2) * np.float32([27, 35]) / 23
    sides = draw_numbers(8, 2 * 8 * 2, 24).reshape(2, 8, 2) ** 2 / 23 + 0.25
    boxes = np.concatenate([corners, np.minimum(corners + sides, [28, 36])], axis=-1)
    return maps.astype(np.float32), boxes.astype(np.float32)


def read_reference() -> dict[str, Any]:
    """Give torchvision's answers, see `main`."""
    return json.loads(FIXTURE.read_text())


def main() -> None:
    """Compute the fixture with torchvision."""
    import torch
    from torchvision import ops

    answers: dict[str, Any] = {"nms": {}, "batched_nms": {}}
    losses = {
        "generalized_iou": ops.generalized_box_iou_loss,
        "distance_iou": ops.distance_box_iou_loss,
        "complete_iou": ops.complete_box_iou_loss,
    }
    first, second = (torch.tensor(boxes, dtype=torch.double) for boxes in draw_pairs())
    answers["pairwise_iou"] = [[round(x, 7) for x in row] for row in ops.box_iou(first, second).tolist()]
    for name, loss in losses.items():
        moved = first.clone().requires_grad_()
        values = 1 - loss(moved, second)
        values.sum().backward()
        gradients = [[round(x, 7) for x in row] for row in moved.grad.tolist()]
        answers[name] = {"values": [round(x, 7) for x in values.tolist()], "gradients": gradients}

    boxes, scores, class_ids = map(torch.tensor, draw_scene())
    for threshold in THRESHOLDS:
        answers["nms"][str(threshold)] = ops.nms(boxes, scores, threshold).tolist()
        answers["batched_nms"][str(threshold)] = ops.batched_nms(boxes, scores, class_ids, threshold).tolist()
    maps, regions = (torch.tensor(each) for each in draw_regions())
    options = {"input": maps.permute(0, 3, 1, 2), "output_size": (3, 2), "spatial_scale": 1 / 4}
    around = regions + torch.tensor([-6.0, -9, 6, 9])  # beyond the picture
    pooled = {
        "roi_max_pool": ops.roi_pool(boxes=list(regions), **options),
        "roi_align": ops.roi_align(boxes=list(around), sampling_ratio=2, aligned=True, **options),
        "roi_align_unaligned": ops.roi_align(boxes=list(around), sampling_ratio=3, **options),
    }
    for name, values in pooled.items():
        answers[name] = [round(x, 6) for x in values.permute(0, 2, 3, 1).flatten().tolist()]
    FIXTURE.write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
