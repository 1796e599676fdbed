"""Jobs of several classes that were added after the families: limits that are reached, services that fail, sources."""

from __future__ import annotations

import json

from rca.operations_jobs import TLS_SERVER, WAIT_FOR_PORT
from rca.scenario import Scenario

ARGUMENT_LIST = Scenario(
    slug="argument-list-too-long",
    name="clean-artefacts",
    stage="cleanup",
    tags=("bash", "shell"),
    item_class="resources",
    files={
        "ci/fill.py": "import pathlib\n\nfolder = pathlib.Path('artefacts/screenshots')\nfolder.mkdir(parents=True)\nfor number in range(12000):\n    (folder / f'end-to-end-checkout-as-a-guest-step-{number:06}.png').touch()\n",
        "ci/clean.sh": """\
#!/usr/bin/env bash
set -euo pipefail
cd artefacts
echo "removing $(find screenshots -name '*.png' | wc -l) screenshots"
rm -f screenshots/*.png
echo "removed"
""",
    },
    script=("python ci/fill.py", "ulimit -s 2048 && getconf ARG_MAX", "cat -n ci/clean.sh | tail -n 4", "bash ci/clean.sh"),
    evidence=("Argument list too long", "removing 12000 screenshots"),
    root_cause=(
        "In ci/clean.sh the shell turns `screenshots/*.png` into 12,000 file names, some 700 kB, and hands them to one rm. The "
        "kernel takes 512 KiB of arguments here (ARG_MAX 524288, a quarter of the stack limit), so rm was never started: "
        "Argument list too long. It is no matter of rights, and no file is at fault."
    ),
    fix=(
        "Don't hand the names over at once: `find screenshots -name '*.png' -delete`, or `find … -print0 | xargs -0 rm -f`. "
        "Removing the whole folder (`rm -rf screenshots`) works too. A larger stack limit only moves the bound."
    ),
    env={"LC_ALL": "C"},
)

INODES = Scenario(
    slug="disk-out-of-inodes",
    name="unpack-fixtures",
    stage="prepare",
    tags=("bash", "disk"),
    item_class="resources",
    files={
        "ci/unpack.sh": """\
#!/usr/bin/env bash
set -euo pipefail
mkdir -p fixtures
mount -t tmpfs -o size=64m,nr_inodes=300 fixtures-volume fixtures
for day in 01 02 03 04 05; do
  echo "unpacking day $day"
  mkdir "fixtures/$day"
  for n in $(seq 80); do echo "{}" > "fixtures/$day/event-$n.json" || { show; exit 1; }; done
done
""",
        "ci/show.sh": """\
show() {
  df -k --output=size,avail,pcent fixtures
  df --output=itotal,iavail,ipcent fixtures
}
""",
    },
    script=("cat ci/show.sh", "unshare --map-root-user --mount bash -c '. ci/show.sh; export -f show; bash ci/unpack.sh'"),
    evidence=("No space left on device", "unpacking day 04", "100%"),
    root_cause=(
        "The volume has room in bytes (df shows nearly all of its 65536 kB free) but no inode left: all 300 are in use "
        "(IUse% 100). Each small file takes one, and at 80 files a day they ran out on day 04. The kernel says \"No space left "
        'on device" for both.'
    ),
    fix=(
        "Give the volume more inodes (`nr_inodes=2000`, or 0 for no bound, where it is mounted), or need fewer: keep each day's "
        "events in one file (JSON lines or an archive). Deleting large files or growing the volume in bytes doesn't help."
    ),
    needs=("unshare", "mount"),
    env={"LC_ALL": "C"},
)

