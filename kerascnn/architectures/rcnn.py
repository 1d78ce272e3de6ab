"""Detectors of two stages on a classifier's body: Faster R-CNN, its region proposal network alone, and Fast R-CNN.

Girshick 2015, "Fast R-CNN", arXiv:1504.08083; Ren et al. 2015, "Faster R-CNN: Towards Real-Time Object Detection with
Region Proposal Networks", arXiv:1506.01497; with several strides on a feature pyramid, Lin et al. 2017, "Feature
Pyramid Networks for Object Detection", arXiv:1612.03144. What the stages give is laid out in `kerascnn.ops.regions`.

The three are made of the same layers with the same names, so that weights pass from one to another.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import layers

from kerascnn.architectures.catalogue import build
from kerascnn.architectures.strides import check_maps, stride_layers
from kerascnn.layers import (
    NonMaxSuppression,
    ProposalCandidates,
    PyramidLevel,
    RegionGrid,
    RoIAlign,
    RoIMaxPooling,
)
from kerascnn.ops.proposals import NO_SCORE

Tensor = keras.KerasTensor
Maps = Mapping[int, Tensor]  # by stride

SCALES, RATIOS = ((128.0, 256.0, 512.0),), (0.5, 1.0, 2.0)  # of anchors, for pictures whose shorter side is 600
POOLINGS = {"align": RoIAlign, "max": RoIMaxPooling}
SMALL, SMALLER = 0.01, 0.001  # deviations of the first weights


def region_proposal_network(
    architecture: str,
    input_shape: tuple[int, int, int],
    *,
    weights: str | Path | None = None,
    strides: tuple[int, ...] = (16,),
    scales: Sequence[Sequence[float]] = SCALES,
    ratios: Sequence[float] = RATIOS,
    filters: int = 256,
    num_proposals: int = 300,
    max_candidates: int = 6000,
    least_side: float = 16.0,
    **options: Any,
) -> keras.Model:
    """Build a region proposal network.

    Args:
        architecture: the body, a name of `CLASSIFIERS`.
        input_shape: (height, width, 3), each side a multiple of the last stride of the body.
        weights: of the body, see `kerascnn.architectures.load_weights`; None starts from a random initialisation.
        strides: of the maps, rising: some of those at which stages of the body end. Of several, each twice the one
            before, a feature pyramid is made.
        scales: of each map, square roots of its anchors' areas in pixels.
        ratios: of the anchors, heights divided by widths.
        filters: of the 3x3 convolution, and of the pyramid.
        num_proposals: R, after suppression. The paper tests with 300, and trains on 128 drawn of 2,000.
        max_candidates: so many of the surest boxes come to the suppression.
        least_side: of a proposal, in pixels.
        **options: what the body's builder takes, such as `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to `rpn`, regions (B, N, 9), of all N anchors, see
        `kerascnn.ops.regions`; and `proposals` (B, R, 4), x1, y1, x2, y2 in pixels, the surest first, padded with
        zeros.

    Raises:
        ValueError: for strides that the body does not have, scales that are not one list for each of them, a body
            whose maps are not the picture's size by their strides, proposals or candidates below 1, or what the body's
            builder refuses.
    """
    body = _build_body(architecture, input_shape, strides, scales, weights=weights, **options)
    regions = _propose(_make_maps(body, strides, filters), scales, ratios, filters)
    proposals = _choose_proposals(regions, input_shape[:2], num_proposals, max_candidates, least_side)
    return keras.Model(body.input, {"rpn": regions, "proposals": proposals}, name=architecture)


def fast_rcnn(
    architecture: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    weights: str | Path | None = None,
    strides: tuple[int, ...] = (16,),
    filters: int = 256,
    pooling: str = "align",
    pool_size: int = 7,
    hidden_units: int = 1024,
    dropout: float = 0.0,
    **options: Any,
) -> keras.Model:
    """Build Fast R-CNN, which is told where to look.

    Args:
        architecture: see `region_proposal_network`.
        input_shape: likewise.
        num_classes: C, at least 1.
        weights: see `region_proposal_network`.
        strides: likewise.
        filters: of the pyramid, if there are several strides.
        pooling: `align`, or `max`, which is the paper's.
        pool_size: to how many places to either side each proposal is pooled.
        hidden_units: of the two fully connected layers. The paper has VGG-16's 4096.
        dropout: after each of the two, in [0, 1); the paper has VGG-16's 0.5.
        **options: what the body's builder takes, such as `alpha`.

    Returns:
        A model of `image` (B, height, width, 3), RGB in 0..255, and `proposals` (B, R, 4), x1, y1, x2, y2 in pixels,
        padded with zeros, to (B, R, 5 C + 5): see `kerascnn.ops.regions`.

    Raises:
        ValueError: for fewer than one class, an unknown pooling, or see `region_proposal_network`.
    """
    body = _build_body(architecture, input_shape, strides, weights=weights, **options)
    proposals = layers.Input((None, 4), name="proposals")
    maps = _make_maps(body, strides, filters)
    outputs = _classify(maps, proposals, num_classes, pooling, pool_size, hidden_units, dropout)
    return keras.Model({"image": body.input, "proposals": proposals}, outputs, name=architecture)


def faster_rcnn(
    architecture: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    weights: str | Path | None = None,
    strides: tuple[int, ...] = (16,),
    scales: Sequence[Sequence[float]] = SCALES,
    ratios: Sequence[float] = RATIOS,
    filters: int = 256,
    pooling: str = "align",
    pool_size: int = 7,
    hidden_units: int = 1024,
    dropout: float = 0.0,
    num_proposals: int = 300,
    max_candidates: int = 6000,
    least_side: float = 16.0,
    **options: Any,
) -> keras.Model:
    """Build Faster R-CNN: a region proposal network, and Fast R-CNN on the same maps.

    Args:
        architecture: see `region_proposal_network`.
        input_shape: likewise.
        num_classes: see `fast_rcnn`.
        weights: see `region_proposal_network`.
        strides: likewise.
        scales: likewise.
        ratios: likewise.
        filters: likewise.
        pooling: see `fast_rcnn`.
        pool_size: likewise.
        hidden_units: likewise.
        dropout: likewise.
        num_proposals: see `region_proposal_network`.
        max_candidates: likewise.
        least_side: likewise.
        **options: what the body's builder takes, such as `alpha`.

    Returns:
        A model of pictures (B, height, width, 3), RGB in 0..255, to `rpn` (B, N, 9) and `roi` (B, R, 5 C + 5): see
        `kerascnn.ops.regions`.

    Raises:
        ValueError: see `fast_rcnn` and `region_proposal_network`.
    """
    body = _build_body(architecture, input_shape, strides, scales, weights=weights, **options)
    maps = _make_maps(body, strides, filters)
    regions = _propose(maps, scales, ratios, filters)
    proposals = _choose_proposals(regions, input_shape[:2], num_proposals, max_candidates, least_side)
    outputs = _classify(maps, proposals, num_classes, pooling, pool_size, hidden_units, dropout)
    return keras.Model(body.input, {"rpn": regions, "roi": outputs}, name=architecture)


def _choose_proposals(
    regions: Tensor,
    image_size: tuple[int, int],
    num_proposals: int,
    max_candidates: int,
    least_side: float,
) -> Tensor:
    """Decode, cut at the picture's border, drop small boxes, and keep of overlapping ones the surest: (B, R, 4)."""
    boxes, scores = ProposalCandidates(image_size, least_side, dtype="float32", name="candidates")(regions)
    suppression = NonMaxSuppression(0.7, NO_SCORE, num_proposals, max_candidates, dtype="float32", name="proposals")
    return suppression(boxes, scores)["boxes"]


