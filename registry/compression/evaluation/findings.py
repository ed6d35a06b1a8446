"""Warnings about how a variant was judged: sentences with numbers, for people."""

import base64
from typing import Final

from registry.compression.evaluation.results import Golden, QualityNumbers

# What a manifest may carry of golden tensors.
GOLDEN_BYTES: Final = 1 << 20
FEW_SAMPLES: Final = 64


def warn(numbers: QualityNumbers, *, golden: Golden | None = None) -> list[str]:
    """Return what a reader of the numbers should know."""
    compared, given = numbers.get("parity_samples", 0), numbers.get("parity_samples_given", 0)
    sentences = []
    if numbers.get("parity_on") == "random":
        sentences.append("No samples were given, so the quality was judged on random inputs by noise alone.")
    elif given < FEW_SAMPLES:
        sentences.append(f"The quality was judged on {given} inferences; {FEW_SAMPLES} or more make the numbers firm.")
    if compared < given:
        sentences.append(f"The time for comparing allowed {compared} of {given} inferences.")
    if names := numbers.get("source_not_finite"):
        shown = ", ".join(f'"{name}"' for name in names)
        sentences.append(
            f"The source itself gives NaN or infinite values in {shown}; they were left out of the comparison."
        )
    if golden is not None and (size := count_golden_bytes(golden)) > GOLDEN_BYTES:
        sentences.append(f"The self-test has {size} bytes, because the extents of the model are fixed.")
    return sentences


def count_golden_bytes(golden: Golden) -> int:
    """Return the bytes of all golden tensors, before base64."""
    tensors = [*golden["inputs"].values(), *golden["outputs"].values()]
    return sum(len(base64.b64decode(tensor["data"])) for tensor in tensors)
