"""Jobs that fail on networks, certificates, services, containers and infrastructure definitions."""

from __future__ import annotations

from rca.scenario import Scenario

# Answers every GET with one status, type and body; says its free port in a file.
STUB_SERVER = '''\
"""stub_server.py STATUS CONTENT_TYPE BODY: answers every GET so, on a free port that it writes to port.txt."""
import http.server
import pathlib
import sys

status, content_type, body = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("port.tmp").write_text(str(server.server_port))
pathlib.Path("port.tmp").rename("port.txt")
server.serve_forever()
'''
WAIT_FOR_PORT = "for _ in $(seq 100); do test -s port.txt && break; sleep 0.05; done; PORT=$(cat port.txt)"
TLS_SERVER = '''\
"""tls_server.py CERT KEY: an HTTPS server on a free port that it writes to port.txt."""
import http.server
import pathlib
import ssl
import sys

server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
pathlib.Path("port.tmp").write_text(str(server.server_port))
pathlib.Path("port.tmp").rename("port.txt")
server.serve_forever()
'''

PORT_IN_USE = Scenario(
    slug="port-already-in-use",
    name="end-to-end",
    stage="test",
    tags=("python", "network"),
    item_class="network-service",
    files={
        "app/api.py": """\
import http.server


def serve(port):
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.SimpleHTTPRequestHandler)
    print(f"api listens on {port}", flush=True)
    return server
""",
        "app/metrics.py": """\
import http.server


def serve(port=18473):
    server = http.server.HTTPServer(("127.0.0.1", port), http.server.BaseHTTPRequestHandler)
    print(f"metrics listens on {port}", flush=True)
    return server
""",
        "app/__init__.py": "",
        "app/__main__.py": """\
import os

from app import api, metrics

servers = [metrics.serve(), api.serve(int(os.environ["API_PORT"]))]
print(f"{len(servers)} servers are up")
""",
    },
    script=("export API_PORT=18473", "grep -rn '18473' app", "python -m app"),
    evidence=("OSError: [Errno 98] Address already in use", "metrics listens on 18473", "API_PORT=18473"),
    root_cause=(
        "Both servers of the program want port 18473: metrics has it as its default (app/metrics.py) and starts first, "
        "and the job sets API_PORT=18473 for the API. The second bind, in app/api.py, fails with OSError 98, Address "
        "already in use."
    ),
    fix=(
        "Give the API another port in the job (API_PORT=18474), or make the port of metrics configurable as well; "
        "tests do best with port 0 and the port that the kernel chose."
    ),
)

CONNECTION_REFUSED = Scenario(
    slug="postgres-connection-refused",
    name="integration-tests",
    stage="test",
    tags=("postgres", "network"),
    item_class="network-service",
    files={
        "ci/wait_for_db.sh": """\
#!/usr/bin/env bash
set -uo pipefail
for try in 1 2 3; do
  echo "try $try: $PGUSER@$PGHOST:$PGPORT/$PGDATABASE"
  psql --no-password --command 'select 1' && exit 0
  sleep 0.3
done
echo "the database did not answer" >&2
exit 1
""",
    },
    script=("export PGHOST=127.0.0.1 PGPORT=15999 PGUSER=app PGDATABASE=app_test", "bash ci/wait_for_db.sh"),
    evidence=(
        'connection to server at "127.0.0.1", port 15999 failed: Connection refused',
        "the database did not answer",
    ),
    root_cause=(
        'Nothing listens on 127.0.0.1:15999: each of the three tries of ci/wait_for_db.sh ends in "Connection '
        "refused\", which is the kernel's answer for a closed port, not a wrong password or a missing database. The "
        "Postgres service of this job isn't running there."
    ),
    fix=(
        "Declare the service (`services: - postgres:16`) and use its host name instead of 127.0.0.1 (PGHOST: postgres, "
        "PGPORT: 5432), or start Postgres in the job; a wait of less than a second is short for a service that starts "
        "up."
    ),
    needs=("psql",),
    env={"LC_ALL": "C"},
)

