"""Many devices, many machines: among what a batch is divided, on the engines that Keras has for it.

One machine with several GPUs trains through `tf.distribute.MirroredStrategy` on TensorFlow, and through
`keras.distribution.DataParallel` on JAX, which also joins several processes, one a machine. Each device holds the whole
network and takes an equal part of every batch; their gradients are averaged, so that all stay the same.

The weights become those of one device, within rounding, with three exceptions: where the pictures of an epoch cannot be
divided evenly, a few are seen twice; dropout may drop other units; and on TensorFlow, a batch normalisation that trains
takes the statistics of each GPU's part, and not of the batch.
"""

import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np

logger = logging.getLogger(__name__)

LEAVE_SECONDS = 20  # so long a process that ends waits for the others; then one that failed takes them with it
LOOK_SECONDS = 1  # so often one that waits for another lets Ctrl-C through

_meetings = itertools.count()  # all processes meet at the same places, so that they count alike


@dataclass(frozen=True)
class Distribution:
    """Among what a batch is divided; `distribute` makes one.

    Attributes:
        devices: those of this process, such as `gpu:0`.
        processes: how many train together, each with as many devices.
        process: number of this one, from 0.
    """

    devices: tuple[str, ...] = ("cpu:0",)
    processes: int = 1
    process: int = 0

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.process == 0

    def share(self, batch_size: int) -> dict[str, Any]:
        """Give what `kerascnn.data.pipeline` has to know: `pipeline(split, task, **distribution.share(32))`.

        Args:
            batch_size: pictures in a step of all devices of all processes together.

        Raises:
            ValueError: if they cannot be divided evenly.
        """
        parts = self.processes * len(self.devices)
        if batch_size % parts:
            among = f"{len(self.devices)} devices" if self.processes == 1 else f"{parts} devices of all processes"
            raise ValueError(
                f"batch_size must be a multiple of {parts}, since {among} share a batch. Take "
                f"{batch_size // parts * parts or parts}, or fewer devices: `distribute(devices=...)` names some, "
                "CUDA_VISIBLE_DEVICES=0 in the environment leaves one GPU of a machine. "
                f"Received: batch_size={batch_size}."
            )
        shard = (self.process, self.processes)
        return {"batch_size": batch_size // self.processes, "shard": shard, "devices": len(self.devices)}

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process go through the block before the others, which find what it has prepared on the disk.

        They wait for as long as it takes.

        Raises:
            RuntimeError: in the others, if the first one failed in the block.
        """
        if self.processes == 1:
            yield
            return
        turn = f"kerascnn/turn/{next(_meetings)}"
        if self.process > 0:
            if failure := _read_note(turn):
                raise RuntimeError(f"Process 0 failed at what it prepares for the others: {failure}")
            yield
            return
        failure = ""
        try:
            yield
        except BaseException as error:
            failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            _leave_note(turn, failure)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Divide what is trained in the block, in which the task must be made, too.

        On the one device that Keras takes by itself, this changes nothing.

        All of several processes must do the same in it, with the same seed and the same data. They part at its end, so
        that none waits while another one exports: it can be entered once, and the network can be stored after it, and
        not run.
        """
        if self.processes == 1 and self.devices == (_list_devices()[0],):  # which Keras takes by itself
            yield
        elif keras.backend.backend() == "tensorflow":
            with _mirrored(self.devices).scope():
                yield
        else:
            if self.processes > 1:
                self._meet()
            # Of several processes, all devices: JAX numbers them over all of them. Their data come divided.
            devices = list(self.devices) if self.processes == 1 else keras.distribution.list_devices()
            with keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False).scope():
                yield
            if self.processes > 1:
                import jax

                _gather(0)  # the first one may be writing its last checkpoint
                jax.distributed.shutdown()

    def _meet(self) -> None:
        """Wait until all processes are here: the first thing that their devices do together fails after 30 seconds."""
        meeting = f"kerascnn/meeting/{next(_meetings)}"
        _leave_note(f"{meeting}/{self.process}", "")
        for process in range(self.processes):
            _read_note(f"{meeting}/{process}")


