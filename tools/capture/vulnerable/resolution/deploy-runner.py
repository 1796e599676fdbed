"""Runs the deployment script on the application servers over SSH."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import paramiko

log = logging.getLogger(__name__)
SCRIPT = "bin/deploy"


@dataclass(frozen=True)
class Server:
    """An application server."""

    host: str
    login: str = "deploy"


def connect(server: Server, key_file: Path) -> paramiko.SSHClient:
    """An open connection to the server."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(server.host, username=server.login, key_filename=str(key_file), timeout=15)
    return client


def deploy(server: Server, key_file: Path) -> int:
    """Run the deployment script and return its exit code."""
    client = connect(server, key_file)
    try:
        _, stdout, _ = client.exec_command(SCRIPT, timeout=600)
        code = stdout.channel.recv_exit_status()
    finally:
        client.close()
    log.info("%s: exit code %d", server.host, code)
    return code
