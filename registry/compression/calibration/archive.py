"""Unpacks a ``.npz`` without trusting it: declared sizes first, no pickles, one plain ``.npy`` file per array.

Arrays are memory-mapped from the unpacked files, so that memory does not grow with the number of samples.
"""

import math
import shutil
import zipfile
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.lib import format as npy

from registry.compression.arrays import Array
from registry.compression.refusal import ModelRefused
from registry.compression.sandbox.limits import Limits

_SUFFIX = ".npy"
_MAX_ARRAYS = 256


# Which of the two files of an upload: the samples that set ranges, or those that quality is judged on.
Role = Literal["calibration", "evaluation"]


def open_arrays(path: Path, *, folder: Path, limits: Limits, role: Role = "calibration") -> dict[str, Array]:
    """Unpack every array of the archive into ``folder`` and map it read-only.

    Raises:
        ModelRefused: Not an archive, larger unpacked than allowed, a pickle, or a header that contradicts the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, limit_bytes=limits.calibration_bytes, role=role)
            return {
                member.filename.removesuffix(_SUFFIX): _unpack(
                    archive, member, target=folder / f"{role}-{index}{_SUFFIX}", role=role
                )
                for index, member in enumerate(members)
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise _refuse(f"The {role} file is not a .npz archive, or it is damaged.", reason=f"{role}_archive") from error


def _check_members(members: list[zipfile.ZipInfo], *, limit_bytes: float, role: Role) -> None:
    if not members:
        raise _refuse(f"The {role} file has no arrays.", reason=f"{role}_archive")
    if len(members) > _MAX_ARRAYS:
        raise _refuse(f"The {role} file has {len(members)} arrays; at most {_MAX_ARRAYS}.", reason=f"{role}_archive")
    names = [member.filename for member in members]
    if len(set(names)) != len(names) or not all(name.endswith(_SUFFIX) for name in names):
        raise _refuse(f"The {role} file is not a .npz archive as numpy.savez writes it.", reason=f"{role}_archive")
    declared = sum(member.file_size for member in members)
    if declared > limit_bytes:
        message = f"The {role} file unpacks to {declared} bytes; at most {int(limit_bytes)} are accepted."
        raise _refuse(message, reason=f"{role}_too_large")


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, target: Path, role: Role) -> Array:
    name = member.filename.removesuffix(_SUFFIX)
    with archive.open(member) as stream:
        _check_header(stream, name=name, file_size=member.file_size, role=role)
    with archive.open(member) as stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    if target.stat().st_size != member.file_size:
        raise _refuse(f'The array "{name}" of the {role} file is cut off.', reason=f"{role}_archive")
    array: Array = np.load(target, mmap_mode="r" if member.file_size > 1 << 20 else None, allow_pickle=False)
    return array


def _check_header(stream: IO[bytes], *, name: str, file_size: int, role: Role) -> None:
    """Compare what the header promises with the declared size, before numpy allocates for it."""
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, _, dtype = read(stream)
    except (ValueError, KeyError, TypeError, SyntaxError) as error:
        raise _refuse(
            f'The array "{name}" of the {role} file is not in the .npy format.', reason=f"{role}_archive"
        ) from error
    if dtype.hasobject:
        raise _refuse(
            f'The array "{name}" of the {role} file holds Python objects; only numbers are read.',
            reason=f"{role}_objects",
        )
    if any(extent < 0 for extent in shape) or math.prod(shape) * dtype.itemsize + stream.tell() != file_size:
        raise _refuse(
            f'The array "{name}" of the {role} file has another length than its header says.', reason=f"{role}_archive"
        )


def _refuse(message: str, *, reason: str) -> ModelRefused:
    return ModelRefused(message, reason=reason)
