"""Pure functions: boxes and their suppression, the arithmetic of convolutions, and the table of a model.

Nothing here holds weights or state, and nothing imports another part of kerascnn.
"""

from kerascnn.ops.anchor_boxes import anchor_boxes
from kerascnn.ops.anchors import cluster_sizes, find_anchors, find_scales, shape_iou
from kerascnn.ops.assignment import assign_by_alignment, assign_by_anchor
from kerascnn.ops.boxes import (
    box_area,
    clip_boxes,
    cxcywh_to_xyxy,
    decode_deltas,
    encode_deltas,
    to_absolute,
    to_relative,
    xywh_to_xyxy,
    xyxy_to_cxcywh,
    xyxy_to_xywh,
)
from kerascnn.ops.candidates import KeptBoxes
from kerascnn.ops.convolution import ReceptiveField, output_size, same_padding, transpose_output_size
from kerascnn.ops.describe import Description, Row, describe
from kerascnn.ops.grids import Places, Predictions, decode_offsets, encode_boxes, split_predictions
from kerascnn.ops.iou import complete_iou, distance_iou, exact_pairwise_iou, generalized_iou, iou, pairwise_iou
from kerascnn.ops.matching import match_boxes, sampling_weights
from kerascnn.ops.nms import non_max_suppression
from kerascnn.ops.padding import concatenate_padded
from kerascnn.ops.proposals import proposal_candidates
from kerascnn.ops.regions import (
    RegionClasses,
    Regions,
    decode_region_classes,
    decode_regions,
    pyramid_level,
    split_region_classes,
    split_regions,
)
from kerascnn.ops.roi import roi_align, roi_max_pool
from kerascnn.ops.soft_nms import soft_non_max_suppression
from kerascnn.ops.targets import check_object_shapes, corners_from_shares, first_object, shares_from_corners
from kerascnn.ops.warping import MEAN_COLOR, warp_regions
from kerascnn.ops.windows import (
    WindowGeometry,
    count_windows,
    interpolate,
    pyramid_sizes,
    resize,
    source_positions,
    window_boxes,
    window_geometry,
)
from kerascnn.ops.yolo_v1 import corners_from_cells, decode_yolo_v1, encode_yolo_v1, split_yolo_v1

__all__ = [
    "MEAN_COLOR",
    "Description",
    "KeptBoxes",
    "Places",
    "Predictions",
    "ReceptiveField",
    "RegionClasses",
    "Regions",
    "Row",
    "WindowGeometry",
    "anchor_boxes",
    "assign_by_alignment",
    "assign_by_anchor",
    "box_area",
    "check_object_shapes",
    "clip_boxes",
    "cluster_sizes",
    "complete_iou",
    "concatenate_padded",
    "corners_from_cells",
    "corners_from_shares",
    "count_windows",
    "cxcywh_to_xyxy",
    "decode_deltas",
    "decode_offsets",
    "decode_region_classes",
    "decode_regions",
    "decode_yolo_v1",
    "describe",
    "distance_iou",
    "encode_boxes",
    "encode_deltas",
    "encode_yolo_v1",
    "exact_pairwise_iou",
    "find_anchors",
    "find_scales",
    "first_object",
    "generalized_iou",
    "interpolate",
    "iou",
    "match_boxes",
    "non_max_suppression",
    "output_size",
    "pairwise_iou",
    "proposal_candidates",
    "pyramid_level",
    "pyramid_sizes",
    "resize",
    "roi_align",
    "roi_max_pool",
    "same_padding",
    "sampling_weights",
    "shape_iou",
    "shares_from_corners",
    "soft_non_max_suppression",
    "source_positions",
    "split_predictions",
    "split_region_classes",
    "split_regions",
    "split_yolo_v1",
    "to_absolute",
    "to_relative",
    "transpose_output_size",
    "warp_regions",
    "window_boxes",
    "window_geometry",
    "xywh_to_xyxy",
    "xyxy_to_cxcywh",
    "xyxy_to_xywh",
]