GO_TIMEOUT = Scenario(
    slug="go-test-timeout",
    name="unit-tests",
    stage="test",
    tags=("go", "timeout"),
    item_class="resources",
    files={
        "go.mod": "module example.com/pool\n\ngo 1.22\n",
        "pool.go": """\
package pool

import "time"

// Wait polls until ready says yes.
func Wait(ready func() bool, pause time.Duration) int {
	tries := 0
	for !ready() {
		tries++
		time.Sleep(pause)
	}
	return tries
}
""",
        "pool_test.go": """\
package pool

import (
	"testing"
	"time"
)

func TestReadyAtOnce(t *testing.T) {
	if tries := Wait(func() bool { return true }, time.Second); tries != 0 {
		t.Fatalf("%d tries", tries)
	}
}

func TestReadyAfterAWhile(t *testing.T) {
	left := 40
	ready := func() bool { left--; return left < 0 }
	if tries := Wait(ready, time.Second); tries != 40 {
		t.Fatalf("%d tries", tries)
	}
}
""",
    },
    script=("go vet ./...", "go test -v -timeout 3s ./..."),
    evidence=("panic: test timed out after 3s", "TestReadyAfterAWhile", "--- PASS: TestReadyAtOnce"),
    root_cause=(
        "TestReadyAfterAWhile needs 40 tries with a real pause of a second each (pool_test.go passes time.Second to `Wait`), "
        "so 40 seconds, and the job allows all tests 3 seconds (`-timeout 3s`). The test is neither stuck nor wrong: the "
        "stack shows it in time.Sleep inside `Wait`."
    ),
    fix=(
        "Don't sleep for real in the test: call `Wait(ready, time.Millisecond)` in TestReadyAfterAWhile, which then takes 40 ms. "
        "A `-timeout` of a minute would pass too, but every run would wait for it."
    ),
    needs=("go",),
)

HOST_NAME = Scenario(
    slug="tls-host-name-mismatch",
    name="smoke-test",
    stage="deploy",
    tags=("curl", "tls"),
    item_class="network-service",
    files={"tls_server.py": TLS_SERVER},
    script=(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout key.pem -out cert.pem -subj /CN=orders.example.com -addext subjectAltName=DNS:orders.example.com,DNS:www.orders.example.com 2> /dev/null",
        "python tls_server.py cert.pem key.pem > /dev/null 2>&1 &",
        WAIT_FOR_PORT,
        "openssl x509 -in cert.pem -noout -subject -ext subjectAltName",
        "curl --silent --show-error --fail --output /dev/null --cacert cert.pem https://localhost:$PORT/",
    ),
    evidence=("no alternative certificate subject name matches target host name 'localhost'", "DNS:orders.example.com"),
    root_cause=(
        "The certificate is issued for orders.example.com and www.orders.example.com, and the smoke test calls the server as "
        "localhost, which is none of its names. curl trusts the issuer (--cacert) but refuses the name: no alternative "
        "certificate subject name matches, exit code 60."
    ),
    fix=(
        "Call it by the name of the certificate, without DNS: `curl --resolve orders.example.com:$PORT:127.0.0.1 --cacert "
        "cert.pem https://orders.example.com:$PORT/`. Or issue a certificate that names localhost too. --insecure would switch "
        "the check off, and with it the test."
    ),
    needs=("openssl", "curl"),
    env={"LC_ALL": "C"},
)

CUT_DOWNLOAD = Scenario(
    slug="curl-transfer-cut-off",
    name="fetch-model-card",
    stage="prepare",
    tags=("curl", "network"),
    item_class="network-service",
    files={
        "mirror.py": '''\
import pathlib
import socket

server = socket.create_server(("127.0.0.1", 0))
pathlib.Path("port.tmp").write_text(str(server.getsockname()[1]))
pathlib.Path("port.tmp").rename("port.txt")
while True:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/gzip\\r\\nContent-Length: 52400\\r\\n\\r\\n")
        connection.sendall(b"x" * 20480)
''',
        "ci/fetch.sh": """\
#!/usr/bin/env bash
set -uo pipefail
for try in 1 2 3; do
  curl --silent --show-error --fail --output cards.tar.gz "http://127.0.0.1:$PORT/cards.tar.gz" && exit 0
  echo "try $try: curl ended with $?, $(stat -c %s cards.tar.gz) bytes are here" >&2
done
echo "giving up" >&2
exit 18
""",
    },
    script=("python mirror.py &", WAIT_FOR_PORT, "export PORT", "bash ci/fetch.sh"),
    evidence=("curl: (18) ", "20480 bytes are here", "try 3"),
    root_cause=(
        "The mirror promises 52,400 bytes of cards.tar.gz (status 200, Content-Length) and closes the connection after 20,480, "
        "in each of three tries at the same place: curl ends with 18, transfer closed with bytes remaining. The mirror can be "
        "reached; what it serves is cut off there, so trying again doesn't help."
    ),
    fix=(
        "Have the mirror's copy or its proxy mended (publish cards.tar.gz anew and compare its size), and take the file from "
        "another source meanwhile. Keep the check of curl's status, and compare a checksum before the archive is used; "
        "`--continue-at -` helps only against cuts that come and go."
    ),
    needs=("curl",),
    env={"LC_ALL": "C"},
)

