"""Content codings (gzip, deflate, br, zstd) and charsets behind one pair of functions."""

import codecs
import gzip
import io
import zlib
from typing import Any


def identity(content: bytes) -> bytes:
    return content


def decode_gzip(content: bytes) -> bytes:
    return gzip.decompress(content) if content else b""


def encode_gzip(content: bytes) -> bytes:
    with io.BytesIO() as coded:
        with gzip.GzipFile(fileobj=coded, mode="wb", mtime=0) as file:
            file.write(content)
        return coded.getvalue()


def decode_deflate(content: bytes) -> bytes:
    """With the zlib wrapper, or without as some servers send it."""
    if not content:
        return b""
    try:
        return zlib.decompress(content)
    except zlib.error:
        return zlib.decompress(content, -zlib.MAX_WBITS)


def encode_deflate(content: bytes) -> bytes:
    return zlib.compress(content)


def _brotli() -> Any:
    try:
        import brotli
    except ImportError:
        import brotlicffi as brotli
    return brotli


def decode_brotli(content: bytes) -> bytes:
    return _brotli().decompress(content) if content else b""


def encode_brotli(content: bytes) -> bytes:
    return _brotli().compress(content)


def decode_zstd(content: bytes) -> bytes:
    if not content:
        return b""
    try:
        from compression import zstd
    except ImportError:
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return zstd.ZstdDecompressor().decompress(content)


def encode_zstd(content: bytes) -> bytes:
    try:
        from compression import zstd
    except ImportError:
        import zstandard

        return zstandard.ZstdCompressor().compress(content)
    return zstd.compress(content)


custom_decode = {
    "none": identity,
    "identity": identity,
    "gzip": decode_gzip,
    "deflate": decode_deflate,
    "deflateraw": decode_deflate,
    "br": decode_brotli,
    "zstd": decode_zstd,
}
custom_encode = {
    "none": identity,
    "identity": identity,
    "gzip": encode_gzip,
    "deflate": encode_deflate,
    "deflateraw": encode_deflate,
    "br": encode_brotli,
    "zstd": encode_zstd,
}
COMPRESSIONS = frozenset({"gzip", "deflate", "deflateraw", "br", "zstd"})

# One (coded, coding, errors, plain): addons read a body many times, and write back what they read.
_last: tuple[Any, str, str, Any] | None = None


def decode(encoded: None | str | bytes, encoding: str, errors: str = "strict") -> None | str | bytes:
    """Bytes of a coding or charset, decoded. None stays None; ValueError if it does not decode or the coding is unknown."""
    return _apply(encoded, encoding, errors, custom_decode, codecs.decode, 0)


def encode(decoded: None | str | bytes, encoding: str, errors: str = "strict") -> None | str | bytes:
    """The reverse of `decode`."""
    return _apply(decoded, encoding, errors, custom_encode, codecs.encode, 3)


def _apply(value: Any, encoding: str, errors: str, own: dict, codec, given: int) -> Any:
    global _last
    if value is None:
        return None
    encoding = encoding.lower()
    if _last and _last[1:3] == (encoding, errors) and type(_last[given]) is type(value) and _last[given] == value:
        return _last[3 - given]
    what = codec.__name__
    try:
        result = own[encoding](value) if encoding in own else codec(value, encoding, errors)
    except TypeError:
        raise
    except Exception as error:
        raise ValueError(f"{type(error).__name__} when {what[:-1]}ing {str(value)[:10]!r} with {encoding!r}: {error!r}") from error
    if encoding in COMPRESSIONS:
        _last = (value, encoding, errors, result) if given == 0 else (result, encoding, errors, value)
    return result
