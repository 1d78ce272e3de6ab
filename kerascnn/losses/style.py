"""The costs of neural style transfer: how far the content of a picture is off, and how far its style is.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks", CVPR, sections 2.1 to 2.3. Factors are
those of the lecture notes; the paper's content cost, 1/2 of the sum, is not divided by the size of the map.
"""

import keras
from keras import ops

Tensor = keras.KerasTensor


def content_cost(content: Tensor, generated: Tensor) -> Tensor:
    """Compute half of the mean square by which the features of two pictures differ.

    Args:
        content: (B, H, W, C), the features of the picture whose content is wanted.
        generated: (B, H, W, C), those of the one that is made.

    Returns:
        (B,), 1 / (2 H W C) times the sum of the squares.
    """
    return ops.mean(ops.square(content - generated), axis=(1, 2, 3)) / 2


def gram_matrix(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Multiply each two channels of a map, and add up over its places.

    Args:
        features: (B, H, W, C).
        weights: (B, H, W) or (1, H, W), not negative, how much each place counts; 1 by default.

    Returns:
        (B, C, C), symmetric.
    """
    channels = features.shape[-1]
    weighted = features if weights is None else features * weights[..., None]
    rows, weighted_rows = (ops.reshape(each, (ops.shape(each)[0], -1, channels)) for each in (features, weighted))
    return ops.matmul(ops.transpose(rows, (0, 2, 1)), weighted_rows)


def correlations(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Divide the Gram matrix by the number of places, or by the sum of their weights: (B, C, C).

    In this form the style of pictures of different sizes can be compared, and that of parts of them. Where no place
    counts, it is 0.
    """
    if weights is None:
        return gram_matrix(features) / ops.cast(ops.shape(features)[1] * ops.shape(features)[2], features.dtype)
    total = ops.sum(weights, axis=(1, 2))[:, None, None]
    return gram_matrix(features, weights) / ops.maximum(total, keras.config.epsilon())


def style_cost(style: Tensor, generated: Tensor) -> Tensor:
    """Compute how far the correlations of two pictures' features are apart.

    Args:
        style: (B, C, C) or (1, C, C), `correlations` of the picture whose style is wanted.
        generated: (B, C, C), those of the one that is made.

    Returns:
        (B,), 1 / (2 C)^2 times the sum of the squares of the differences. For maps of one size this is
        1 / (2 H W C)^2 times that of their Gram matrices, as the notes and the paper's equation 4 have it.
    """
    return ops.sum(ops.square(style - generated), axis=(1, 2)) / (2 * generated.shape[-1]) ** 2


def total_variation(pictures: Tensor) -> Tensor:
    """Compute the mean square by which neighbours below and at the right differ, (B,), of pictures (B, H, W, C).

    Squares, as Mahendran & Vedaldi 2015 have them for beta = 2 (arXiv:1412.0035, section 3), and not absolute values:
    noise costs much, edges little, and the gradient is smooth. A side of one pixel has no neighbours and costs 0.
    """
    down = ops.square(pictures[:, 1:] - pictures[:, :-1])
    right = ops.square(pictures[:, :, 1:] - pictures[:, :, :-1])
    size = ops.cast(ops.prod(ops.shape(pictures)[1:]), pictures.dtype)
    return (ops.sum(down, axis=(1, 2, 3)) + ops.sum(right, axis=(1, 2, 3))) / size
