"""Which addresses a running stack listens on, as Linux tells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

LISTENS = "0A"
"""TCP_LISTEN, the state of a socket in /proc/net/tcp (proc_pid_net(5), linux/tcp_states.h)."""
IPV4_BYTES = 4


class Listening(NamedTuple):
    """A listening socket and the process that holds it."""

    address: str
    port: int
    command: str

    @property
    def open_to_others(self) -> bool:
        """Whether another machine may reach it."""
        return not ip_address(self.address).is_loopback


def listening(sessions: Iterable[int]) -> set[Listening]:
    """Every TCP socket on which processes of these sessions listen."""
    wanted, found = set(sessions), set()
    sockets = {inode: (address, port) for address, port, inode in _listening_sockets()}
    for process in Path("/proc").iterdir():
        with suppress(ValueError, OSError):  # no process, or one that has just ended
            if os.getsid(int(process.name)) not in wanted:
                continue
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            for inode in _sockets_of(process):
                if inode in sockets:
                    found.add(Listening(*sockets[inode], command))
    return found


def _sockets_of(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        with suppress(OSError):
            if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                yield match[1]


def _listening_sockets() -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of each."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS:
                address, _, port = fields[1].partition(":")
                yield _address(address), int(port, 16), fields[9]


def _address(hexadecimal: str) -> str:
    """The kernel prints an address as words of four bytes, each in the machine's own order."""
    packed = b"".join(bytes.fromhex(hexadecimal[at : at + 8])[::-1] for at in range(0, len(hexadecimal), 8))
    return str(IPv4Address(packed) if len(packed) == IPV4_BYTES else IPv6Address(packed))
