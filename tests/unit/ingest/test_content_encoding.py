import gzip

import pytest
import zstandard

from ingest.landing import content_encoding
from ingest.landing.content_encoding import BodyTooLarge, BodyTruncated, MalformedEncoding, UnknownEncoding

TEXT = b'{"device_id": "edge-1", "records": []}' * 50
PACKED = {"gzip": gzip.compress(TEXT), "zstd": zstandard.compress(TEXT), "": TEXT}


@pytest.mark.parametrize("encoding", list(PACKED))
def test_round_trip(encoding):
    assert content_encoding.decode(PACKED[encoding], encoding=encoding, limit_bytes=10_000) == TEXT


@pytest.mark.parametrize("encoding", list(PACKED))
def test_over_the_limit_is_too_large(encoding):
    with pytest.raises(BodyTooLarge):
        content_encoding.decode(PACKED[encoding], encoding=encoding, limit_bytes=len(TEXT) - 1)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_stopped_at_the_limit(encoding):
    bomb = {"gzip": gzip.compress, "zstd": zstandard.compress}[encoding](bytes(20_000_000))
    assert len(bomb) < 200_000
    with pytest.raises(BodyTooLarge):
        content_encoding.decode(bomb, encoding=encoding, limit_bytes=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_half_a_stream_is_truncated(encoding):
    for length in (0, 1, 5, len(PACKED[encoding]) // 2, len(PACKED[encoding]) - 1):
        with pytest.raises((BodyTruncated, MalformedEncoding)):
            content_encoding.decode(PACKED[encoding][:length], encoding=encoding, limit_bytes=10_000)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_not_in_the_encoding_is_malformed(encoding):
    with pytest.raises(MalformedEncoding):
        content_encoding.decode(TEXT, encoding=encoding, limit_bytes=10_000)


def test_an_unknown_encoding_is_named():
    with pytest.raises(UnknownEncoding, match="br"):
        content_encoding.decode(TEXT, encoding="br", limit_bytes=10_000)
