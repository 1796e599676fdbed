"""What a stack's processes are told: Airflow's settings, secrets that are made once, the sandbox's overlay."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

import yaml

from daily_runs.catalogue import folders
from daily_runs.store.embedded import kept_secret, private_file, private_folder

USER = "admin"
NOTES_USER = "notes"
"""Writes notes on runs; its role may edit runs, and no pool, connection or variable."""
WORKERS = 4
PROJECT = Path(__file__).parents[3]
WHILE_A_DAG_IS_GONE = {"missing_dag_retries": "720", "missing_dag_retry_delay": "60"}
"""A task whose DAG is gone, because a file of its feature is broken, looks again each minute for half a day, and then
fails. Airflow's own default is three times. docker-compose.yaml and helm/values.yaml have the same (a test)."""
NO_PORT = "1"
"""Nobody listens there, and nobody's log server gets the API server's requests for logs, which are in its folder."""


def write_overlay(root: Path, sandbox: str, time_scale: float) -> Path:
    """The shipped sandbox overlay with this stack's address and time scale."""
    shipped = yaml.safe_load((folders.include_root() / "catalogue" / "overlays" / "sandbox.yaml").read_text())
    for name, environment in shipped["environments"].items():
        environment |= {"address": f"{sandbox}/{name}", "time_scale": time_scale}
    shipped["judge"]["address"] = f"{sandbox}/anthropic"
    file = root / "overlay.yaml"
    with os.fdopen(private_file(file, empty=True), "w") as written:
        written.write(yaml.safe_dump(shipped))
    return file


def _secret(root: Path, name: str, make: str) -> str:
    """A secret that is made once (see `kept_secret`)."""
    file = root / "airflow" / name
    private_folder(file.parent)
    return kept_secret(file, make)


def kept_password(root: Path) -> str:
    """The login's password."""
    return _secret(root, "password", secrets.token_urlsafe(9))


def _notes_password(root: Path) -> str:
    return _secret(root, "notes_password", secrets.token_urlsafe(16))


def notes_connection(root: Path, address: str) -> str:
    """The Airflow connection of the user who writes notes, as a variable holds it."""
    login = {"login": NOTES_USER, "password": _notes_password(root)}
    return json.dumps({"conn_type": "http", "host": address, **login})


def airflow_settings(root: Path, port: int, address: str, database: str) -> dict[str, str]:
    """Variables for Airflow's processes, by its own names."""
    passwords = root / "airflow" / "logins.json"
    logins = {USER: kept_password(root), NOTES_USER: _notes_password(root)}
    _secret(root, passwords.name, json.dumps(logins))
    fernet = _secret(root, "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    settings = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(WORKERS),
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{NOTES_USER}:user",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__FERNET_KEY": fernet,
        "CORE__SENSITIVE_VAR_CONN_NAMES": "keys",
        "DATABASE__SQL_ALCHEMY_CONN": database.replace("postgresql://", "postgresql+psycopg2://"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": address,
        "API__SECRET_KEY": _secret(root, "api_secret", secrets.token_hex(16)),
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": _secret(root, "jwt_secret", secrets.token_hex(32)),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "LOGGING__BASE_LOG_FOLDER": str(root / "airflow" / "task_logs"),
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__WORKER_LOG_SERVER_PORT": NO_PORT,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": NO_PORT,
        "SCHEDULER__ENABLE_TRACEMALLOC": "False",
        "TRIGGERER__DEFAULT_CAPACITY": "100",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        **{f"WORKERS__{name.upper()}": value for name, value in WHILE_A_DAG_IS_GONE.items()},
    }
    return {"AIRFLOW_HOME": str(root / "airflow"), **{f"AIRFLOW__{name}": value for name, value in settings.items()}}
