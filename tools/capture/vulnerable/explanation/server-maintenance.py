"""Maintenance of rented servers, started from the customer's control panel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import paramiko

KNOWN_HOSTS = Path("etc/known_hosts")


class MaintenanceFailed(Exception):
    """The command on the server ended with an error; the text is its output."""


@dataclass(frozen=True)
class Rented:
    """A server; we log in to it as root."""

    host: str
    key_file: Path


def restart_service(server: Rented, service: str) -> str:
    """Restart a service and return its state. `service` is the field of the panel's form."""
    return _run(server, f"systemctl restart {service} && systemctl is-active {service}")


def _run(server: Rented, command: str) -> str:
    client = paramiko.SSHClient()
    client.load_host_keys(str(KNOWN_HOSTS))
    client.connect(server.host, username="root", key_filename=str(server.key_file), timeout=10)
    try:
        _, stdout, stderr = client.exec_command(command, timeout=60)
        output = stdout.read().decode()
        if stdout.channel.recv_exit_status() != 0:
            raise MaintenanceFailed(stderr.read().decode())
        return output.strip()
    finally:
        client.close()
