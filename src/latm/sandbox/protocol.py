"""What crosses the border: length-prefixed JSON, read by a parser that trusts nothing.

Bytes of a worker flow in, plain values or `ReplyError` flow out; arguments flow in, bytes
flow out. Invariant: `parse_reply` is total (any bytes give a value or `ReplyError`), and what
it returns survives another trip unchanged: exact types, finite floats, string keys without
duplicates, valid Unicode, bounded depth, nodes and integers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias, cast

from latm.types import Json, Limits, Program

MAX_DEPTH = 64
MAX_NODES = 200_000
MAX_INT_BITS = 4096
MAX_INT_DIGITS = 1234  # digits of 2**4096, and a sign
MAX_SOURCE_BYTES = 40_000
MAX_ARGUMENT_BYTES = 256 * 1024
HEADER = struct.Struct(">I")
ENVELOPE_BYTES = 1024  # room for the keys around a value, and for an error's text

ReplyKind = Literal["raised", "refused", "memory", "output"]
_KINDS: frozenset[str] = frozenset(("raised", "refused", "memory", "output"))


class ReplyError(ValueError):
    """A worker's reply, or a value, is not what the protocol allows."""


@dataclass(frozen=True, slots=True)
class Value:
    """The program returned this."""

    value: Json


@dataclass(frozen=True, slots=True)
class Problem:
    """The worker says that the program failed."""

    kind: ReplyKind
    message: str


WorkerReply: TypeAlias = Value | Problem


# --- frames ----------------------------------------------------------------------------


def frame(payload: bytes) -> bytes:
    return HEADER.pack(len(payload)) + payload


def unframe(data: bytes, cap: int) -> bytes:
    """The payload of exactly one frame with nothing after it.

    Raises:
        ReplyError: cut short, longer than ``cap``, or followed by more.
    """
    if len(data) < HEADER.size:
        raise ReplyError("no complete reply frame")
    (length,) = HEADER.unpack_from(data)
    if length > cap:
        raise ReplyError(f"reply of {length} bytes is over the cap of {cap}")
    if len(data) != HEADER.size + length:
        raise ReplyError("reply frame does not have the length it claims")
    return data[HEADER.size :]


# --- requests --------------------------------------------------------------------------


def check_program(program: Program) -> None:
    """Refuse what no engine should see. Does not parse: that is the worker's risk.

    Raises:
        ReplyError: with the reason.
    """
    if not program.entry.isidentifier():
        raise ReplyError(f"entry {program.entry!r} is not an identifier")
    try:
        source = program.source.encode()
    except UnicodeEncodeError:
        raise ReplyError("source is not valid Unicode") from None
    if len(source) > MAX_SOURCE_BYTES:
        raise ReplyError(f"source of {len(source)} bytes is over {MAX_SOURCE_BYTES}")
    if b"\0" in source:
        raise ReplyError("source contains a NUL character")


def encode_arguments(arguments: Sequence[Json]) -> bytes:
    """Arguments as JSON text, after the same checks that a reply has to pass.

    Raises:
        ReplyError: not plain data, or too large.
    """
    text = json.dumps(plain(list(arguments)), allow_nan=False).encode()
    if len(text) > MAX_ARGUMENT_BYTES:
        raise ReplyError(f"arguments of {len(text)} bytes are over {MAX_ARGUMENT_BYTES}")
    return text


def encode_request(program: Program, arguments: Sequence[Json], limits: Limits) -> bytes:
    """The one message that a worker gets. Nothing of the caller is in it.

    Raises:
        ReplyError: the program or its arguments are refused.
    """
    check_program(program)
    body = json.dumps(
        {
            "source": program.source,
            "entry": program.entry,
            "cpu_seconds": limits.cpu_seconds,
            "memory_bytes": limits.memory_bytes,
            "result_bytes": limits.result_bytes,
        }
    ).encode()
    return frame(body[:-1] + b', "arguments": ' + encode_arguments(arguments) + b"}")


# --- replies ---------------------------------------------------------------------------


