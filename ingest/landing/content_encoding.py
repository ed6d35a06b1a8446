"""Decode gzip and zstd, and never hold more than the limit in memory."""

import zlib

import zstandard

from core.errors import DomainError, Invalid, Kind


class BodyTruncated(Invalid):
    """The compressed body ends before its end mark."""

    code = "body_truncated"


class MalformedEncoding(Invalid):
    """The bytes are not in the announced encoding."""

    code = "malformed_encoding"


class UnknownEncoding(DomainError):
    """The Content-Encoding is not accepted."""

    code = "unknown_content_encoding"
    kind = Kind.INVALID


class BodyTooLarge(DomainError):
    """The decoded body is over the limit."""

    code = "too_large"
    kind = Kind.TOO_LARGE


def decode(body: bytes, *, encoding: str, limit_bytes: int) -> bytes:
    """Return the decoded body, at most ``limit_bytes`` long.

    Raises:
        UnknownEncoding: ``encoding`` is not identity, gzip or zstd.
        BodyTooLarge: The decoded body would be longer. Bytes beyond the limit are not unpacked.
        BodyTruncated: The compressed body ends before its end mark.
        MalformedEncoding: The bytes are not of that encoding.
    """
    match encoding.strip().lower():
        case "" | "identity":
            decoded = body
        case "gzip":
            decoded = _gunzip(body, limit_bytes=limit_bytes)
        case "zstd":
            decoded = _unzstd(body, limit_bytes=limit_bytes)
        case _:
            raise UnknownEncoding(f"Content-Encoding {encoding[:40]!r} is not accepted; send gzip, zstd or none.")
    if len(decoded) > limit_bytes:
        raise BodyTooLarge(f"The decoded body is larger than {limit_bytes} bytes.", limit_bytes=limit_bytes)
    return decoded


def _gunzip(body: bytes, *, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        decoded = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise MalformedEncoding("The body is not gzip.") from error
    if len(decoded) <= limit_bytes and not unpacker.eof:
        raise BodyTruncated("The gzip body ends half way; nothing was kept.")
    return decoded


def _unzstd(body: bytes, *, limit_bytes: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj(read_across_frames=False)
    # One input byte can become many bytes. Small steps keep the unpacked body near the limit.
    decoded = bytearray()
    try:
        for start in range(0, len(body), 4096):
            decoded += unpacker.decompress(body[start : start + 4096])
            if len(decoded) > limit_bytes or unpacker.eof:
                break
    except zstandard.ZstdError as error:
        raise MalformedEncoding("The body is not zstd.") from error
    if len(decoded) <= limit_bytes and not unpacker.eof:
        raise BodyTruncated("The zstd body ends half way; nothing was kept.")
    return bytes(decoded)
