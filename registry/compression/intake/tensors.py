"""Every tensor must hold exactly the bytes that its shape declares (onnx.proto, ``TensorProto``)."""

import math

import onnx
from onnx import TensorProto

from registry.compression.refusal import ModelRefused

# Bits of one element where it is stored in raw_data.
_BITS: dict[int, int] = {
    TensorProto.FLOAT: 32, TensorProto.UINT8: 8, TensorProto.INT8: 8, TensorProto.UINT16: 16, TensorProto.INT16: 16,
    TensorProto.INT32: 32, TensorProto.INT64: 64, TensorProto.BOOL: 8, TensorProto.FLOAT16: 16, TensorProto.DOUBLE: 64,
    TensorProto.UINT32: 32, TensorProto.UINT64: 64, TensorProto.COMPLEX64: 64, TensorProto.COMPLEX128: 128,
    TensorProto.BFLOAT16: 16, TensorProto.FLOAT8E4M3FN: 8, TensorProto.FLOAT8E4M3FNUZ: 8, TensorProto.FLOAT8E5M2: 8,
    TensorProto.FLOAT8E5M2FNUZ: 8, TensorProto.UINT4: 4, TensorProto.INT4: 4, TensorProto.FLOAT4E2M1: 4,
}  # fmt: skip
_FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data", TensorProto.COMPLEX64: "float_data", TensorProto.DOUBLE: "double_data",
    TensorProto.COMPLEX128: "double_data", TensorProto.INT64: "int64_data", TensorProto.UINT32: "uint64_data",
    TensorProto.UINT64: "uint64_data", TensorProto.STRING: "string_data",
}  # fmt: skip
_MOST_ELEMENTS = 1 << 40
_PAIRED: frozenset[int] = frozenset({TensorProto.COMPLEX64, TensorProto.COMPLEX128})


def check_tensor(tensor: onnx.TensorProto, *, owner: str) -> None:
    """Refuse data outside of the file and data of another length than declared.

    Raises:
        ModelRefused: With the tensor's owner and both lengths in the sentence.
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        message = f"The {owner} keeps its data in another file. Save the model with all data in one file."
        raise ModelRefused(message, reason="external_data")
    if any(extent < 0 for extent in tensor.dims):
        raise ModelRefused(f"The {owner} has a negative dimension.", reason="tensor_length")
    # An extent of 0 hides the others from the product, and tools multiply in another order.
    if math.prod(max(1, extent) for extent in tensor.dims) > _MOST_ELEMENTS:
        raise ModelRefused(f"The {owner} declares the extents {list(tensor.dims)[:16]}.", reason="tensor_length")
    elements = math.prod(tensor.dims)
    present, wanted, unit = _measure(tensor, elements)
    if present != wanted:
        message = f"The {owner} declares {elements} elements ({wanted} {unit}), but {present} {unit} are present."
        raise ModelRefused(message, reason="tensor_length")


def count_elements(tensor: onnx.TensorProto) -> int:
    """Return the number of elements that the shape declares."""
    return math.prod(tensor.dims)


def _measure(tensor: onnx.TensorProto, elements: int) -> tuple[int, int, str]:
    """Return (present, wanted, unit) of the field that holds the data."""
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data), math.ceil(elements * _BITS.get(tensor.data_type, 0) / 8), "bytes"
    present = len(getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data")))
    if tensor.data_type in _PAIRED:
        return present, 2 * elements, "numbers"
    if _BITS.get(tensor.data_type) == 4:
        return present, math.ceil(elements / 2), "numbers"
    return present, elements, "numbers"