UNKNOWN_HOST = Scenario(
    slug="curl-unknown-host",
    name="download-rubrics",
    stage="build",
    tags=("curl", "network"),
    item_class="configuration",
    files={
        "ci/download.sh": '#!/usr/bin/env bash\nset -euo pipefail\nhost="${RUBRIC_HOST:-rubrics.example.invalid}"\necho "downloading rubrics from $host"\ncurl --fail --silent --show-error --retry 0 --output rubrics.json "http://$host/v1/rubrics.json"\n'
    },
    script=("env | grep RUBRIC || echo 'RUBRIC_HOST is not set'", "bash ci/download.sh"),
    evidence=("Could not resolve host: rubrics.example.invalid", "RUBRIC_HOST is not set"),
    root_cause=(
        "RUBRIC_HOST isn't set, so ci/download.sh falls back to the placeholder rubrics.example.invalid. That name "
        "can't exist in DNS (.invalid is reserved), and curl ends with exit code 6, Could not resolve host."
    ),
    fix=(
        "Set RUBRIC_HOST for this job to the real server, and let the script demand it (`${RUBRIC_HOST:?}`) instead of "
        "falling back to a placeholder."
    ),
    needs=("curl",),
)

HEALTH_CHECK = Scenario(
    slug="curl-health-check-503",
    name="verify-deployment",
    stage="deploy",
    tags=("curl", "network"),
    item_class="network-service",
    files={"stub_server.py": STUB_SERVER},
    script=(
        'python stub_server.py 503 application/json \'{"status": "starting", "pending_migrations": 2}\' > /dev/null 2>&1 &',
        WAIT_FOR_PORT,
        "curl --silent http://127.0.0.1:$PORT/health && echo",
        "curl --fail --silent --show-error --output /dev/null http://127.0.0.1:$PORT/health",
    ),
    evidence=("The requested URL returned error: 503", '"pending_migrations": 2'),
    root_cause=(
        'The application answers its health check with 503 and says why: status "starting" with 2 pending '
        "migrations. It is reachable, but not ready, because its migrations have not been applied; curl --fail turns "
        "the 503 into exit code 22."
    ),
    fix=(
        "Run the two pending migrations before (or as part of) the deployment, and let the verification wait for "
        "readiness with a bounded number of tries instead of asking once."
    ),
    needs=("curl",),
)

JQ_HTML = Scenario(
    slug="jq-parse-html",
    name="release-notes",
    stage="deploy",
    tags=("jq", "data-error"),
    item_class="network-service",
    files={
        "stub_server.py": STUB_SERVER,
        "sign_in.html": "<html><body><h1>Sign in</h1><p>Your token has expired.</p></body></html>\n",
    },
    script=(
        'python stub_server.py 200 text/html "$(cat sign_in.html)" > /dev/null 2>&1 &',
        WAIT_FOR_PORT,
        "curl --silent --output notes.json http://127.0.0.1:$PORT/api/v4/projects/7/releases",
        "head -c 200 notes.json && echo",
        "jq -r '.[0].description' notes.json",
    ),
    evidence=("parse error: Invalid numeric literal", "Your token has expired"),
    root_cause=(
        "What the job saved as notes.json isn't JSON: the server answered with status 200 and an HTML sign-in page "
        "that says the token has expired. jq meets `<html>` at the start and reports a parse error (Invalid numeric "
        "literal)."
    ),
    fix=(
        "Renew the access token that the job uses. Let the download step fail by itself: check the content type or `jq "
        "-e . notes.json` there, and send the token so that the API answers 401 instead of a page."
    ),
    needs=("curl", "jq"),
)

