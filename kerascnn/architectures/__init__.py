"""Every graph: functional builders that read like their paper's table, and where their weights come from."""

from kerascnn.architectures.alexnet import alexnet
from kerascnn.architectures.catalogue import (
    CLASSIFIERS,
    backbone,
    build,
    check_options,
    check_options_of,
    scratch_options,
)
from kerascnn.architectures.darknet import darknet19, extraction
from kerascnn.architectures.deconvnet import deconvnet
from kerascnn.architectures.embedding import embedder
from kerascnn.architectures.feature_maps import feature_maps
from kerascnn.architectures.fully_convolutional import to_fully_convolutional
from kerascnn.architectures.heads import landmarker, localizer
from kerascnn.architectures.inception import inception_v1
from kerascnn.architectures.lenet import lenet5
from kerascnn.architectures.mobilenet import mobilenet_v1, mobilenet_v2
from kerascnn.architectures.rcnn import fast_rcnn, faster_rcnn, region_proposal_network
from kerascnn.architectures.resnet import (
    resnet20,
    resnet32,
    resnet44,
    resnet50,
    resnet56,
    resnet101,
    resnet110,
    resnet152,
)
from kerascnn.architectures.strides import head_layers, headless, layers_below, layers_of, stride_layers
from kerascnn.architectures.style_network import select_style, style_network
from kerascnn.architectures.unet import backbone_unet, unet
from kerascnn.architectures.vgg import vgg16
from kerascnn.architectures.weights import HEADLESS_FILE, RELEASES, WeightsReport, copy_weights, load_weights
from kerascnn.architectures.yolo import yolo
from kerascnn.architectures.yolo_v1 import yolo_v1

__all__ = [
    "CLASSIFIERS",
    "HEADLESS_FILE",
    "RELEASES",
    "WeightsReport",
    "alexnet",
    "backbone",
    "backbone_unet",
    "build",
    "check_options",
    "check_options_of",
    "copy_weights",
    "darknet19",
    "deconvnet",
    "embedder",
    "extraction",
    "fast_rcnn",
    "faster_rcnn",
    "feature_maps",
    "head_layers",
    "headless",
    "inception_v1",
    "landmarker",
    "layers_below",
    "layers_of",
    "lenet5",
    "load_weights",
    "localizer",
    "mobilenet_v1",
    "mobilenet_v2",
    "region_proposal_network",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet50",
    "resnet56",
    "resnet101",
    "resnet110",
    "resnet152",
    "scratch_options",
    "select_style",
    "stride_layers",
    "style_network",
    "to_fully_convolutional",
    "unet",
    "vgg16",
    "yolo",
    "yolo_v1",
]