RATE_LIMITED = Scenario(
    slug="node-fetch-429",
    name="sync-labels",
    stage="run",
    tags=("node", "network"),
    item_class="network-service",
    files={
        "server.mjs": """\
import { createServer } from 'node:http';
import { writeFileSync, renameSync } from 'node:fs';

let left = 5;
const server = createServer((request, response) => {
  left -= 1;
  const headers = { 'RateLimit-Limit': '5', 'RateLimit-Remaining': String(Math.max(0, left)) };
  if (left < 0) {
    response.writeHead(429, { ...headers, 'Retry-After': '60' });
    return response.end('Retry later');
  }
  response.writeHead(201, headers);
  return response.end('{}');
});
server.listen(0, '127.0.0.1', () => {
  writeFileSync('port.tmp', String(server.address().port));
  renameSync('port.tmp', 'port.txt');
});
""",
        "sync.mjs": """\
const labels = ['bug', 'chore', 'docs', 'feature', 'flaky', 'infra', 'question', 'security'];
const url = `http://127.0.0.1:${process.env.PORT}/labels`;

async function put(label) {
  const response = await fetch(url, { method: 'POST', body: label });
  const left = response.headers.get('ratelimit-remaining');
  console.log(`${label}: ${response.status}, ${left} of ${response.headers.get('ratelimit-limit')} left`);
  if (!response.ok) {
    throw new Error(`label ${label}: ${response.status}, retry after ${response.headers.get('retry-after')} s`);
  }
}

for (const label of labels) {
  await put(label);
}
console.log(`${labels.length} labels are there`);
""",
    },
    script=("node server.mjs &", WAIT_FOR_PORT, "export PORT", "node sync.mjs"),
    evidence=("flaky: 201, 0 of 5 left", "infra: 429", "retry after 60 s"),
    root_cause=(
        "The server allows five requests in its window (RateLimit-Limit 5) and says how many are left; sync.mjs sends one for "
        "each of eight labels without looking. After `flaky` none is left, so `infra` gets 429 with Retry-After 60, which "
        "`put` throws as an error: three labels are missing. Labels and address are right."
    ),
    fix=(
        "Wait as the server asks: in `put`, on 429, pause for `retry-after` seconds and send the same label again (a few times "
        "at most), and pause before when `ratelimit-remaining` is 0. Fewer requests are better still, if the API can set "
        "several labels at once."
    ),
    needs=("node",),
)

SWITCH = Scenario(
    slug="javac-switch-not-exhaustive",
    name="compile",
    stage="build",
    tags=("java", "compile-error"),
    item_class="compile-error",
    files={
        "src/app/Phase.java": "package app;\n\npublic enum Phase {\n    ON_HOLD,\n    INTERIM_PRODUCTION,\n    SHADOW,\n    STAGING\n}\n",
        "src/app/Route.java": """\
package app;

import java.util.List;

final class Route {
    static List<String> environments(Phase phase) {
        return switch (phase) {
            case ON_HOLD -> List.of();
            case INTERIM_PRODUCTION -> List.of("production");
            case STAGING -> List.of("staging");
        };
    }

    static boolean runs(Phase phase) {
        switch (phase) {
            case ON_HOLD:
                return false;
            default:
                return true;
        }
    }
}
""",
        "src/app/Main.java": 'package app;\n\npublic final class Main {\n    public static void main(String[] args) {\n        System.out.println(Route.environments(Phase.valueOf(args[0])));\n    }\n}\n',
    },
    script=("javac --version", "cat src/app/Phase.java", "javac -Xlint:all -d out src/app/*.java"),
    evidence=("the switch expression does not cover all possible input values", "SHADOW"),
    root_cause=(
        "The enum Phase has four constants, and the switch expression in src/app/Route.java, line 7, has a branch for three of "
        "them: SHADOW is missing. A switch that gives a value must cover every constant, so javac refuses it. The switch "
        "statement in `runs` has a default and is fine."
    ),
    fix=(
        'Add the branch: `case SHADOW -> List.of("production", "staging");` in `environments`. A `default` would compile too, '
        "but then javac would say nothing of the next new phase."
    ),
    needs=("javac",),
)

