"""Jobs that may not do what they do: files, folders, tokens and keys whose rights do not fit."""

from __future__ import annotations

from rca.operations_jobs import WAIT_FOR_PORT
from rca.scenario import Scenario

DUBIOUS_OWNERSHIP = Scenario(
    slug="git-dubious-ownership",
    name="changed-files",
    stage="prepare",
    tags=("git", "permission"),
    item_class="permission",
    files={
        "ci/changed.sh": """\
#!/usr/bin/env bash
set -euo pipefail
echo "collecting the files that changed since the last release"
git diff --name-only "$(git rev-list --max-parents=0 HEAD)" HEAD > changed.txt
wc -l changed.txt
""",
        "README.md": "# Orders\n",
    },
    script=(
        "git init --quiet --initial-branch main . && git add . && git -c user.name=ci -c user.email=ci@example.com commit --quiet -m 'Start'",
        "chown -R 1000:1000 .",
        "id -u && stat -c 'owner %u of %n' . .git",
        "bash ci/changed.sh",
    ),
    evidence=("detected dubious ownership in repository", "owner 1000 of .git"),
    root_cause=(
        "The job runs as root (uid 0), and the checkout belongs to uid 1000, as stat shows. git refuses to work in a "
        "repository of another user (detected dubious ownership), so `git rev-list` in ci/changed.sh gives no commit and "
        "`git diff` fails on the empty name. Neither the repository nor the script is damaged."
    ),
    fix=(
        "Tell git that this folder is meant: `git config --global --add safe.directory /builds/daily-runs/seeds` before "
        "the script (or `--system` in the image). Or run the job as the user that checked out, or give the checkout to the "
        "job's user with chown."
    ),
    needs=("git",),
)

KEY_TOO_OPEN = Scenario(
    slug="ssh-key-permissions-too-open",
    name="load-deploy-key",
    stage="deploy",
    tags=("ssh", "permission"),
    item_class="permission",
    files={
        "ci/add_key.sh": """\
#!/usr/bin/env bash
set -euo pipefail
cp "$DEPLOY_KEY_FILE" deploy_key
ls -l deploy_key | cut -c1-10
eval "$(ssh-agent -s)" > /dev/null
trap 'ssh-agent -k > /dev/null' EXIT
ssh-add deploy_key
ssh-add -l
""",
    },
    script=(
        "umask 022",
        "ssh-keygen -q -t ed25519 -N '' -C deploy -f secret_file && chmod 644 secret_file",
        "export DEPLOY_KEY_FILE=secret_file",
        "bash ci/add_key.sh",
    ),
    evidence=("Permissions 0644 for 'deploy_key' are too open", "-rw-r--r--"),
    root_cause=(
        "ci/add_key.sh copies the private key to deploy_key, and the copy has the mode 0644 (-rw-r--r--) of its source: "
        "everybody may read it. OpenSSH refuses such a key (Permissions 0644 are too open) and ssh-add ends with an error. "
        "The key itself is valid."
    ),
    fix=(
        "Take the rights away before the key is loaded: `chmod 600 deploy_key` after the cp, or `install -m 600 "
        '"$DEPLOY_KEY_FILE" deploy_key` in its place.'
    ),
    needs=("ssh-keygen", "ssh-agent", "ssh-add"),
    env={"LC_ALL": "C"},
)

GO_CACHE = Scenario(
    slug="go-build-cache-denied",
    name="build",
    stage="build",
    tags=("go", "permission"),
    item_class="permission",
    files={
        "go.mod": "module example.com/score\n\ngo 1.22\n",
        "main.go": 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(mean([]float64{0.8, 0.9}))\n}\n',
        "mean.go": "package main\n\nfunc mean(scores []float64) float64 {\n\tsum := 0.0\n\tfor _, score := range scores {\n\t\tsum += score\n\t}\n\treturn sum / float64(len(scores))\n}\n",
    },
    script=(
        "id -un",
        "export GOCACHE=/var/cache/go-build",
        "go env GOCACHE GOFLAGS",
        "stat -c '%U %A %n' /var/cache",
        "go build -o score .",
    ),
    evidence=("/var/cache/go-build: permission denied", "nobody"),
    root_cause=(
        "The job sets GOCACHE to /var/cache/go-build. /var/cache belongs to root, and the job runs as `nobody`, who can't "
        "make a folder there: Go can't initialise its build cache and compiles nothing. The source files are not the cause."
    ),
    fix=(
        'Put the cache where the job may write and CI can keep it: `export GOCACHE="$CI_PROJECT_DIR/.go-cache"` with '
        "`cache: paths: [.go-cache]`. Or let the image make /var/cache/go-build and give it to the job's user."
    ),
    needs=("go",),
    unprivileged=True,
    env={"LC_ALL": "C"},
)