SELF_SIGNED = Scenario(
    slug="tls-self-signed",
    name="fetch-seeds",
    stage="build",
    tags=("python", "tls"),
    item_class="network-service",
    files={
        "tls_server.py": TLS_SERVER,
        "fetch.py": """\
import sys
import urllib.request


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


print(len(fetch(sys.argv[1])))
""",
    },
    script=(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null",
        "openssl x509 -in cert.pem -noout -subject -issuer",
        "python tls_server.py cert.pem key.pem > /dev/null 2>&1 &",
        WAIT_FOR_PORT,
        "python fetch.py https://localhost:$PORT/seeds.json",
    ),
    evidence=("CERTIFICATE_VERIFY_FAILED", "self-signed certificate"),
    root_cause=(
        "The server's certificate is self-signed: its subject and its issuer are both CN = localhost, and no authority "
        "that Python trusts has signed it. urllib therefore refuses the connection with CERTIFICATE_VERIFY_FAILED: "
        "self-signed certificate."
    ),
    fix=(
        'Let the client trust the certificate: pass it explicitly (`ssl.create_default_context(cafile="cert.pem")` '
        "as urlopen's context) or set SSL_CERT_FILE, or have the certificate issued by a CA that the image trusts. "
        "Don't switch verification off."
    ),
    needs=("openssl",),
)

EXPIRED = Scenario(
    slug="tls-expired-certificate",
    name="check-endpoint",
    stage="deploy",
    tags=("curl", "tls"),
    item_class="network-service",
    files={
        "tls_server.py": TLS_SERVER,
        "ca.cnf": "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\npolicy = any\ncopy_extensions = copy\n[any]\ncommonName = supplied\n",
        "index.txt": "",
        "serial": "01\n",
    },
    script=(
        "openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null",
        "openssl ca -batch -config ca.cnf -selfsign -keyfile key.pem -in request.pem -out cert.pem -startdate 20250101000000Z -enddate 20250401000000Z 2> /dev/null",
        "python tls_server.py cert.pem key.pem > /dev/null 2>&1 &",
        WAIT_FOR_PORT,
        "openssl x509 -in cert.pem -noout -subject -dates",
        "curl --silent --show-error --cacert cert.pem https://localhost:$PORT/",
    ),
    evidence=("certificate has expired", "notAfter=Apr  1 00:00:00 2025 GMT"),
    root_cause=(
        "The server's certificate (CN = localhost) was valid until 1 April 2025 only, as its notAfter says, and has "
        "expired. curl trusts it otherwise (--cacert), but refuses an expired one: exit code 60."
    ),
    fix=(
        "Issue a new certificate for localhost and restart the server with it, and watch the expiry date (a scheduled "
        "job with `openssl x509 -checkend`). Calling curl with --insecure would only hide it."
    ),
    needs=("openssl", "curl"),
    env={"LC_ALL": "C"},
)

DECRYPT = Scenario(
    slug="openssl-wrong-passphrase",
    name="unseal-config",
    stage="deploy",
    tags=("openssl", "environment"),
    item_class="configuration",
    files={
        "settings.yml": "database: app\npool: 10\n",
        "ci/seal.sh": "openssl enc -aes-256-cbc -pbkdf2 -S 0011223344556677 -salt -pass pass:staging-2026 -in settings.yml -out settings.enc\n",
    },
    script=(
        "sh ci/seal.sh && wc -c < settings.enc",
        "export SEAL_PASSPHRASE='staging-2026 '",
        "printf '[%s]\\n' \"$SEAL_PASSPHRASE\"",
        "openssl enc -d -aes-256-cbc -pbkdf2 -S 0011223344556677 -pass env:SEAL_PASSPHRASE -in settings.enc -out settings.open",
    ),
    evidence=("bad decrypt", "[staging-2026 ]"),
    root_cause=(
        "The passphrase in SEAL_PASSPHRASE has a blank at its end, as the brackets show ([staging-2026 ]), and so it "
        "isn't the one that settings.enc was sealed with. The derived key is another, and openssl can't remove the "
        "padding: bad decrypt."
    ),
    fix=(
        "Set the variable SEAL_PASSPHRASE anew without the trailing blank. Printing a passphrase in a log is a fault "
        "of its own: remove that step, change the passphrase, and mask the variable."
    ),
    needs=("openssl",),
)