def _build_body(
    architecture: str,
    input_shape: tuple[int, int, int],
    strides: Sequence[int],
    scales: Sequence[Sequence[float]] | None = None,
    **options: Any,
) -> keras.Model:
    body = build(architecture, input_shape, None, **options)
    check_maps(body)
    known = [int(name.removeprefix("stride")) for name in stride_layers(body)]
    if not strides or not set(strides) <= set(known) or list(strides) != sorted(set(strides)):
        raise ValueError(f"strides must be rising, and some of {known} of {architecture}. Received: strides={strides}.")
    if any(above != 2 * below for below, above in itertools.pairwise(strides)):
        raise ValueError(f"strides of a pyramid must be each twice the one before. Received: strides={strides}.")
    if scales is not None and len(scales) != len(strides):
        raise ValueError(f"scales must be one list for each of the strides {strides}. Received: scales={scales!r}.")
    return body


def _make_maps(body: keras.Model, strides: Sequence[int], filters: int) -> Maps:
    """Give the body's map of the one stride, or a pyramid: coarse maps, stretched and added to the finer ones."""
    maps = {stride: body.get_layer(f"stride{stride}").output for stride in strides}
    if len(strides) == 1:
        return maps
    pyramid, above = {}, None
    for stride in reversed(strides):
        x = layers.Conv2D(filters, 1, name=f"lateral_stride{stride}")(maps[stride])
        if above is not None:
            stretched = layers.UpSampling2D(2, name=f"stretched_stride{stride}")(above)
            x = layers.Add(name=f"added_stride{stride}")([x, stretched])
        above = x
        pyramid[stride] = layers.Conv2D(filters, 3, padding="same", name=f"pyramid_stride{stride}")(x)
    return {stride: pyramid[stride] for stride in strides}