NPM_GLOBAL = Scenario(
    slug="npm-global-install-eacces",
    name="install-cli",
    stage="build",
    tags=("npm", "permission"),
    item_class="permission",
    files={
        "cli/package.json": '{\n  "name": "score-cli",\n  "version": "1.2.0",\n  "bin": {"score": "score.js"}\n}\n',
        "cli/score.js": "#!/usr/bin/env node\nconsole.log('0.8');\n",
    },
    script=("id -un", "npm config get prefix", "npm pack --silent ./cli", "npm install --global --offline --no-audit --no-fund score-cli-1.2.0.tgz"),
    evidence=("npm error code EACCES", "nobody"),
    root_cause=(
        "`npm install --global` writes below npm's prefix (node_modules and bin there), which belongs to root, and the job "
        "runs as the unprivileged user `nobody`: mkdir fails with EACCES, permission denied. The package itself was packed and "
        "is sound."
    ),
    fix=(
        "Install it locally and call it by npx or node_modules/.bin (`npm install ./score-cli-1.2.0.tgz`), or give npm a "
        'prefix that the job may write: `npm config set prefix "$HOME/.local"` and put its bin folder on PATH. sudo is not '
        "needed."
    ),
    needs=("npm",),
    unprivileged=True,
)

CHMOD_RECURSIVE = Scenario(
    slug="chmod-takes-folders-away",
    name="publish-docs",
    stage="deploy",
    tags=("bash", "permission"),
    item_class="permission",
    files={
        "ci/publish.sh": """\
#!/usr/bin/env bash
set -euo pipefail
echo "setting rights"
chmod -R 644 site
echo "copying"
mkdir -p public
cp -r site/. public/
echo "published $(find public -type f | wc -l) files"
""",
        "site/index.html": "<h1>Docs</h1>\n",
        "site/assets/style.css": "body {}\n",
        "site/assets/logo.svg": "<svg/>\n",
    },
    script=("id -un", "find site -printf '%M %p\\n' | sort -k 2", "bash ci/publish.sh"),
    evidence=("chmod: cannot access 'site/assets': Permission denied", "drwxr-xr-x site/assets"),
    root_cause=(
        "ci/publish.sh runs `chmod -R 644 site`, which takes the x bit from the folder site too (it was drwxr-xr-x before). "
        "Without x nobody but root can enter a folder, so chmod itself can't reach what lies in it: Permission denied. The "
        "files' own rights are fine."
    ),
    fix=(
        "Keep x on folders: `chmod -R u=rwX,go=rX site` (capital X sets it for folders only), or `find site -type f -exec "
        "chmod 644 {} +`."
    ),
    unprivileged=True,
    env={"LC_ALL": "C"},
)

SQLITE_READ_ONLY = Scenario(
    slug="sqlite-readonly-database",
    name="record-results",
    stage="report",
    tags=("sqlite", "permission"),
    item_class="permission",
    files={
        "results/store.py": """\
import sqlite3


class Store:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)

    def latest(self):
        return self.connection.execute("SELECT day, score FROM results ORDER BY day DESC LIMIT 1").fetchone()

    def add(self, day, score):
        with self.connection:
            self.connection.execute("INSERT INTO results VALUES (?, ?)", (day, score))
""",
        "results/__init__.py": "",
        "make_db.py": """\
import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("CREATE TABLE results (day TEXT PRIMARY KEY, score REAL)")
    connection.execute("INSERT INTO results VALUES ('2026-03-01', 0.81)")
""",
        "record.py": """\
from results.store import Store

store = Store("cache/results.db")
print("latest:", store.latest())
store.add("2026-03-02", 0.83)
print("recorded")
""",
    },
    script=(
        "mkdir cache && /usr/bin/python3 make_db.py cache/results.db",
        "chmod 444 cache/results.db && ls -l cache | cut -c1-10 | tail -n 1",
        "/usr/bin/python3 record.py",
    ),
    evidence=("sqlite3.OperationalError: attempt to write a readonly database", "-r--r--r--"),
    root_cause=(
        "cache/results.db has the mode 0444 (-r--r--r--), and the job's user `nobody` is not root, so SQLite can open it "
        "for reading only. Reading the latest row works; the INSERT in `Store.add` fails with OperationalError: attempt to "
        "write a readonly database."
    ),
    fix=(
        "Give the file its write bit back before the job writes (`chmod u+w cache/results.db`), where it is restored from "
        "the cache, and see that the folder is writable too, because SQLite puts its journal there."
    ),
    unprivileged=True,
)