SSH_KEY = Scenario(
    slug="ssh-key-lost-newlines",
    name="deploy-key",
    stage="deploy",
    tags=("ssh", "environment"),
    item_class="configuration",
    files={
        "ci/load_key.sh": '#!/usr/bin/env bash\nset -euo pipefail\numask 077\nprintf %s "$DEPLOY_KEY" > deploy_key\necho "key file: $(wc -l < deploy_key) lines, begins with $(head -c 22 deploy_key)"\nssh-keygen -y -f deploy_key > deploy_key.pub\n'
    },
    script=(
        "ssh-keygen -q -t ed25519 -N '' -C deploy -f original",
        "export DEPLOY_KEY=\"$(tr '\\n' ' ' < original)\"",
        "bash ci/load_key.sh",
    ),
    evidence=('Load key "deploy_key"', "key file: 0 lines"),
    root_cause=(
        "The private key in DEPLOY_KEY has lost its line breaks (they were turned into blanks), so the file written "
        'from it has 0 newlines and is one long line. OpenSSH can\'t read such a key: Load key "deploy_key" fails, '
        "exit code 255. The key itself and its permissions are fine."
    ),
    fix=(
        "Store the key with its line breaks: as a CI/CD variable of type file, or base64-encoded and decoded in the "
        "job, and end the file with a newline."
    ),
    needs=("ssh-keygen",),
)

DOCKER = Scenario(
    slug="docker-daemon-unreachable",
    name="container-tests",
    stage="test",
    tags=("docker", "container"),
    item_class="network-service",
    files={
        "tests/test_add.py": "import unittest\n\n\nclass AddTest(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(1 + 1, 2)\n",
        "ci/in_container.sh": '#!/usr/bin/env bash\nset -e\necho "testing in $1"\ndocker run --rm --volume "$PWD:/src" --workdir /src "$1" python -m unittest discover tests\n',
    },
    script=(
        "docker --version",
        "env | grep ^DOCKER || echo 'no DOCKER_* variables'",
        "bash ci/in_container.sh python:3.11-slim",
    ),
    evidence=("Cannot connect to the Docker daemon", "no DOCKER_* variables"),
    root_cause=(
        "The image has the docker client but no daemon to talk to: nothing answers on unix:///var/run/docker.sock, and "
        "no DOCKER_HOST points elsewhere. The container was never started, so no test ran; the tests are not the cause."
    ),
    fix=(
        "Add the service docker:dind to the job and set DOCKER_HOST (tcp://docker:2376 with TLS, certificates shared), "
        "or use a runner whose Docker socket is mounted. Simpler here: let the job itself use the image "
        "python:3.11-slim and run unittest directly."
    ),
    needs=("docker",),
)

TERRAFORM = Scenario(
    slug="terraform-undeclared-variable",
    name="validate-infrastructure",
    stage="lint",
    tags=("terraform", "infrastructure-config"),
    item_class="static-check",
    files={
        "variables.tf": 'variable "environment" {\n  type    = string\n  default = "staging"\n}\n\nvariable "request_limit" {\n  type    = number\n  default = 60\n}\n',
        "main.tf": 'locals {\n  name     = "gateway-${var.environment}"\n  requests = var.requests_limit * 2\n}\n\noutput "name" {\n  value = local.name\n}\n\noutput "requests" {\n  value = local.request\n}\n',
    },
    script=("terraform fmt -check -diff", "terraform init -backend=false -input=false", "terraform validate"),
    evidence=("Reference to undeclared input variable", "Reference to undeclared local value"),
    root_cause=(
        "main.tf has two misspelt references: `var.requests_limit` (line 3), while the declared variable is "
        "`request_limit`, and `local.request` in the output (line 11), while the local is called `requests`. terraform "
        "validate reports both as undeclared."
    ),
    fix="Write `var.request_limit` in line 3 and `local.requests` in line 11 of main.tf.",
    needs=("terraform",),
)

