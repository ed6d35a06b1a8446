"""Counts the nodes of a model whose functions are inlined.

Twenty functions that each call the next one ten times are a few kilobytes and 10²⁰ nodes: the checker and the runtime
both inline. This module looks at each function once.
"""

from collections.abc import Iterable, Mapping

import onnx

from registry.compression.refusal import ModelRefused

_Key = tuple[str, str]


def count_inlined_nodes(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> int:
    """Return how many nodes ``nodes`` become when every call is replaced by the body of its function.

    Raises:
        ModelRefused: A function calls itself, directly or through others.
    """
    bodies = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[_Key, int] = {}
    for function in bodies.values():
        _measure(function, bodies=bodies, sizes=sizes)
    return sum(sizes.get((node.domain, node.op_type), 1) for node in nodes)


def _measure(start: onnx.FunctionProto, *, bodies: Mapping[_Key, onnx.FunctionProto], sizes: dict[_Key, int]) -> None:
    """Fill in the size of ``start`` and of all it calls. A list is the stack: a deep model would overflow that of Python."""
    open_calls: list[_Key] = [(start.domain, start.name)]
    while open_calls:
        key = open_calls[-1]
        called = [(node.domain, node.op_type) for node in bodies[key].node]
        waiting = [call for call in called if call in bodies and call not in sizes]
        if not waiting:
            sizes[key] = sum(sizes.get(call, 1) for call in called)
            open_calls.pop()
        elif waiting[0] in open_calls:
            raise ModelRefused(f'The function "{waiting[0][1]}" calls itself.', reason="function_recursion")
        else:
            open_calls.append(waiting[0])