def _propose(maps: Maps, scales: Sequence[Sequence[float]], ratios: Sequence[float], filters: int) -> Tensor:
    """Say of each anchor of each map whether there is an object, and where: (B, N, 9)."""
    if len({len(each) for each in scales}) > 1:
        raise ValueError(f"scales must be as many for each of the strides. Received: scales={scales!r}.")
    number = len(scales[0]) * len(ratios)
    convolution = layers.Conv2D(filters, 3, padding="same", activation="relu", name="rpn_conv", **_draw(SMALL))
    objectness = layers.Conv2D(number, 1, name="rpn_logits", **_draw(SMALL))
    deltas = layers.Conv2D(4 * number, 1, name="rpn_deltas", **_draw(SMALL))
    regions = []
    for (stride, x), sizes in zip(maps.items(), scales, strict=True):
        x = convolution(x)
        grid = RegionGrid(stride, sizes, ratios, dtype="float32", name=f"rpn_stride{stride}")
        regions.append(grid([objectness(x), deltas(x)]))
    return layers.Concatenate(axis=1, dtype="float32", name="rpn")(regions) if len(regions) > 1 else regions[0]


def _classify(
    maps: Maps, proposals: Tensor, num_classes: int, pooling: str, size: int, hidden_units: int, dropout: float
) -> Tensor:
    """Say of each proposal what it shows, and where exactly for each class: (B, R, 5 C + 5)."""
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1. Received: num_classes={num_classes}.")
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be {' or '.join(POOLINGS)}. Received: pooling={pooling!r}.")
    pool = POOLINGS[pooling]
    pooled = [pool(stride, (size, size), name=f"roi_stride{stride}")([x, proposals]) for stride, x in maps.items()]
    x = PyramidLevel(tuple(maps), name="roi_level")([proposals, *pooled]) if len(pooled) > 1 else pooled[0]
    x = layers.Reshape((-1, size * size * x.shape[-1]), name="roi_flat")(x)
    for number in (1, 2):
        x = layers.Dense(hidden_units, activation="relu", name=f"roi_fc{number}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"roi_dropout{number}")(x)
    logits = layers.Dense(num_classes + 1, name="roi_logits", **_draw(SMALL))(x)
    deltas = layers.Dense(4 * num_classes, name="roi_deltas", **_draw(SMALLER))(x)
    return layers.Concatenate(dtype="float32", name="roi")([logits, deltas, proposals])


def _draw(deviation: float) -> dict[str, Any]:
    """Give a layer first weights of its own: an initialiser that several share would give all the same."""
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=deviation)}