def reply_cap(limits: Limits) -> int:
    """Most bytes of payload that a reply may have."""
    return limits.result_bytes + ENVELOPE_BYTES


def parse_reply(data: bytes, limits: Limits) -> WorkerReply:
    """Read one whole reply: ``{"ok": true, "value": …}`` or ``{"ok": false, "error": …}``.

    Raises:
        ReplyError: anything else, whatever the bytes.
    """
    return _shape(parse_json(unframe(data, reply_cap(limits))))


def parse_reply_loosely(data: bytes) -> WorkerReply:
    """What `parse_reply` would be without its checks; only for the test that takes them away."""
    return _shape(cast(Json, json.loads(data[HEADER.size :])))


def _shape(reply: Json) -> WorkerReply:
    if not isinstance(reply, dict):
        raise ReplyError("reply is not an object")
    if reply.get("ok") is True and reply.keys() == {"ok", "value"}:
        return Value(reply["value"])
    if reply.get("ok") is False and reply.keys() == {"ok", "error"}:
        error = reply["error"]
        if isinstance(error, dict) and error.keys() == {"kind", "message"}:
            kind, message = error["kind"], error["message"]
            if isinstance(kind, str) and kind in _KINDS and isinstance(message, str):
                return Problem(cast(ReplyKind, kind), message)  # checked by the line above
    raise ReplyError("reply has an unknown shape")


def parse_json(payload: bytes) -> Json:
    """Strict JSON.

    Raises:
        ReplyError: invalid UTF-8 or JSON, duplicate keys, numbers without a finite value or
            with too many bits, too deep, too many nodes, lone surrogates.
    """
    try:
        raw = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except ReplyError:
        raise
    except RecursionError:
        raise ReplyError("value is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError among them
        raise ReplyError(f"not valid JSON ({type(error).__name__})") from None
    return plain(raw)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ReplyError("an object has a key twice")
    return result


def _constant(text: str) -> object:
    raise ReplyError(f"{text} is not a finite number")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ReplyError("a number is not finite")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_INT_DIGITS + 1:
        raise ReplyError(f"an integer has over {MAX_INT_BITS} bits")
    return int(text)


# --- plain data ------------------------------------------------------------------------


class _Walk:
    """Bounds shared by one walk over a value."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes = 0

    def visit(self, value: object, depth: int) -> Json:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ReplyError(f"value has over {MAX_NODES} nodes")
        kind = type(value)
        if kind is list or kind is tuple:
            items = cast("Sequence[object]", value)  # exactly a list or a tuple
            _check_depth(depth)
            return [self.visit(item, depth + 1) for item in items]
        if kind is dict:
            _check_depth(depth)
            pairs = cast("dict[object, object]", value)  # exactly a dict
            return {_key(key): self.visit(item, depth + 1) for key, item in pairs.items()}
        return _leaf(value)


def plain(value: object) -> Json:
    """A copy of ``value`` as exact plain types; a tuple becomes a list.

    Raises:
        ReplyError: it is not plain data or breaks a bound.
    """
    return _Walk().visit(value, 0)


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ReplyError(f"value is nested over {MAX_DEPTH} levels")


def _key(key: object) -> str:
    if type(key) is not str:
        raise ReplyError(f"a key is of type {type(key).__name__!r}, not a string")
    return _text(key)


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ReplyError("a string is not valid Unicode (lone surrogate)") from None
    return text


def _leaf(value: object) -> Json:
    kind = type(value)
    # Exact types: a subclass could carry behaviour, and True must not pass for 1.
    if kind is str:
        return _text(cast(str, value))
    if kind is int:
        if cast(int, value).bit_length() > MAX_INT_BITS:
            raise ReplyError(f"an integer has over {MAX_INT_BITS} bits")
        return cast(int, value)
    if kind is float:
        if not isfinite(cast(float, value)):
            raise ReplyError("a number is not finite")
        return cast(float, value)
    if value is None or kind is bool:
        return cast("bool | None", value)
    raise ReplyError(f"a value of type {kind.__name__!r} is not plain data")
