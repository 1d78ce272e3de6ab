"""Joining: two .tflite files, of which the second goes on where the first ends, become one.

A detector's network is quantised and what it makes of the answers is not: eight bits for the pixels of a picture's
width would be steps of more than a pixel. The converter quantises all that it can, hence in two conversions.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from kerascnn.export.flatbuffer import pack, unpack

MIN_RUNTIME = b"min_runtime_version"


def join(first: bytes, second: bytes) -> bytes:
    """Make one file of two.

    Args:
        first: a file of one signature and one graph.
        second: the same; its inputs are outputs of the first, by the names in the signatures, of the same types and
            shapes.

    Returns:
        A file with the inputs of the first and the outputs of the second, in one graph.

    Raises:
        ValueError: for a file of several graphs, or an input that the first file does not give.
    """
    joined, added = unpack(first), unpack(second)
    if len(joined.subgraphs) != 1 or len(added.subgraphs) != 1:
        raise ValueError(
            "Only files of one graph can be joined: loops have graphs of their own. "
            f"Received: files of {len(joined.subgraphs)} and {len(added.subgraphs)} graphs."
        )
    numbers = _number_tensors(joined, added)
    graph, others = joined.subgraphs[0], added.subgraphs[0]
    for tensor in others.tensors:
        tensor.buffer += len(joined.buffers)
    for operator in others.operators:
        operator.opcodeIndex += len(joined.operatorCodes)
        operator.inputs, operator.outputs = numbers[operator.inputs], numbers[operator.outputs]
        if operator.intermediates is not None:
            operator.intermediates = numbers[operator.intermediates]
    graph.tensors += others.tensors
    graph.operators += others.operators
    graph.outputs = numbers[others.outputs]
    joined.signatureDefs[0].outputs = added.signatureDefs[0].outputs
    for each in joined.signatureDefs[0].outputs:
        each.tensorIndex = int(numbers[each.tensorIndex])
    _set_min_runtime(joined, max(_min_runtime(joined), _min_runtime(added)))
    joined.buffers += added.buffers
    joined.operatorCodes += added.operatorCodes
    return pack(joined)


def _number_tensors(joined: schema.ModelT, added: schema.ModelT) -> np.ndarray:
    """Give the new number of each tensor of the second file; the last one stays -1, which stands for no tensor."""
    given = _tensors_by_name(joined.signatureDefs[0].outputs)
    taken = _tensors_by_name(added.signatureDefs[0].inputs)
    if not taken.keys() <= given.keys():
        raise ValueError(
            f"The second file must take outputs of the first, {', '.join(sorted(given))}. "
            f"Received: inputs {', '.join(sorted(taken))}."
        )
    start, count = len(joined.subgraphs[0].tensors), len(added.subgraphs[0].tensors)
    numbers = np.append(np.arange(start, start + count, dtype=np.int32), np.int32(-1))
    for name, number in taken.items():
        numbers[number] = given[name]
    return numbers


def _tensors_by_name(maps: Iterable[schema.TensorMapT]) -> Mapping[str, int]:
    return {each.name.decode(): each.tensorIndex for each in maps}


def _min_runtime(model: schema.ModelT) -> tuple[int, ...]:
    """Read the least version of the runtime that has all of a file's operators, which the converter notes."""
    for entry in model.metadata or ():
        if entry.name == MIN_RUNTIME:
            text = bytes(model.buffers[entry.buffer].data).rstrip(b"\0").decode()
            return tuple(int(part) for part in text.split("."))
    return ()


def _set_min_runtime(model: schema.ModelT, version: tuple[int, ...]) -> None:
    for entry in model.metadata or ():
        if entry.name == MIN_RUNTIME:
            text = ".".join(map(str, version)).encode().ljust(16, b"\0")
            model.buffers[entry.buffer].data = np.frombuffer(text, np.uint8)
