"""Detection's metrics again, in plain loops and plain numbers, and random pictures to compare on."""

import numpy as np


def make_pictures(seed, num_pictures=6, num_classes=3):
    """Draw objects, and detections that are near them, doubled, of a wrong class, or anywhere."""
    rng = np.random.default_rng(seed)
    targets, detections = [], []
    for _ in range(num_pictures):
        number = rng.integers(0, 9)
        corner, sides = rng.uniform(0, 200, (number, 2)), rng.uniform(8, 120, (number, 2))
        classes = rng.integers(0, num_classes, (number, 1))
        targets.append(np.hstack([corner, corner + sides, classes]).astype("float32"))
        twice = np.repeat(np.arange(number), 2)
        near = corner[twice] + rng.normal(0, 4, (2 * number, 2))
        corner = np.vstack([near, rng.uniform(0, 200, (4, 2))])
        sides = np.vstack([sides[twice] * rng.uniform(0.8, 1.2, (2 * number, 2)), rng.uniform(8, 120, (4, 2))])
        right = rng.random((2 * number, 1)) < 0.8
        found = np.where(right, classes[twice], rng.integers(0, num_classes, (2 * number, 1)))
        found = np.vstack([found, rng.integers(0, num_classes, (4, 1))])
        scores = rng.random((len(corner), 1))
        detections.append(np.hstack([corner, corner + sides, scores, found]).astype("float32"))
    return targets, detections


def compute_iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def rank_naively(targets, detections, class_id, iou_threshold, *, may_take_another):
    """Give whether each detection of a class is right, the surest first, and the number of objects."""
    every = [
        (float(row[4]), place, [float(each) for each in row]) for place, rows in enumerate(detections) for row in rows
    ]
    taken, hits = set(), []
    for _, place, row in sorted(every, key=lambda each: -each[0]):
        if row[5] != class_id:
            continue
        overlaps = [
            (compute_iou(row, [float(each) for each in truth]), number)
            for number, truth in enumerate(targets[place])
            if truth[4] == class_id and not (may_take_another and (place, number) in taken)
        ]
        iou, number = max(overlaps, default=(0.0, None))
        right = iou >= iou_threshold and (place, number) not in taken
        hits.append(right)
        if right:
            taken.add((place, number))
    return hits, sum(int(truth[4] == class_id) for rows in targets for truth in rows)


def highest_precision(hits, support, recall):
    """Give the highest precision at that recall, a fraction of whole numbers (above, below), or a greater one."""
    above, below = recall
    best = 0.0
    for kept in range(1, len(hits) + 1):
        found = sum(hits[:kept])
        if found * below >= above * support:
            best = max(best, found / kept)
    return best
