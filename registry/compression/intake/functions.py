"""Counts the nodes of a model whose functions are inlined.

Twenty functions that each call the next one ten times are a few kilobytes and 10²⁰ nodes: the checker and the runtime
both inline. This module looks at each function once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import onnx

from registry.compression.intake import walking
from registry.compression.refusal import ModelRefused

_Key = tuple[str, str]


def count_inlined_nodes(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> int:
    """Return how many nodes ``nodes`` and the graphs in them become when every call is replaced by the body of its function.

    Raises:
        ModelRefused: A function calls itself, directly or through others.
    """
    own = {(function.domain, function.name) for function in model.functions}
    calls = {(function.domain, function.name): _count_calls(function.node) for function in model.functions}
    sizes: dict[_Key, int] = {}
    for key in own:
        _measure(key, calls=calls, sizes=sizes)
    return _add_up(_count_calls(nodes), sizes)


def _count_calls(nodes: Iterable[onnx.NodeProto]) -> Counter[_Key]:
    """Count the operators of ``nodes`` and of the branches and loop bodies in them."""
    return Counter((node.domain, node.op_type) for node in walking.iterate_deep(nodes))


def _measure(start: _Key, *, calls: dict[_Key, Counter[_Key]], sizes: dict[_Key, int]) -> None:
    """Fill in the size of ``start`` and of all it calls. A list is the stack: a deep model would overflow that of Python."""
    if start in sizes:
        return
    stack: list[tuple[_Key, Iterator[_Key]]] = [(start, iter(calls[start]))]
    open_calls = {start}
    while stack:
        key, waiting = stack[-1]
        call = next((call for call in waiting if call in calls and call not in sizes), None)
        if call is None:
            sizes[key] = _add_up(calls[key], sizes)
            open_calls.remove(key)
            stack.pop()
        elif call in open_calls:
            raise ModelRefused(f'The function "{call[1][:80]}" calls itself.', reason="function_recursion")
        else:
            open_calls.add(call)
            stack.append((call, iter(calls[call])))


def _add_up(counted: Counter[_Key], sizes: dict[_Key, int]) -> int:
    return sum(count * sizes.get(call, 1) for call, count in counted.items())
