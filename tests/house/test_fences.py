"""The fences of tests/conftest.py hold."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.request
from pathlib import Path

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 80), ("::ffff:0", 80)])
def test_a_socket_cannot_connect_past_loopback(address: tuple[str, int]) -> None:
    with (
        socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as sock,
        pytest.raises(RuntimeError, match="use loopback"),
    ):
        sock.connect(address)


def test_a_datagram_cannot_be_sent_past_loopback() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(RuntimeError, match="use loopback"),
    ):
        sock.sendto(b"x", ("192.0.2.1", 53))


def test_a_name_cannot_be_looked_up() -> None:
    with pytest.raises(RuntimeError, match="use loopback"):
        urllib.request.urlopen("http://example.org/", timeout=1)


async def test_asyncio_cannot_connect_past_loopback() -> None:
    with pytest.raises(RuntimeError, match="use loopback"):
        await asyncio.open_connection("192.0.2.1", 80)


async def test_loopback_is_open() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("localhost", port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_no_setting_or_key_of_the_machine_is_seen(home: Path, tmp_path: Path) -> None:
    assert [name for name in os.environ if name.startswith("LATM_")] == ["LATM_HOME"]
    assert Path(os.environ["LATM_HOME"]) == home
    assert home.is_relative_to(tmp_path)
    assert not [name for name in os.environ if name.endswith("_API_KEY")]
