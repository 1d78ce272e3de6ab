"""Assignments again, object by object and prediction by prediction, as their docstrings have them."""

import math

import numpy as np

from tests.ops.naive import compute_iou


def is_object(row):
    return row[4] >= 0 and row[2] > row[0] and row[3] > row[1]


def compute_shape_iou(size, anchor):
    intersection = min(size[0], anchor[0]) * min(size[1], anchor[1])
    return intersection / (size[0] * size[1] + anchor[0] * anchor[1] - intersection)


def assign_by_anchor_naively(rows, places):
    """Give the object of each prediction (N,), the number that an object had to fall back, and of those without one."""
    candidates = {}
    for number, row in enumerate(rows):
        if is_object(row):
            found = []
            for place, (cell, (stride,), anchor) in enumerate(zip(*places, strict=True)):
                x, y = (row[0] + row[2]) / 2 / stride, (row[1] + row[3]) / 2 / stride
                if math.floor(x) == cell[0] and math.floor(y) == cell[1]:
                    similarity = compute_shape_iou((row[2] - row[0], row[3] - row[1]), anchor)
                    found.append((-similarity, place))
            candidates[number] = sorted(found)[:9]
    objects, moved = np.full(len(places.cells), -1), 0
    while True:
        wishes = {}
        for number, found in candidates.items():
            free = [(rank, place) for rank, place in found if objects[place] == -1]
            if free and number not in objects:
                rank, place = free[0]
                moved += free[0] != found[0]
                wishes.setdefault(place, []).append((rank, number))
        if not wishes:
            return objects, moved, sum(number not in objects for number in candidates)
        for place, asking in wishes.items():
            objects[place] = min(asking)[1]


def assign_by_alignment_naively(rows, boxes, objectness, classes, places):
    """Give the object (N,) and the quality (N,) of each prediction, from logits."""
    number = len(boxes)
    overlaps, alignment = np.zeros((len(rows), number)), np.zeros((len(rows), number))
    wanted = np.zeros((len(rows), number), bool)
    for i, row in enumerate(rows):
        for n in range(number):
            x, y = (places.cells[n] + 0.5) * places.strides[n]
            center = np.float32([row[0] + row[2], row[1] + row[3]]) / 2 / places.strides[n]
            is_in_cell = (np.floor(center) == places.cells[n]).all()
            if is_object(row) and (is_in_cell or (row[0] < x < row[2] and row[1] < y < row[3])):
                score = sigmoid(objectness[n]) * sigmoid(classes[n, int(row[4])])
                overlaps[i, n] = compute_iou(row[:4], boxes[n])
                alignment[i, n] = score**0.5 * overlaps[i, n] ** 6
        for n in sorted(range(number), key=lambda n: -alignment[i, n])[:10]:
            wanted[i, n] = alignment[i, n] > 0
    objects, quality = np.full(number, -1), np.zeros(number)
    for n in range(number):
        if wanted[:, n].any():
            objects[n] = max(np.flatnonzero(wanted[:, n]), key=lambda i: overlaps[i, n])
    for i in set(objects) - {-1}:
        mine = objects == i
        quality[mine] = alignment[i, mine] / alignment[i, mine].max() * overlaps[i, mine].max()
    return objects, quality


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))
