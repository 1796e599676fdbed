"""The sandbox as a server: uvicorn on uvloop and httptools, one process, its address announced as one JSON line."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette

from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.dataset import Item
from daily_runs.errors import ParameterError
from daily_runs.input_files import printable
from daily_runs.sandbox.app import create_app
from daily_runs.sandbox.world.clock import SandboxClock
from daily_runs.sandbox.world.contents import ContentsWatch
from daily_runs.sandbox.world.received import RequestLog
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.sandbox.world.wire import DroppableProtocol
from daily_runs.sandbox.world.world import World

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8390
_BACKLOG = 2048
_GRACE_SECONDS = 1
_CUT_SHORT = "ASGI callable returned without completing response."
_STILL_WAITING = "Cancel %s running task(s), timeout graceful shutdown exceeded"


def run(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    time_scale: float = 1.0,
    scenario: Path | None = None,
    *,
    stop_on_stdin_eof: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM; prints `{"address": ..., "pid": ..., "time_scale": ...}` once it listens.

    Args:
        host: address to bind.
        port: 0 takes a free one.
        time_scale: domain seconds in one second of the clock.
        scenario: a JSON file of faults (see `scenario.Scenario`); none by default.
        stop_on_stdin_eof: also stop when standard input ends, so that it dies with the process that started it.

    Raises:
        ParameterError: occupied port, impossible host or time scale, unreadable or invalid scenario.
        CatalogueError: what the sandbox is to stand for is not sound. A feature that is left out has no seeds there,
            which is said on standard error.
    """
    if time_scale <= 0:
        raise ParameterError(
            "--time-scale", f"{time_scale:g} is not more than 0", "Give 1 for real time, 60 for a demo."
        )
    faults = read_scenario(scenario) if scenario else Scenario()
    listening = listen(host, port)
    watch = ContentsWatch()
    loaded = watch.contents.catalogue
    try:
        check_accounts(faults, loaded.accounts, scenario)
    except ParameterError:
        listening.close()
        raise
    for line in told_left_out(loaded):
        sys.stderr.write(f"daily-runs: {printable(line)}\n")
    world = build_world(loaded, watch.contents.items_by_feature, time_scale=time_scale, scenario=faults, watch=watch)
    serve(world, listening, stop_on_stdin_eof)


def check_accounts(faults: Scenario, accounts: Collection[str], scenario: Path | None) -> None:
    """Foreign load is on accounts of the catalogue.

    Raises:
        ParameterError: it names another.
    """
    if unknown := sorted(faults.foreign_load.keys() - accounts):
        raise ParameterError(
            f"--scenario {scenario}",
            f"foreign_load: no such account {unknown[0]!r}",
            f"Name one of {', '.join(accounts)}.",
        )


def serve(world: World, listening: socket.socket, stop_on_stdin_eof: bool) -> None:
    """Serve a world on a bound socket; see `run`."""
    server = make_server(create_app(world))
    if stop_on_stdin_eof:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    _announce(listening, world.clock.time_scale)
    # uvicorn stops cleanly on SIGINT and then raises it again for its caller.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def build_world(
    catalogue: Catalogue,
    items_by_feature: Mapping[str, Sequence[Item]],
    *,
    time_scale: float = 1.0,
    scenario: Scenario | None = None,
    watch: ContentsWatch | None = None,
) -> World:
    """A fresh world with full buckets and an empty ledger."""
    return World(SandboxClock(time_scale), scenario or Scenario(), RequestLog(), items_by_feature, catalogue, watch)


def make_server(app: Starlette) -> uvicorn.Server:
    """uvicorn as the sandbox needs it: quiet, quick, and able to drop a connection."""
    logging.getLogger("uvicorn.error").addFilter(_is_a_fault_of_ours)
    config = uvicorn.Config(
        app,
        http=DroppableProtocol,
        loop="auto",
        lifespan="off",
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        ParameterError: the port is taken, or the host is not ours.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OverflowError as error:
        listening.close()
        raise ParameterError("--port", f"{port} is no port", "Give 0 (a free one) to 65535.") from error
    except OSError as error:
        listening.close()
        problem = f"cannot listen on {host}:{port} ({error.strerror})"
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise ParameterError("--port", problem, "Stop what runs there or give another port.") from error
        raise ParameterError("--host", problem, "Give an address of this machine, such as 127.0.0.1.") from error
    return listening


def read_scenario(path: Path) -> Scenario:
    """A scenario from a JSON file.

    Raises:
        ParameterError: unreadable, no JSON, unknown key or impossible value.
    """
    place = f"--scenario {path}"
    try:
        return Scenario.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(place, f"cannot be read ({error})", "Give a readable JSON file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ParameterError(
            place, f"{where}: {first['msg']}", "Its keys are those of daily_runs.sandbox.scenario.Scenario."
        ) from error


def _announce(listening: socket.socket, time_scale: float) -> None:
    host, port = listening.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    sys.stdout.write(json.dumps({"address": address, "pid": os.getpid(), "time_scale": time_scale}) + "\n")
    sys.stdout.flush()


def _stop_at_eof(server: uvicorn.Server) -> None:
    """Wait for the end of standard input. Reads past Python's buffer: its lock would be held at shutdown."""
    while os.read(0, 1024):
        pass
    server.should_exit = True


def _is_a_fault_of_ours(record: logging.LogRecord) -> bool:
    """Not a body truncated by the scenario, nor a request still waiting for its model when the sandbox stops."""
    cancelled = record.exc_info is not None and record.exc_info[0] is asyncio.CancelledError
    return not (cancelled or record.msg in (_CUT_SHORT, _STILL_WAITING))