VENDORING = Scenario(
    slug="go-inconsistent-vendoring",
    name="build",
    stage="build",
    tags=("go", "dependency"),
    item_class="dependency",
    files={
        "go.mod": "module example.com/gate\n\ngo 1.22\n\nrequire (\n\texample.com/metrics v1.3.0\n\texample.com/retry v0.4.1\n)\n",
        "main.go": 'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/metrics"\n\t"example.com/retry"\n)\n\nfunc main() {\n\tfmt.Println(metrics.Name, retry.Tries)\n}\n',
        "vendor/modules.txt": "# example.com/metrics v1.2.0\n## explicit; go 1.22\nexample.com/metrics\n",
        "vendor/example.com/metrics/metrics.go": 'package metrics\n\nconst Name = "gate"\n',
    },
    script=("cat go.mod", "cat vendor/modules.txt", "go build ./..."),
    evidence=("inconsistent vendoring", "example.com/retry@v0.4.1: is explicitly required in go.mod, but not marked as explicit"),
    root_cause=(
        "go.mod requires example.com/metrics v1.3.0 and example.com/retry v0.4.1, and the vendor folder was not made anew after "
        "that: vendor/modules.txt still has metrics v1.2.0 and knows no retry. Go builds from vendor by default, finds both "
        "disagreements and stops: inconsistent vendoring."
    ),
    fix=(
        "Run `go mod tidy && go mod vendor` where the modules can be reached, and commit go.mod, go.sum and vendor together. "
        "`-mod=mod` would ignore vendor and download in CI, which vendoring is there to avoid."
    ),
    needs=("go",),
)

BYTE_ORDER_MARK = Scenario(
    slug="node-json-byte-order-mark",
    name="validate-config",
    stage="test",
    tags=("node", "encoding"),
    item_class="malformed-file",
    files={
        "validate.mjs": """\
import { readFileSync, readdirSync } from 'node:fs';

for (const name of readdirSync('config').sort()) {
  const config = JSON.parse(readFileSync(`config/${name}`, 'utf8'));
  console.log(`${name}: ${Object.keys(config).join(', ')}`);
}
""",
        "config/limits.json": json.dumps({"requests_per_minute": 20, "in_flight": 64}, indent=2) + "\n",
        "config/owners.json": b"\xef\xbb\xbf" + (json.dumps({"dri": "model validation", "team": "chat"}, indent=2) + "\n").encode(),
    },
    script=("head -n 2 config/*.json | cat -v", "file config/*.json", "node validate.mjs"),
    evidence=("SyntaxError: Unexpected token", "limits.json: requests_per_minute", "M-oM-;M-?{"),
    root_cause=(
        "config/owners.json begins with a UTF-8 byte order mark, three bytes before the brace (shown as M-oM-;M-? by cat -v). "
        "Node reads it as a character that is invisible in the error message, and JSON.parse takes no such character before "
        "the brace: Unexpected token. The JSON behind it is right; limits.json has no mark and was read."
    ),
    fix=(
        "Save config/owners.json as UTF-8 without a byte order mark (`sed -i '1s/^\\xEF\\xBB\\xBF//' config/owners.json`), and "
        "put `charset = utf-8` for *.json into .editorconfig. If others deliver the file, strip it when reading: "
        "`.replace(/^\\uFEFF/, '')`."
    ),
    needs=("node", "file"),
    env={"LC_ALL": "C"},
)

JOBS = (
    ARGUMENT_LIST,
    INODES,
    GO_TIMEOUT,
    HOST_NAME,
    CUT_DOWNLOAD,
    RATE_LIMITED,
    SWITCH,
    VENDORING,
    BYTE_ORDER_MARK,
)
