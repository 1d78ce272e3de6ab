"""Embedders: any classifier's body to one vector of length 1, such that vectors of the same person are near."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers, ops
from keras.constraints import UnitNorm
from keras.initializers import Constant

from kerascnn.architectures.catalogue import build

Tensor = keras.KerasTensor

EMBEDDING_SIZE = 128
DIFFERENCES = ("absolute", "chi_square")
TINY = 1e-6  # added to the sum that a chi-square difference is divided by


def embedder(
    architecture: str,
    input_shape: tuple[int, int, int],
    *,
    head: str | None = None,
    num_identities: int | None = None,
    embedding_size: int = EMBEDDING_SIZE,
    difference: str = "absolute",
    dropout: float = 0.0,
    **options: Any,
) -> keras.Model:
    """Build a network that gives a picture a vector of length 1, perhaps with a head that it is trained by.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        head: None gives the vector alone, for triplets and pairs. `softmax` adds the logits of a classifier of the
            identities of the training data, on the vector before it is brought to length 1; `cosine` the cosines of
            the vector with a centre of each identity, for ArcFace; `siamese` the logit of each pair in the batch.
        num_identities: number of them, at least 2, for the heads `softmax` and `cosine`.
        embedding_size: length of the vector in numbers; 128 in FaceNet and in the course's notes.
        difference: of two vectors f and g in a Siamese head, which one logistic unit weighs: `absolute` is |f - g|,
            `chi_square` is (f - g)^2 / (|f| + |g|).
        dropout: share of the pooled features that is dropped in training, in [0, 1).
        **options: what the body's builder takes, such as `weights` or `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to a dict: `embedding` (B, embedding_size); and
        `logits` (B, num_identities), `cosines` (B, num_identities) in -1..1, or `same` (B, B), by the head.

    Raises:
        ValueError: for an unknown head or difference, numbers out of range, or what the body's builder refuses.

    Reference:
        Schroff et al. 2015, "FaceNet", arXiv:1503.03832, section 3; Taigman et al. 2014, "DeepFace", sections 3 and
        4.2; Deng et al. 2019, "ArcFace", arXiv:1801.07698.
    """
    if head not in (None, *HEADS):
        raise ValueError(f"head must be one of {', '.join(HEADS)}, or None. Received: head={head!r}.")
    if embedding_size < 2 or not 0 <= dropout < 1:
        raise ValueError(
            "embedding_size must be at least 2, dropout lie in [0, 1). "
            f"Received: embedding_size={embedding_size}, dropout={dropout}."
        )
    body = build(architecture, input_shape, None, **options)
    x = layers.GlobalAveragePooling2D(name="pool")(body.output)
    x = layers.Dropout(dropout, name="pool_dropout")(x) if dropout else x
    features = layers.Dense(embedding_size, name="features")(x)
    embedding = layers.UnitNormalization(name="embedding")(features)
    outputs = {"embedding": embedding}
    if head == "siamese":
        outputs["same"] = _compare(embedding, difference)
    elif head is not None:
        outputs |= HEADS[head](features, embedding, _check_identities(num_identities))
    return keras.Model(body.input, outputs, name=architecture)


def _check_identities(count: int | None) -> int:
    if count is None or count < 2:
        raise ValueError(f"num_identities must be at least 2 for a classifier. Received: num_identities={count}.")
    return count


def _classify(features: Tensor, embedding: Tensor, num_identities: int) -> Mapping[str, Tensor]:
    return {"logits": layers.Dense(num_identities, name="identities")(features)}


def _measure_angles(features: Tensor, embedding: Tensor, num_identities: int) -> Mapping[str, Tensor]:
    centres = layers.Dense(
        num_identities, use_bias=False, kernel_initializer=_unit_columns, kernel_constraint=UnitNorm(axis=0),
        name="identities",
    )  # fmt: skip
    return {"cosines": centres(embedding)}


@keras.saving.register_keras_serializable("kerascnn", name="unit_columns")
def _unit_columns(shape: tuple[int, int], dtype: str | None = None) -> Tensor:
    """Draw vectors of length 1 as the columns of a kernel, in all directions alike."""
    return ops.normalize(keras.initializers.RandomNormal()(shape, dtype=dtype), axis=0)


def _compare(embedding: Tensor, difference: str) -> Tensor:
    """Give the logit of each pair of a batch being the same person, (B, B): the farther apart, the lower."""
    if difference not in DIFFERENCES:
        raise ValueError(f"difference must be {' or '.join(DIFFERENCES)}. Received: difference={difference!r}.")
    first, second = ops.expand_dims(embedding, 1), ops.expand_dims(embedding, 0)
    apart = ops.abs(first - second)
    if difference == "chi_square":
        apart = ops.square(apart) / (ops.abs(first) + ops.abs(second) + TINY)
    unit = layers.Dense(1, kernel_initializer=Constant(-1.0), bias_initializer=Constant(1.0), name="similarity")
    return ops.squeeze(unit(apart), axis=-1)


HEADS = {"softmax": _classify, "cosine": _measure_angles, "siamese": _compare}
