"""Colours of whole pictures: what of them is brightness, and how they are spread. Plain NumPy, RGB in 0..255.

Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", arXiv:1606.05897, sections 3 and 4.
"""

import numpy as np

# Brightness and two differences of colours, as the NTSC's YIQ has them.
YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
SMALL = 1e-3  # grey levels, squared: added to variances, or a picture of one colour could not be divided by its own


def to_grey(picture: np.ndarray) -> np.ndarray:
    """Give a picture (H, W, 3) without its colours: three equal channels, of the luminance."""
    return np.repeat((picture @ YIQ[0])[..., np.newaxis], 3, axis=-1)


def with_colors_of(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Give a picture (H, W, 3) with its own luminance and the colours of another of its size.

    What this makes darker than black or brighter than white is clipped.
    """
    luminance, colors = picture @ YIQ[0], other @ YIQ[1:].T
    return np.clip(np.concatenate([luminance[..., np.newaxis], colors], axis=-1) @ np.linalg.inv(YIQ).T, 0, 255)


def match_colors(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Change the colours of a picture (H, W, 3) so that their mean and covariance are those of another (h, w, 3).

    By the symmetric square roots of the covariances, "image analogies" in the paper's section 4. What this makes darker
    than black or brighter than white is clipped.
    """
    pixels, others = (np.asarray(each, np.float64).reshape(-1, 3) for each in (picture, other))
    matrix = _root(_covariance(others)) @ np.linalg.inv(_root(_covariance(pixels)))
    matched = (pixels - pixels.mean(axis=0)) @ matrix.T + others.mean(axis=0)
    return np.clip(matched, 0, 255).reshape(picture.shape)


def match_luminance(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Stretch a grey picture so that its mean and deviation are those of another: equation 10 of the paper."""
    stretched = (picture - picture.mean()) * (other.std() / max(picture.std(), np.sqrt(SMALL))) + other.mean()
    return np.clip(stretched, 0, 255)


def _covariance(pixels: np.ndarray) -> np.ndarray:
    return np.cov(pixels.T, bias=True) + SMALL * np.eye(3)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Give the symmetric square root of a symmetric matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values) @ vectors.T
