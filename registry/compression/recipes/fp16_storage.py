"""FP16 in the file, FP32 in memory: half the download, outputs that hardly change, and no samples needed (``storing``)."""

from pathlib import Path

from registry.compression.recipes import Parameters, storing
from registry.compression.recipes.source import Source


def build(source: Source, *, destination: Path, parameters: Parameters) -> None:
    """Write the model with stored constants to ``destination``.

    Raises:
        NotApplicable: No weight is large enough.
    """
    del parameters
    storing.store(source, destination=destination, bits=storing.HALF, choose_bits=lambda _: storing.HALF)