# A small part of GitLab's API: it knows one token and what that token may do.
API_SERVER = '''\
import http.server
import json
import pathlib

SCOPES = {"release-bot-secret": ["read_api", "read_repository"]}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        scopes = SCOPES.get(self.headers["PRIVATE-TOKEN"])
        self.answer(200, {"name": "release-bot", "active": True, "scopes": scopes}) if scopes else self.answer(401, {})

    def do_POST(self):
        if "api" in SCOPES.get(self.headers["PRIVATE-TOKEN"], ()):
            return self.answer(201, {"tag_name": "v1.5.0"})
        return self.answer(403, {"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("port.tmp").write_text(str(server.server_port))
pathlib.Path("port.tmp").rename("port.txt")
server.serve_forever()
'''

TOKEN_SCOPE = Scenario(
    slug="token-scope-too-small",
    name="create-release",
    stage="deploy",
    tags=("curl", "permission"),
    item_class="permission",
    files={
        "api_server.py": API_SERVER,
        "ci/release.sh": """\
#!/usr/bin/env bash
set -euo pipefail
api="http://127.0.0.1:$PORT/api/v4"
call() { curl --silent --show-error --header "PRIVATE-TOKEN: $RELEASE_TOKEN" --write-out ' (status %{http_code})\\n' "$@"; }
echo "token: $(call "$api/personal_access_tokens/self")"
answer=$(call --request POST "$api/projects/42/releases" --data tag_name=v1.5.0)
echo "release: $answer"
[[ $answer == *"(status 201)" ]]
""",
    },
    script=(
        "python api_server.py &",
        WAIT_FOR_PORT,
        "export PORT RELEASE_TOKEN=release-bot-secret",
        "bash ci/release.sh",
    ),
    evidence=("(status 403)", "insufficient_scope", "read_repository"),
    root_cause=(
        "The token in RELEASE_TOKEN is known and active, but has the scopes read_api and read_repository only, as the "
        "first answer shows. Making a release is a write and needs the scope `api`, so the POST is refused: 403, "
        "insufficient_scope. The server is reachable and the token has not expired (that would be 401)."
    ),
    fix=(
        "Make a new token for the release job with scope `api`, put it into the CI variable RELEASE_TOKEN (masked and "
        "protected) and revoke the old one."
    ),
    needs=("curl",),
)

JAVA_LOG_FILE = Scenario(
    slug="java-log-folder-denied",
    name="nightly-import",
    stage="run",
    tags=("java", "permission"),
    item_class="permission",
    files={
        "src/app/AuditLog.java": """\
package app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

final class AuditLog {
    private final Path path;

    AuditLog(Path folder) {
        path = folder.resolve("import-audit.log");
    }

    void add(String line) {
        try {
            Files.writeString(path, line + "\\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException error) {
            throw new UncheckedIOException("audit log", error);
        }
    }
}
""",
        "src/app/Import.java": """\
package app;

import java.nio.file.Path;

public final class Import {
    public static void main(String[] args) {
        String folder = System.getenv().getOrDefault("AUDIT_DIR", "/var/log");
        System.out.println("audit log in " + folder);
        AuditLog log = new AuditLog(Path.of(folder));
        for (String order : args) {
            log.add("imported " + order);
            System.out.println("imported " + order);
        }
    }
}
""",
    },
    script=("id -un && stat -c '%U %A %n' /var/log", "javac -d out src/app/*.java", "java -cp out app.Import A-100 A-101"),
    evidence=("java.nio.file.AccessDeniedException: /var/log/import-audit.log", "audit log in /var/log"),
    root_cause=(
        "AUDIT_DIR is not set, so Import.java falls back to /var/log, which belongs to root and which only root may write. "
        "The job runs as `nobody`; the first `AuditLog.add` can't create /var/log/import-audit.log: AccessDeniedException, "
        "before anything is imported."
    ),
    fix=(
        'Set AUDIT_DIR to a folder that the job may write (`export AUDIT_DIR="$CI_PROJECT_DIR/logs"`, made with mkdir -p), '
        "and better let the fallback be such a folder in Import.java. The job needs no root."
    ),
    needs=("javac", "java"),
    unprivileged=True,
    env={"LC_ALL": "C"},
)

JOBS = (
    DUBIOUS_OWNERSHIP,
    KEY_TOO_OPEN,
    GO_CACHE,
    NPM_GLOBAL,
    CHMOD_RECURSIVE,
    SQLITE_READ_ONLY,
    TOKEN_SCOPE,
    JAVA_LOG_FILE,
)
