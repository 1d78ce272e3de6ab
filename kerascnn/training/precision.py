"""Mixed precision: convolutions that compute with 16 bits, where the hardware has them and gains from it.

Weights, the normalisation of the input and the logits keep 32 bits. On a processor, bfloat16 needs instructions of its
own (AVX512_BF16 or AMX); without, it is emulated, many times slower. float16 is for GPUs.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from kerascnn.ops.graph import calls_of
from kerascnn.training.distribution import ask_all
from kerascnn.training.schedules import build_optimizer
from kerascnn.training.stages import all_layers

logger = logging.getLogger(__name__)

TIMED_STEPS = 3  # of each precision, after one that is not timed, since it is compiled then
CPUINFO = Path("/proc/cpuinfo")


def check_precision(precision: str) -> None:
    """Refuse a precision that this machine would only emulate.

    Args:
        precision: as `Stage` takes it.

    Raises:
        ValueError: for `mixed_float16` without a GPU, and `mixed_bfloat16` without a GPU or a processor that has it.
    """
    if has_accelerator() or precision in ("float32", "auto"):
        return
    if precision == "mixed_float16":
        raise ValueError("mixed_float16 needs a GPU: processors only emulate it. Use mixed_bfloat16, auto or float32.")
    if not has_bfloat16():
        raise ValueError(
            "mixed_bfloat16 needs a GPU, or a processor with AVX512_BF16 or AMX, which this one is not known to have. "
            "Use float32."
        )


def candidates() -> tuple[str, ...]:
    """List the precisions that `auto` chooses from on this machine."""
    return ("float32", "mixed_bfloat16") if has_accelerator() or has_bfloat16() else ("float32",)


def has_accelerator() -> bool:
    """Whether Keras' backend sees a GPU or a TPU."""
    # Asked for GPUs alone, JAX raises where there is none.
    return any(not name.startswith("cpu") for name in keras.distribution.list_devices())


def has_bfloat16() -> bool:
    """Whether the processor is known to multiply in bfloat16; only Linux tells."""
    flags = CPUINFO.read_text(encoding="utf-8") if CPUINFO.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


@contextmanager
def computing_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Let the layers of a model compute in a precision for the length of a block.

    Args:
        model: a functional model of float32 layers. It must be compiled after the block began and after it ended.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.
    """
    layers = [layer for layer in _inner_layers(model) if _gains(layer)] if precision != "float32" else []
    before = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = precision
        yield
    finally:
        for layer, policy in zip(layers, before, strict=True):
            layer.dtype_policy = policy


def choose_precision(model: keras.Model, compile_model: Callable[[], None], batch: tuple[np.ndarray, ...]) -> str:
    """Time some training steps in each precision of this machine, and give the fastest one.

    Args:
        model: what trains. Its variables end as they were.
        compile_model: compiles it as it will be trained.
        batch: (inputs, targets), arrays or tensors.

    Returns:
        `float32` or `mixed_bfloat16`; `float32` without timing, if the machine has nothing else, or no layer with
        weights would compute in anything else.
    """
    names = candidates()
    gains = len(names) > 1 and any(layer.weights for layer in _inner_layers(model) if _gains(layer))
    if not min(ask_all(gains)):  # several processes may run on different machines
        return names[0]
    batch = keras.tree.map_structure(keras.ops.convert_to_numpy, batch)  # on any backend, tf.data gives TensorFlow's
    before = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
    seconds = {}
    for name in names:
        try:
            with computing_in(model, name):
                compile_model()
                build_optimizer(model)
                seconds[name] = _time_steps(model, batch)
        finally:
            for variable, value in zip(model.variables, before, strict=True):
                variable.assign(value)
    fastest = names[ask_all(names.index(min(seconds, key=seconds.__getitem__)))[0]]  # of several processes, the first
    logger.info("A step takes %s: training in %s.", _describe(seconds), fastest)
    return fastest


def _inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """List the layers between the normalisation of the input and the outputs.

    The layers before the first one that learns weights normalise pictures in 0..255, of which 8 bits of mantissa leave
    less than 8.
    """
    calls = [call for call in calls_of(model) if not call.is_input]
    ends = {id(tensor) for tensor in model.outputs}
    first = next((number for number, call in enumerate(calls) if _learns_weights(call.operation)), len(calls))
    inner = [call.operation for call in calls[first:] if not any(id(tensor) in ends for tensor in call.outputs)]
    found = []
    for layer in inner:
        if isinstance(layer, keras.layers.Layer):
            found += [layer, *(all_layers(layer) if isinstance(layer, keras.Model) else ())]
    return list(dict.fromkeys(found))


def _learns_weights(operation: keras.Operation) -> bool:
    """Whether an operation has weights, frozen or not, which do not merely count pictures."""
    return bool(getattr(operation, "weights", ())) and not isinstance(operation, keras.layers.Normalization)


def _gains(layer: keras.layers.Layer) -> bool:
    """Whether a layer may compute in 16 bits, and is faster so: on a processor, strided depthwise convolutions are not.

    Those of `kerascnn.layers` that compute places in pixels keep 32 bits: with 8 bits of mantissa, a box would move.

    oneDNN has no kernel of 16 bits for their gradients, and falls back to plain loops, more than ten times as slow as
    its kernel of 32 bits.
    """
    if getattr(layer, "computes_places", False):
        return False
    return has_accelerator() or not (isinstance(layer, keras.layers.DepthwiseConv2D) and max(layer.strides) > 1)


def _time_steps(model: keras.Model, batch: tuple[np.ndarray, ...]) -> float:
    model.train_on_batch(*batch)
    seconds = []
    for _ in range(TIMED_STEPS):
        start = time.perf_counter()
        model.train_on_batch(*batch)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _describe(seconds: dict[str, float]) -> str:
    return " and ".join(f"{1e3 * value:.0f} ms in {name}" for name, value in seconds.items())
