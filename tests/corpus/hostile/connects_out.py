# ruff: noqa
# must not happen: a datagram reaches a port of the host
# held when: no BREACH
# argument: @PORT@
# calls: 1
import socket


def solve(port):
    plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plug.connect(("127.0.0.1", port))
    return "BREACH connected"