def distribute(
    *,
    coordinator: str | None = None,
    processes: int = 1,
    process: int | None = None,
    devices: Sequence[str] | None = None,
) -> Distribution:
    """Find what a batch can be divided among, and join the other processes if there are some.

    With several processes, this must be called before JAX computes anything, and waits for the others, for up to five
    minutes.

    Args:
        coordinator: `HOST:PORT` of process 0, where the others find it; HOST is an address of its machine that they
            reach, PORT any that is free there.
        processes: how many train together, on one machine or on several.
        process: number of this one, from 0.
        devices: names such as `gpu:0`, for one process; None takes all GPUs or TPUs, and one CPU where there are none.

    Raises:
        ValueError: for several processes on another backend than JAX, or without a coordinator or a number each, for
            values out of range, unknown devices, or processes with different numbers of them.
    """
    if processes == 1 and coordinator is None and process is None:
        distribution = Distribution(_choose_devices(devices, _list_devices()))
        if len(distribution.devices) > 1:
            logger.info("Each batch is divided among %s.", ", ".join(distribution.devices))
        return distribution
    if coordinator is None or process is None or processes < 2:
        raise ValueError(
            "Several processes need coordinator, processes and process, one process none of them. "
            f"Received: coordinator={coordinator!r}, processes={processes}, process={process}."
        )
    if not 0 <= process < processes:
        raise ValueError(f"process must lie in 0..{processes - 1}. Received: process={process}.")
    if not re.fullmatch(r"([^\s:]+|\[[^\s\]]+\]):[1-9]\d{0,4}", coordinator):
        raise ValueError(f"coordinator must be HOST:PORT, such as 10.0.0.1:1234. Received: {coordinator!r}.")
    if devices is not None:
        raise ValueError(f"Each of several processes takes all devices of its own. Received: devices={devices!r}.")
    if keras.backend.backend() != "jax":
        raise ValueError(
            "Several processes train on JAX: set KERAS_BACKEND=jax in the environment of each. TensorFlow's own way, "
            "MultiWorkerMirroredStrategy, does not work with Keras 3 (keras-team/keras, issue 20585). "
            f"Received: processes={processes} on {keras.backend.backend()}."
        )
    return _join(coordinator, processes, process)


@cache  # TensorFlow mixes up the reductions of two strategies of the same devices
def _mirrored(devices: tuple[str, ...]) -> Any:
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(devices))


def _join(coordinator: str, processes: int, process: int) -> Distribution:
    import jax

    logger.info("Process %d of %d: waiting for the others at %s.", process, processes, coordinator)
    # As `keras.distribution.initialize`, which would let the others wait five minutes for one that failed.
    jax.distributed.initialize(coordinator, processes, process, shutdown_timeout_seconds=LEAVE_SECONDS)
    if jax.device_count() != processes * jax.local_device_count():
        raise ValueError(
            "Each process needs as many devices as the others. "
            f"Received: {jax.local_device_count()} of {jax.device_count()} devices in process {process} of {processes}."
        )
    return Distribution(tuple(f"{device.platform}:{device.id}" for device in jax.local_devices()), processes, process)


def _list_devices() -> list[str]:
    """List the devices of this machine, the fastest first."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = [device for kind in ("GPU", "CPU") for device in tf.config.list_logical_devices(kind)]
        return [device.name.removeprefix("/device:").lower() for device in devices]
    return keras.distribution.list_devices()  # of the fastest kind


def _choose_devices(devices: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...]:
    """Refuse devices that are not there; where none are given, take what is fastest, but only one CPU."""
    if devices is None:
        return tuple(name for name in known if not name.startswith("cpu")) or (known[0],)
    if not devices or len(set(devices)) < len(devices) or not set(devices) <= set(known):
        raise ValueError(f"devices must be one or more of {', '.join(known)}. Received: devices={devices!r}.")
    return tuple(devices)


def this_process_writes() -> bool:
    """Whether this process is the one that writes files: the only one, or the first of those that train together."""
    distribution = keras.distribution.distribution()
    return distribution is None or distribution.data_shard_id == 0


def count_replicas() -> int:
    """Count the copies of the network that TensorFlow's strategy in scope trains, each with an optimiser of its own."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def trains_together() -> bool:
    """Whether this process trains together with others."""
    distribution = keras.distribution.distribution()
    return distribution is not None and distribution.num_processes > 1


def ask_all(answer: int) -> list[int]:
    """Give what every process answers, in their order; each of them has to ask at the same place."""
    return _gather(answer) if trains_together() else [answer]


def _gather(answer: int) -> list[int]:
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.int32(answer)).tolist()


def _leave_note(name: str, text: str) -> None:
    """Leave a text for all processes, under a name that was not used before."""
    _coordination_client().key_value_set(name, text)


def _read_note(name: str) -> str:
    """Wait for a text that a process leaves, for as long as it takes."""
    import jax

    while True:
        try:
            return _coordination_client().blocking_key_value_get(name, 1000 * LOOK_SECONDS)
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise


def _coordination_client() -> Any:
    """Give what connects this process with the others before their devices do anything together.

    JAX has no public way to it, and its public barriers are steps of the devices, which fail after 30 seconds.
    """
    from jax._src import distributed

    return distributed.global_state.client
