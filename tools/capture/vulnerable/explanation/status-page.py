"""Public status page of the delivery service."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from flask import Flask, jsonify

app = Flask(__name__)
COMPONENTS = ("api", "queue", "storage", "mail")


def component_state(name: str) -> str:
    """State of a component as its health file says it: `up`, `degraded` or `down`."""
    path = os.path.join(os.environ.get("HEALTH_DIR", "health"), name)
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read().strip()
    except FileNotFoundError:
        return "unknown"


@app.get("/status")
def status():
    states = {name: component_state(name) for name in COMPONENTS}
    return jsonify(at=datetime.now(UTC).isoformat(), components=states)


if __name__ == "__main__":
    app.run(port=int(os.environ.get("PORT", "8080")), debug=True)
