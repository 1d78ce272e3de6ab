"""Every classifier by its name, for scripts, cards and backbones."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras

from kerascnn.architectures.alexnet import alexnet
from kerascnn.architectures.darknet import darknet19, extraction
from kerascnn.architectures.inception import inception_v1
from kerascnn.architectures.lenet import lenet5
from kerascnn.architectures.mobilenet import mobilenet_v1, mobilenet_v2
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
from kerascnn.architectures.strides import stride_layers
from kerascnn.architectures.vgg import vgg16

# Each takes (input_shape, num_classes, *, weights=None, dropout, ...).
CLASSIFIERS: dict[str, Callable[..., keras.Model]] = {
    "lenet5": lenet5,
    "alexnet": alexnet,
    "vgg16": vgg16,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
    "resnet20": resnet20,
    "resnet32": resnet32,
    "resnet44": resnet44,
    "resnet56": resnet56,
    "resnet110": resnet110,
    "inception_v1": inception_v1,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "extraction": extraction,
    "darknet19": darknet19,
}

# What a builder is given beside what its user says when the network is trained from scratch, as its paper does it.
SCRATCH_OPTIONS: dict[str, dict[str, Any]] = {"inception_v1": {"auxiliary": True}}


def scratch_options(name: str) -> dict[str, Any]:
    """Give the options of a builder that only training from scratch needs: auxiliary classifiers."""
    return dict(SCRATCH_OPTIONS.get(name, {}))


def check_options(name: str, options: Iterable[str], head: Callable[..., keras.Model] | None = None) -> None:
    """Refuse an architecture that is not known, or names of options that its builder does not have.

    Args:
        name: of the architecture.
        options: their names.
        head: a builder that stands on that architecture, such as `yolo`, and has options of its own too.

    Raises:
        ValueError: with the known ones.
    """
    if name not in CLASSIFIERS:
        raise ValueError(f"architecture must be one of {', '.join(CLASSIFIERS)}. Received: architecture={name!r}.")
    check_options_of(name, options, *([CLASSIFIERS[name]] if head is None else [CLASSIFIERS[name], head]))


def check_options_of(name: str, options: Iterable[str], *builders: Callable[..., keras.Model]) -> None:
    """Refuse names of options that none of the builders of a network has.

    Args:
        name: of the network, for the message.
        options: their names.
        *builders: whose keyword-only arguments are options.

    Raises:
        ValueError: with the known ones.
    """
    parameters = [each for builder in builders for each in inspect.signature(builder).parameters.values()]
    known = list(dict.fromkeys(each.name for each in parameters if each.kind is each.KEYWORD_ONLY))
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"{name} has the options {', '.join(known)}. Received: {', '.join(unknown)}.")


def build(name: str, input_shape: tuple[int, int, int], num_classes: int | None, **options: Any) -> keras.Model:
    """Build a classifier by its name.

    Args:
        name: one of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        num_classes: number of logits, or None for the headless network.
        **options: what the builder of that name takes, such as `weights` or `alpha`.

    Raises:
        ValueError: for an unknown name, an option that the builder does not have, or what it refuses.
    """
    check_options(name, options)
    return CLASSIFIERS[name](input_shape, num_classes, **options)


def backbone(
    name: str, input_shape: tuple[int, int, int], *, strides: tuple[int, ...] = (8, 16, 32), **options: Any
) -> keras.Model:
    """Build a headless network that returns its feature maps by stride.

    Args:
        name: one of `CLASSIFIERS`.
        input_shape: (height, width, 3).
        strides: which feature maps: stride 8 is an eighth of the picture's height and width.
        **options: what the builder of that name takes, such as `weights` or `alpha`.

    Returns:
        A model of (B, height, width, 3) pictures to `{"stride8": (B, height / 8, width / 8, C), ...}`.

    Raises:
        ValueError: for an unknown name or a stride at which no stage of the network ends.
    """
    headless = build(name, input_shape, None, **options)
    known = stride_layers(headless)
    names = [f"stride{stride}" for stride in strides]
    if not names or not set(names) <= set(known):
        raise ValueError(f"strides must be some of {', '.join(known)} of {name}. Received: strides={strides}.")
    outputs = {stride: headless.get_layer(stride).output for stride in names}
    return keras.Model(headless.input, outputs, name=f"{name}_backbone")
