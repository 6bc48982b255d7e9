"""Content codings as servers and clients put them on, and bodies that are a gibibyte of zeros without them."""

import functools
import gzip
import zlib

import brotli
import zstandard


def deflate(data: bytes, level: int = 9) -> bytes:
    return zlib.compress(data, level)


ENCODE = {
    "gzip": lambda data: gzip.compress(data, 9, mtime=0),
    "deflate": deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.ZstdCompressor().compress,
}
DECODE = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}
STREAM = {
    "gzip": lambda: zlib.compressobj(9, zlib.DEFLATED, 31),
    "gzip -1": lambda: zlib.compressobj(1, zlib.DEFLATED, 31),
    "deflate": lambda: zlib.compressobj(9),
    "br": lambda: Brotli(),
    "zstd": lambda: zstandard.ZstdCompressor().compressobj(),
}
UNDO = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}
PIECE = {"gzip": zlib.Z_SYNC_FLUSH, "br": None, "zstd": zstandard.COMPRESSOBJ_FLUSH_BLOCK}


class Brotli:
    """As the objects of zlib."""

    def __init__(self):
        self.coder = brotli.Compressor(quality=1)
        self.compress = self.coder.process

    def flush(self, *mode) -> bytes:
        return self.coder.flush() if mode else self.coder.finish()


def names(codings: str) -> list[str]:
    """The codings in the order in which they were applied; a level behind a name is none of the field's."""
    return [name.split(" ")[0] for name in codings.split(", ")]


def field(codings: str) -> str:
    return "Content-Encoding: " + ", ".join(names(codings))


def encoded(data: bytes, codings: str) -> bytes:
    return functools.reduce(lambda data, name: ENCODE[name](data), names(codings), data)


def decoded(data: bytes, codings: str) -> bytes:
    return functools.reduce(lambda data, name: DECODE[name](data), reversed(names(codings)), data)


@functools.cache
def bomb(codings: str, mebibytes: int = 1024) -> bytes:
    """So many mebibytes of zeros in these codings, the first of which may name a level."""
    first, *others = codings.split(", ")
    stream, zeros = STREAM[first](), bytes(1 << 20)
    packed = b"".join([*(stream.compress(zeros) for _ in range(mebibytes)), stream.flush()])
    return encoded(packed, ", ".join(others)) if others else packed


def response(body: bytes, *lines: str) -> bytes:
    head = ["HTTP/1.1 200 OK", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
