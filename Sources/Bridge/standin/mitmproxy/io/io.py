"""Reading and writing flow files."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from mitmproxy import exceptions, flow, flowfilter
from mitmproxy.io import compat, tnetstring


class FlowWriter:
    """Appends flows to a file that is open for bytes."""

    def __init__(self, fo: BinaryIO) -> None:
        self.fo = fo

    def add(self, f: flow.Flow) -> None:
        tnetstring.dump(f.get_state(), self.fo)


class FlowReader:
    """Reads the flows of a file that is open for bytes."""

    def __init__(self, fo: BinaryIO) -> None:
        self.fo: Any = fo

    def peek(self, n: int) -> bytes:
        """The next octets, which stay there. Needs a buffered file."""
        return self.fo.peek(n)[:n] if hasattr(self.fo, "peek") else b""

    def stream(self) -> Iterator[flow.Flow]:
        """Its flows. FlowReadException where the file is damaged, after the flows before that."""
        try:
            if self.peek(1) == b"{" or self.peek(4) == b"\xef\xbb\xbf{":
                raise exceptions.FlowReadException("HAR files are not read by Weir's stand-in; weir itself imports them")
            while True:
                # A file may end between two flows, but nowhere else.
                first = self.fo.read(1)
                if not first:
                    return
                state = tnetstring.load(_Prefixed(first, self.fo))
                if not isinstance(state, dict):
                    raise ValueError(f"Invalid flow: {state!r}")
                yield flow.Flow.from_state(compat.migrate_flow(state))
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, AssertionError, RecursionError) as error:
            if "flow format version" in str(error):
                raise exceptions.FlowReadException(str(error)) from error
            raise exceptions.FlowReadException("Invalid data format.") from error


class _Prefixed:
    """A file with one octet put back."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first, self._file = first, file

    def read(self, size: int) -> bytes:
        first, self._first = self._first, b""
        return first if first else self._file.read(size)


class FilteredFlowWriter:
    """Appends the flows that match."""

    def __init__(self, fo: BinaryIO, flt: flowfilter.TFilter | None) -> None:
        self.fo = fo
        self.flt = flt

    def add(self, f: flow.Flow) -> None:
        if not self.flt or flowfilter.match(self.flt, f):
            tnetstring.dump(f.get_state(), self.fo)


def read_flows_from_paths(paths: Iterable[str]) -> list[flow.Flow]:
    """All flows of the files. FlowReadException names what cannot be read."""
    flows: list[flow.Flow] = []
    for path in paths:
        try:
            with open(os.path.expanduser(path), "rb") as file:
                flows.extend(FlowReader(file).stream())
        except OSError as error:
            raise exceptions.FlowReadException(error.strerror) from error
    return flows
