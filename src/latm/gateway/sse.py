"""Server-sent events: bytes, cut anywhere, flow in; whole events flow out.

Invariant: the events do not depend on where the bytes were cut. (WHATWG HTML, section
9.2.6, less the parts that only concern reconnecting.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``name`` is empty when it has none."""

    name: str
    data: str


@dataclass(slots=True)
class Splitter:
    """Takes bytes as they come."""

    _rest: bytes = b""
    _name: str = ""
    _data: list[str] = field(default_factory=list[str])
    _begun: bool = False

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that end in this part."""
        text = self._rest + part
        # A carriage return at the end may be the first half of a line's end.
        held = b"\r" if text.endswith(b"\r") else b""
        text = text.removesuffix(b"\r") if held else text
        if not self._begun and len(text) + len(held) >= 3:
            text, self._begun = text.removeprefix(b"\xef\xbb\xbf"), True
        elif not self._begun:
            self._rest = text + held
            return
        *lines, rest = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = rest + held
        for line in lines:
            if (event := self._line(line)) is not None:
                yield event

    def _line(self, line: bytes) -> Event | None:
        if not line:
            event = Event(self._name, "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(text)
        elif name == b"event":
            self._name = text
        return None


def split(stream: bytes) -> list[Event]:
    """The events of a whole stream; an event without its blank line is dropped."""
    return list(Splitter().feed(stream + b"\n" if stream.endswith(b"\r") else stream))