KUBECTL = Scenario(
    slug="kubectl-no-kubeconfig",
    name="rollout",
    stage="deploy",
    tags=("kubectl", "environment"),
    item_class="configuration",
    files={"k8s/config.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: limits\ndata:\n  chat: '50'\n"},
    script=("env | grep -i kube || echo 'no kube variables'", "kubectl config view", "kubectl apply -f k8s/config.yml"),
    evidence=("localhost:8080", "no kube variables", "clusters: null"),
    root_cause=(
        "kubectl has no configuration: there is no KUBECONFIG variable and `kubectl config view` is empty (clusters: "
        "null). It then falls back to localhost:8080, where no API server runs; the connection is refused. The "
        "manifest is not the cause."
    ),
    fix=(
        "Give the job its cluster: a KUBECONFIG variable of type file, or the agent's context (`kubectl config "
        "use-context ...`) for an environment that this job may use."
    ),
    needs=("kubectl",),
)

READ_TIMEOUT = Scenario(
    slug="python-read-timeout",
    name="smoke-staging",
    stage="deploy",
    tags=("python", "timeout"),
    item_class="network-service",
    files={
        "silent_server.py": '''\
"""Accepts connections and never answers; writes its port to port.txt."""
import pathlib
import socket
import time

server = socket.create_server(("127.0.0.1", 0))
pathlib.Path("port.tmp").write_text(str(server.getsockname()[1]))
pathlib.Path("port.tmp").rename("port.txt")
connection, _ = server.accept()
time.sleep(60)
''',
        "smoke.py": """\
import sys
import urllib.request

print("asking /ready, waiting 2 s at most", flush=True)
with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/ready", timeout=2) as answer:
    print(answer.status)
""",
    },
    script=("python silent_server.py > /dev/null 2>&1 &", WAIT_FOR_PORT, "python smoke.py $PORT"),
    evidence=("TimeoutError: timed out",),
    root_cause=(
        "The server accepted the connection but sent no answer to /ready within the 2 seconds that smoke.py allows: "
        "the exception is raised while reading the status line (getresponse), not while connecting. So the process is "
        "up and listening, but hangs."
    ),
    fix=(
        "Look at what the server does with /ready (a blocked worker, a dependency it waits for) in its own log. A "
        "longer timeout is right only if slow starts are expected; then retry until a deadline instead of one call."
    ),
)

INVALID_DSN = Scenario(
    slug="psycopg-invalid-dsn",
    name="load-seeds",
    stage="deploy",
    tags=("postgres", "environment"),
    item_class="configuration",
    files={
        "load.py": """\
import os
import sys

import psycopg

dsn = os.environ.get("STORE_DSN", "")
print(f"dsn has {len(dsn)} characters", flush=True)
with psycopg.connect(dsn, connect_timeout=3) as connection:
    print(connection.execute("select 1").fetchone(), file=sys.stderr)
""",
    },
    script=("export STORE_DSN='postgresql://app@127.0.0.1:5432/app?sslmod=require'", "python load.py"),
    evidence=('invalid URI query parameter: "sslmod"',),
    root_cause=(
        "STORE_DSN has a misspelt parameter, `sslmod=require`. libpq knows no such parameter and refuses the whole URI "
        '("invalid URI query parameter") before it tries to connect, so neither host nor password play a part.'
    ),
    fix="Write `sslmode=require` in the variable STORE_DSN.",
    needs=("alembic",),
)

JOBS = (
    PORT_IN_USE, CONNECTION_REFUSED, UNKNOWN_HOST, HEALTH_CHECK, JQ_HTML, SELF_SIGNED, EXPIRED, DECRYPT, SSH_KEY, DOCKER,
    TERRAFORM, KUBECTL, READ_TIMEOUT, INVALID_DSN,
)  # fmt: skip
