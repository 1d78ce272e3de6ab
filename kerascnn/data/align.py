"""Alignment: faces turned, scaled and moved so that eyes, nose and mouth lie where they lie in every other picture."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

# Where the five points lie in a picture of 112 x 112 pixels, x and y: the two eyes, the tip of the nose, and the
# corners of the mouth; the left one is that at the left of the picture. As the authors of ArcFace have them.
TEMPLATE_SIDE = 112
TEMPLATE = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)
SWAPPED = [1, 0, 2, 4, 3]

# By the names of landmarks, whose mean each point is: those of `faces`, and of `celeb_a`.
POINTS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("left_eye_outer", "left_eye_inner"), ("left_eye",)),
    (("right_eye_outer", "right_eye_inner"), ("right_eye",)),
    (("nose_tip",), ("nose",)),
    (("left_mouth_corner",), ("left_mouth",)),
    (("right_mouth_corner",), ("right_mouth",)),
)


def five_points(names: Sequence[str], landmarks: np.ndarray) -> np.ndarray:
    """Take the five points that faces are aligned by from landmarks.

    Args:
        names: of the landmarks.
        landmarks: (K, 2), x, y in pixels.

    Returns:
        (5, 2): the eyes, the nose and the corners of the mouth.

    Raises:
        ValueError: if the landmarks have none that a point is made of.
    """
    places: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    points = []
    for choices in POINTS:
        found = next((choice for choice in choices if set(choice) <= places.keys()), None)
        if found is None:
            wanted = " or ".join(" and ".join(choice) for choice in choices)
            raise ValueError(f"Faces are aligned by landmarks such as {wanted}. Received: {', '.join(names)}.")
        points.append(np.mean([landmarks[places[name]] for name in found], axis=0))
    return np.array(points, np.float32)


def fit_similarity(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Find the turn, scale and shift that bring points nearest to places, by least squares.

    Args:
        points: (K, 2), x, y; not all the same.
        places: (K, 2), where they are to lie.

    Returns:
        (2, 3), the matrix of the map.

    Raises:
        ValueError: for points that are all the same, or no numbers.
    """
    own, wanted = (each[:, 0] + 1j * each[:, 1] for each in np.asarray([points, places], np.float64))
    centred = own - own.mean()
    size = np.sum(np.abs(centred) ** 2)
    if not np.isfinite(size) or size < 1e-6:
        raise ValueError(f"Points must be numbers, and not all the same. Received: {np.asarray(points).tolist()}.")
    factor = np.sum(np.conj(centred) * (wanted - wanted.mean())) / size  # turns and scales, in the complex plane
    shift = wanted.mean() - factor * own.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def align_face(picture: np.ndarray, points: np.ndarray, size: tuple[int, int] = (112, 112)) -> np.ndarray:
    """Align a face by five points.

    Args:
        picture: (H, W, 3) uint8, RGB.
        points: (5, 2), x, y in pixels: the eyes, the nose, the corners of the mouth. Left may be the person's or the
            picture's: of the two, that is taken by which the points fit better.
        size: (height, width) of the result in pixels; the face fills its shorter side.

    Returns:
        (height, width, 3) uint8; what lies outside of the picture is what its border is.

    Raises:
        ValueError: for other shapes, or points that are all the same or no numbers.
    """
    if np.ndim(picture) != 3 or picture.shape[-1] != 3 or not picture.size or np.shape(points) != (5, 2):
        raise ValueError(
            "A picture (H, W, 3) and five points (5, 2) are needed. "
            f"Received: the shapes {np.shape(picture)} and {np.shape(points)}."
        )
    height, width = size
    scale = min(size) / TEMPLATE_SIDE
    places = TEMPLATE * scale + (np.array([width, height]) - scale * TEMPLATE_SIDE) / 2
    matrices = [fit_similarity(points, chosen) for chosen in (places, places[SWAPPED])]
    errors = [_miss(matrix, points, chosen) for matrix, chosen in zip(matrices, (places, places[SWAPPED]), strict=True)]
    matrix = matrices[int(np.argmin(errors))]
    shrink = np.hypot(*matrix[:, 0])
    if shrink < 0.5:  # pixels between those that are read would be lost: the picture is made smaller first
        smaller = tuple(max(1, round(2 * shrink * side)) for side in picture.shape[1::-1])
        stretch = np.array(smaller) / picture.shape[1::-1]
        picture = cv2.resize(picture, smaller, interpolation=cv2.INTER_AREA)
        matrix = matrix / np.array([*stretch, 1.0])
    centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts pixels by their centres
    whole = np.linalg.inv(centres) @ np.vstack([matrix, [0, 0, 1]]) @ centres
    return cv2.warpAffine(picture, whole[:2], (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _miss(matrix: np.ndarray, points: np.ndarray, places: np.ndarray) -> float:
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return float(np.sum((moved - places) ** 2))
