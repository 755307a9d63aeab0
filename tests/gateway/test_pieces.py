"""Splitting streams, and answers read and written as them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latm.gateway.observing import Heard, Observed, heard
from latm.gateway.reading import Incoming, Kind
from latm.gateway.sse import Event, Splitter, split
from latm.gateway.writing import Answered, events, pieces, whole
from latm.types import Message, Usage
from latm.using.gate import Request

TEXT = st.text(max_size=40)
LINES = st.sampled_from(
    ["data: x", "data:y", "data", ": c", "event: e", "id: 1", "", "", "é", "\ufeff"]
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


@given(st.lists(st.tuples(LINES, ENDS)), st.lists(st.integers(0, 60)))
def test_events_do_not_depend_on_where_the_stream_is_cut(
    lines: list[tuple[str, str]], cuts: list[int]
) -> None:
    stream = "".join(line + end for line, end in lines).encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    splitter = Splitter()
    found = [event for start, end in pairwise(places) for event in splitter.feed(stream[start:end])]
    assert found + list(splitter.feed(b"\n")) == split(stream + b"\n") or stream.endswith(b"\r")
    assert found == split(stream)[: len(found)]


@given(st.binary(max_size=200))
def test_any_bytes_are_split_without_an_error(stream: bytes) -> None:
    assert all(event.data is not None for event in split(stream))


def test_events_are_those_of_the_standard() -> None:
    stream = b"\xef\xbb\xbfevent: a\ndata: 1\ndata:2\n\n: c\n\ndata\r\n\r\ndata: cut"
    assert split(stream) == [Event("a", "1\n2"), Event("", "")]


@given(TEXT)
def test_pieces_add_up_to_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


# --- a tool's answer, read as an upstream's --------------------------------------------


def answered(kind: Kind, text: str, *, stream: bool) -> Answered:
    request = Request((Message("user", "?"),), "gpt-4o")
    return Answered(Incoming(kind, request, stream, usage=True), text, Usage(3, 1, 2), "id1", 7)


def observed(out: Answered) -> Observed:
    stream = out.incoming.stream
    return Observed(
        request_id="id1",
        tenant="",
        incoming=out.incoming,
        asked=None,
        served=None,
        status=200,
        media_type="text/event-stream" if stream else "application/json",
        encoding="",
        body=b"".join(events(out)) if stream else whole(out),
        complete=True,
        opted_out=False,
        seconds=0.0,
    )


KINDS = st.sampled_from(["chat", "responses"])


@given(KINDS, TEXT, st.booleans())
def test_what_is_written_can_be_read_back(kind: Kind, text: str, stream: bool) -> None:
    seen = observed(answered(kind, text, stream=stream))
    assert heard(seen) == Heard(text, "stop", Usage(3, 1, 2), "gpt-4o")
    packed = replace(seen, body=gzip.compress(seen.body), encoding="gzip")
    assert heard(packed) == heard(seen)


@given(KINDS, TEXT, st.booleans(), st.integers(1, 30))
def test_what_was_cut_teaches_nothing(kind: Kind, text: str, stream: bool, cut: int) -> None:
    seen = observed(answered(kind, text, stream=stream))
    assert heard(replace(seen, body=seen.body[:-cut])) is None or seen.body[-cut:].isspace()
    assert heard(replace(seen, complete=False)) is None
    assert heard(replace(seen, status=500)) is None


@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b"\xff", b"data: x\n\n"]
)
@pytest.mark.parametrize("media", ["application/json", "text/event-stream", "text/html"])
def test_garbage_teaches_nothing(kind: Kind, body: bytes, media: str) -> None:
    seen = observed(answered(kind, "x", stream=False))
    assert heard(replace(seen, body=body, media_type=media)) is None
