"""Jobs in which a shell script, git or a file tool fails."""

from __future__ import annotations

import gzip

from rca.scenario import Scenario

GIT = ("git",)
GIT_USER = "git config --global user.name ci && git config --global user.email ci@example.com && git config --global init.defaultBranch main"

UNBOUND = Scenario(
    slug="shell-unbound-variable",
    name="publish",
    stage="deploy",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/publish.sh": """\
#!/usr/bin/env bash
set -euo pipefail

source ci/version.sh
echo "publishing $PACKAGE $VERSION"
mkdir -p "out/$PACKAGE"
cp README.md "out/$PACKAGE/"
echo "channel: $RELEASE_CHANNEL"
""",
        "ci/version.sh": 'PACKAGE=daily-runs\nVERSION=1.4.0\nif [[ "${CI_COMMIT_TAG:-}" == v* ]]; then\n  RELEASE_CHANNEL=stable\nfi\n',
        "README.md": "# Daily runs\n",
    },
    script=("cat ci/version.sh", "bash ci/publish.sh"),
    evidence=("RELEASE_CHANNEL: unbound variable",),
    root_cause=(
        "ci/publish.sh runs with `set -u` and uses $RELEASE_CHANNEL in line 8. ci/version.sh sets that variable only "
        "when CI_COMMIT_TAG starts with v, and this isn't a tag pipeline, so it was never set: unbound variable."
    ),
    fix=(
        "Give it a value for untagged builds, in ci/version.sh: `RELEASE_CHANNEL=edge` before the if (or an else "
        "branch), or restrict the publish job to tags with `rules: - if: $CI_COMMIT_TAG`."
    ),
)

COMMAND_NOT_FOUND = Scenario(
    slug="shell-command-not-found",
    name="api-docs",
    stage="build",
    tags=("bash", "dependency"),
    item_class="configuration",
    files={
        "api/service.proto": 'syntax = "proto3";\nmessage Answer {\n  string text = 1;\n}\n',
        "ci/generate.sh": '#!/usr/bin/env bash\nset -e\nmkdir -p gen\nfor file in api/*.proto; do\n  echo "generating from $file"\n  buf-gen-docs --in "$file" --out gen\ndone\n',
    },
    script=("find api -name '*.proto'", "cat -n ci/generate.sh", "bash ci/generate.sh"),
    evidence=("buf-gen-docs: command not found",),
    root_cause=(
        "ci/generate.sh, line 6, calls `buf-gen-docs`, which isn't installed on this image (or isn't on PATH): command "
        "not found, exit code 127. The .proto file itself was found."
    ),
    fix=(
        "Install buf-gen-docs in the job's image or in a before_script, pinned to a version, or run the job on an "
        "image that has it; if it is installed elsewhere, add its directory to PATH."
    ),
)

PIPEFAIL = Scenario(
    slug="shell-pipefail",
    name="count-errors",
    stage="report",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "logs/app-1.log": "INFO start\nINFO stop\n" * 20,
        "logs/app-2.log": "INFO start\nDEBUG tick\nINFO stop\n" * 20,
        "ci/count.sh": """\
#!/usr/bin/env bash
set -euo pipefail
for file in logs/*.log; do
  echo "counting errors in $file ($(wc -l < "$file") lines)"
  count=$(grep -h ERROR "$file" | wc -l)
  echo "$file: $count errors"
done
""",
    },
    script=("wc -l logs/*.log", "bash -x ci/count.sh"),
    evidence=("+ count=0", "counting errors in logs/app-1.log"),
    root_cause=(
        "There is no ERROR line in logs/app-1.log, so grep ends with status 1. ci/count.sh runs with `set -euo "
        "pipefail`: the pipeline `grep ... | wc -l` takes grep's status although wc printed 0, and `set -e` ends the "
        "script at the assignment `count=0`. No command is broken and no message is printed."
    ),
    fix=(
        'Let no match be no failure: `count=$(grep -hc ERROR "$file" || true)`, or `{ grep -h ERROR "$file" || '
        "test $? -eq 1; } | wc -l`, which still fails on grep's real errors (status 2)."
    ),
)

NOT_EXECUTABLE = Scenario(
    slug="shell-script-not-executable",
    name="deploy",
    stage="deploy",
    tags=("bash", "permission"),
    item_class="permission",
    files={
        "ci/deploy.sh": "#!/usr/bin/env bash\necho deploying\n",
        "ci/check.sh": "#!/usr/bin/env bash\necho 'configuration is sound'\n",
    },
    script=("stat -c '%A %n' ci/*.sh", "./ci/check.sh", "cat ci/deploy.sh", "./ci/deploy.sh"),
    evidence=("./ci/deploy.sh: Permission denied", "-rw-r--r-- ci/deploy.sh"),
    root_cause=(
        "ci/deploy.sh has no execute bit (-rw-r--r--), unlike ci/check.sh beside it, so `./ci/deploy.sh` is refused: "
        "Permission denied, exit code 126."
    ),
    fix=(
        "Set the bit in the repository: `git update-index --chmod=+x ci/deploy.sh` (or chmod +x and commit). Calling "
        "it as `bash ci/deploy.sh` works without the bit."
    ),
    executable=("ci/check.sh",),
)

CRLF = Scenario(
    slug="shell-crlf-line-endings",
    name="prepare",
    stage="build",
    tags=("bash", "encoding"),
    item_class="malformed-file",
    files={
        "ci/prepare.sh": "#!/usr/bin/env bash\r\nset -e\r\nmkdir -p build\r\necho prepared\r\n",
        "ci/env.sh": "#!/usr/bin/env bash\necho environment ready\n",
    },
    script=("./ci/env.sh", "file ci/*.sh", "./ci/prepare.sh"),
    evidence=("CRLF line terminators", "No such file or directory"),
    root_cause=(
        "ci/prepare.sh has Windows line endings (CRLF). The kernel takes the carriage return as part of the "
        'interpreter line and looks for `bash\\r`, which env can\'t find: "No such file or directory" means the '
        "interpreter, not the script; exit code 127."
    ),
    fix=(
        "Convert the file to LF (`sed -i 's/\\r$//' ci/prepare.sh`) and keep it so with `*.sh text eol=lf` in "
        ".gitattributes."
    ),
    executable=("ci/prepare.sh", "ci/env.sh"),
    needs=("file",),
)

BASHISM = Scenario(
    slug="shell-bashism-under-sh",
    name="select-tests",
    stage="test",
    tags=("sh", "shell"),
    item_class="shell-script",
    files={
        "ci/select.sh": """\
#!/bin/sh
set -e
branch=${1:-main}
echo "branch: $branch"
suites=(unit integration)
if [[ $branch == release/* ]]; then
  suites+=(end-to-end)
fi
for suite in "${suites[@]}"; do echo "run $suite"; done
""",
    },
    script=("bash ci/select.sh release/2.4", "readlink -f /bin/sh", "sh ci/select.sh release/2.4"),
    evidence=('Syntax error: "(" unexpected', "run end-to-end"),
    root_cause=(
        "ci/select.sh uses Bash features (an array, `[[ ]]`, `+=`) but is run by sh, which is dash here. dash knows no "
        'arrays and stops at line 5, `suites=(unit integration)`: Syntax error: "(" unexpected, exit code 2. Under '
        "bash the same script ran through."
    ),
    fix=(
        "Run it with bash: `bash ci/select.sh` in the job and `#!/usr/bin/env bash` as its first line, or rewrite it "
        "in POSIX sh (a word list in a string and `case`)."
    ),
    needs=("dash",),
)

MISSING_ARTEFACT = Scenario(
    slug="shell-missing-artefact",
    name="package",
    stage="build",
    tags=("bash", "missing-file"),
    item_class="missing-file",
    files={
        "ci/package.sh": "#!/usr/bin/env bash\nset -euo pipefail\nmkdir -p package/bin package/doc\ncp -v doc/*.md package/doc/\ncp -v dist/app-linux-amd64 package/bin/app\ntar -czf package.tgz package\n",
        "doc/usage.md": "# Usage\n",
        "doc/changes.md": "# Changes\n",
        "dist/app-linux-x86_64": "binary\n",
        "dist/app-darwin-arm64": "binary\n",
    },
    script=("ls -1 dist", "bash ci/package.sh"),
    evidence=("cannot stat 'dist/app-linux-amd64'", "app-linux-x86_64"),
    root_cause=(
        "ci/package.sh copies dist/app-linux-amd64, but the build left app-linux-x86_64 (and app-darwin-arm64) in "
        "dist, as the listing shows. The names of the platform don't agree, so cp can't find the file."
    ),
    fix=(
        "Use one name on both sides: copy `dist/app-linux-x86_64` in ci/package.sh, or let the build write "
        "app-linux-amd64."
    ),
    env={"LC_ALL": "C"},
)

TIMEOUT = Scenario(
    slug="timeout-lock-wait",
    name="migrate-with-lock",
    stage="deploy",
    tags=("bash", "timeout"),
    item_class="resources",
    files={
        "ci/locked.sh": """\
#!/usr/bin/env bash
set -euo pipefail
echo "waiting for the deployment lock"
tries=0
until mkdir deploy.lock 2> /dev/null; do
  tries=$((tries + 1))
  echo "try $tries: deploy.lock is held by $(cat deploy.lock/owner)"
  sleep 0.5
done
echo "deploying"
""",
        "deploy.lock/owner": "pipeline 4711, cancelled\n",
    },
    script=("date -u -d @1772442000", "timeout 3 bash ci/locked.sh"),
    evidence=("deploy.lock is held by pipeline 4711, cancelled", "exit code 124"),
    root_cause=(
        "The job never got beyond its wait for the lock: the directory deploy.lock is left over from pipeline 4711, "
        "which was cancelled and didn't remove it. After 3 seconds `timeout` ended the script, exit code 124."
    ),
    fix=(
        "Remove the stale deploy.lock once, and make the lock go with its holder: remove it in a trap on EXIT, or use "
        "`flock`, which the kernel releases. A longer timeout wouldn't help."
    ),
)

HANGING_TEST = Scenario(
    slug="timeout-hanging-test",
    name="unit-tests",
    stage="test",
    tags=("python", "timeout"),
    item_class="resources",
    files={
        "worker.py": """\
import queue


def drain(jobs: queue.Queue) -> list:
    done = []
    while True:
        job = jobs.get()
        if job is None:
            return done
        done.append(job * 2)
""",
        "test_worker.py": """\
import faulthandler
import queue
import sys
import unittest

from worker import drain

faulthandler.dump_traceback_later(2, exit=False, file=sys.stderr)


def filled(*jobs):
    result = queue.Queue()
    for job in jobs:
        result.put(job)
    return result


class DrainTest(unittest.TestCase):
    def test_a_stop_mark_ends_the_work(self):
        self.assertEqual(drain(filled(1, 2, None)), [2, 4])

    def test_b_nothing_to_do(self):
        self.assertEqual(drain(filled()), [])

    def test_c_order_is_kept(self):
        self.assertEqual(drain(filled(3, 1, None)), [6, 2])
""",
    },
    script=("timeout 4 python -m unittest -v",),
    evidence=("test_b_nothing_to_do", 'worker.py", line 7 in drain', "exit code 124"),
    root_cause=(
        "The test test_b_nothing_to_do hangs: `drain` in worker.py, line 7, waits in `jobs.get()` without a timeout "
        "for a job or the stop mark None, and the test's queue is empty and never gets one. The timeout of 4 seconds "
        "ended the run (exit code 124); the dumped stack shows the place."
    ),
    fix=(
        "Put the stop mark into the test's queue (`filled(None)`), or, if an empty queue should end the work, use "
        "`jobs.get_nowait()` and return on queue.Empty."
    ),
)

PERMISSION = Scenario(
    slug="permission-denied-install",
    name="install-tool",
    stage="build",
    tags=("bash", "permission"),
    item_class="permission",
    files={
        "tool/score": "#!/bin/sh\necho 0.8\n",
        "ci/install.sh": '#!/usr/bin/env bash\nset -e\necho "installing as $(id -un)"\ninstall -v -m 755 tool/score /usr/local/bin/score\nscore\n',
    },
    script=("id -un", "stat -c '%U %A %n' /usr/local/bin", "bash ci/install.sh"),
    evidence=("cannot create regular file '/usr/local/bin/score': Permission denied", "nobody"),
    root_cause=(
        "The job runs as the unprivileged user `nobody`, and ci/install.sh installs into /usr/local/bin, which belongs "
        "to root and is writable by root alone. install can't create /usr/local/bin/score: Permission denied."
    ),
    fix=(
        'Install below the job\'s own directories (`install -D tool/score "$CI_PROJECT_DIR/bin/score"` and put that '
        "directory on PATH), or put the tool into the image when it is built. Running the job as root isn't needed."
    ),
    unprivileged=True,
    env={"LC_ALL": "C"},
)

LOW_PORT = Scenario(
    slug="permission-denied-low-port",
    name="review-app",
    stage="deploy",
    tags=("python", "permission"),
    item_class="permission",
    files={
        "serve.py": """\
import http.server
import os

PORT = int(os.environ.get("PORT", "80"))


def main():
    print(f"serving on port {PORT}", flush=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler) as server:
        server.handle_request()


main()
""",
        "index.html": "<h1>review</h1>\n",
    },
    script=("id -un", "sysctl -n net.ipv4.ip_unprivileged_port_start", "/usr/bin/python3 serve.py"),
    evidence=("PermissionError: [Errno 13] Permission denied", "serving on port 80", "1024"),
    root_cause=(
        "serve.py takes its port from PORT and falls back to 80. The job runs as the unprivileged user `nobody`, who "
        "may bind ports from 1024 on only (ip_unprivileged_port_start), so binding port 80 fails with PermissionError "
        "(errno 13). The port isn't in use."
    ),
    fix=(
        "Set PORT to 1024 or higher (PORT: 8080) for this job and let the proxy or service map it to 80. Giving the "
        "process CAP_NET_BIND_SERVICE works too; running as root isn't needed."
    ),
    unprivileged=True,
    needs=("sysctl",),
)

DISK_FULL = Scenario(
    slug="disk-full-cache-volume",
    name="warm-cache",
    stage="build",
    tags=("bash", "disk"),
    item_class="resources",
    files={
        "ci/warm.sh": """\
#!/usr/bin/env bash
set -euo pipefail
mkdir -p cache
mount -t tmpfs -o size=2m cache-volume cache
df -k --output=target,size,avail cache | sed "s#$PWD/##"
for layer in 1 2 3 4 5; do
  echo "fetching layer $layer (700 kB)"
  head -c 700000 /dev/zero > "cache/layer-$layer.tar"
done
echo "cache is warm"
""",
    },
    script=("unshare --map-root-user --mount bash ci/warm.sh",),
    evidence=("No space left on device", "fetching layer 3"),
    root_cause=(
        "The cache volume is 2 MiB (2048 kB), as df shows at the start, and the job writes five layers of 700 kB each. "
        'Two fit, the third doesn\'t: head gets "No space left on device" while writing cache/layer-3.tar.'
    ),
    fix=(
        "Give the cache volume room for all layers (3.5 MB plus reserve), or delete what an earlier job left and keep "
        "fewer layers. The layers themselves are fine."
    ),
    needs=("unshare", "mount"),
    env={"LC_ALL": "C"},
)

FILE_SIZE = Scenario(
    slug="file-size-limit",
    name="export-traces",
    stage="report",
    tags=("bash", "disk"),
    item_class="resources",
    files={
        "export.sh": '#!/usr/bin/env bash\nset -e\nfor day in mon wed fri; do\n  echo "exporting $day"\n  head -c 200000 /dev/zero >> traces.txt\ndone\nls -l traces.txt\n',
    },
    script=("ulimit -f 500", "ulimit -a | grep 'file size'", "bash export.sh"),
    evidence=("File size limit exceeded", "500"),
    root_cause=(
        "The job sets a file size limit of 500 blocks of 1 KiB (`ulimit -f 500`, 512000 bytes). export.sh appends 200 "
        "kB per day to the one file traces.txt; with the third day (fri) it would pass the limit, and the writing "
        "process is killed by SIGXFSZ: File size limit exceeded, exit code 153."
    ),
    fix=(
        "Write one file per day (traces-$day.txt), or compress while writing; raise `ulimit -f` if one file of 600 kB "
        "is wanted. The disk isn't full."
    ),
)

CHECKSUM = Scenario(
    slug="sha256-mismatch",
    name="verify-download",
    stage="build",
    tags=("bash", "integrity"),
    item_class="malformed-file",
    files={
        "vendor/judge-1.2.tar": b"release 1.2 of the judge\n" * 40,
        "vendor/rubrics-0.4.tar": b"rubrics 0.4, rebuilt\n" * 40,
        "vendor/schema-3.json": b'{"version": 3}\n',
        "vendor/SHA256SUMS": "8f48cf20d21dee33a8f5ce4cbcf7e0ad5b1aa70d6ab2cd7ab2b1b8b7bbd5a7c3  rubrics-0.4.tar\n",
    },
    script=(
        "cd vendor && sha256sum judge-1.2.tar schema-3.json >> SHA256SUMS",
        "ls -l --time-style=+ .",
        "sha256sum --check SHA256SUMS",
    ),
    evidence=("rubrics-0.4.tar: FAILED", "1 computed checksum did NOT match"),
    root_cause=(
        "vendor/rubrics-0.4.tar does not have the SHA-256 that SHA256SUMS lists for it; judge-1.2.tar and "
        "schema-3.json match. The archive is another one than when the sum was written: rebuilt under the same "
        "version, damaged, or replaced."
    ),
    fix=(
        "Fetch rubrics-0.4.tar again from its source. If it was rebuilt on purpose, publish it under a new version and "
        "write its sum into SHA256SUMS; don't skip the check."
    ),
    env={"LC_ALL": "C"},
)

TRUNCATED = Scenario(
    slug="gzip-truncated-archive",
    name="unpack-artefact",
    stage="test",
    tags=("tar", "integrity"),
    item_class="malformed-file",
    files={
        "artefact/site.tar.gz.part": gzip.compress(bytes((n * n) % 251 for n in range(60000)), mtime=0)[:300],
        "pages/index.html": "<h1>runs</h1>\n" * 400,
        "pages/about.html": "".join(f"<p>{n * 7919 % 10007}</p>\n" for n in range(3000)),
    },
    script=(
        "tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - pages | gzip -n | head -c 4096 > artefact/site.tar.gz",
        "ls -l --time-style=+ artefact/site.tar.gz | cut -d' ' -f5-",
        "tar -xvzf artefact/site.tar.gz -C artefact",
    ),
    evidence=("unexpected end of file",),
    root_cause=(
        "artefact/site.tar.gz is cut off: the step that packs it sends it through `head -c 4096`, and the file ends "
        "after exactly 4096 bytes in the middle of pages/about.html. gzip reports an unexpected end of file, and tar "
        "can't go on."
    ),
    fix=(
        "Take `head -c 4096` out of the packing step, or raise the limit above the archive's true size, and test the "
        "archive with `gzip -t` before it is handed on."
    ),
    env={"LC_ALL": "C"},
)

OPEN_FILES = Scenario(
    slug="too-many-open-files",
    name="merge-shards",
    stage="report",
    tags=("python", "environment"),
    item_class="resources",
    files={
        "merge.py": """\
from pathlib import Path

shards = Path("shards")
shards.mkdir()
for number in range(200):
    (shards / f"{number:03d}.txt").write_text(f"{number}\\n")

print(f"merging {len(list(shards.iterdir()))} shards")
files = [path.open() for path in sorted(shards.iterdir())]
with open("merged.txt", "w") as merged:
    for file in files:
        merged.writelines(file)
""",
    },
    script=("ulimit -n 64", "ulimit -n", "python merge.py"),
    evidence=("OSError: [Errno 24] Too many open files", "merging 200 shards"),
    root_cause=(
        "merge.py opens all 200 shards at once (`files = [path.open() ...]`, line 9) and closes none, while the job "
        "may hold 64 open files (`ulimit -n 64`). With the first sixty or so open the next open fails: OSError 24, Too "
        "many open files."
    ),
    fix=(
        "Open one shard at a time inside the loop: `with path.open() as file: merged.writelines(file)`. Raising the "
        "limit would only move the bound."
    ),
)

PROMPT = Scenario(
    slug="interactive-prompt-eof",
    name="cleanup",
    stage="deploy",
    tags=("python", "environment"),
    item_class="configuration",
    files={
        "cleanup.py": """\
import sys

STALE = ["seed-2025-11", "seed-2025-12"]


def confirmed(question):
    return "--yes" in sys.argv or input(f"{question} [y/N] ").lower() == "y"


print(f"{len(STALE)} stale projects: {', '.join(STALE)}")
if confirmed("Delete them?"):
    print("deleted")
""",
    },
    script=("python cleanup.py",),
    evidence=("EOFError: EOF when reading a line", "Delete them? [y/N]"),
    root_cause=(
        'cleanup.py asks "Delete them? [y/N]" with input(), and a CI job has no one to answer: standard input is '
        "empty, so input() raises EOFError. Nothing was deleted."
    ),
    fix=(
        "Run it without the question: `python cleanup.py --yes`, which `confirmed` already knows. Let the program "
        "refuse with a clear message when stdin is no terminal and --yes is missing."
    ),
)

GIT_CONFLICT = Scenario(
    slug="git-merge-conflict",
    name="merge-train",
    stage="build",
    tags=("git", "version-control"),
    item_class="version-control",
    files={"limits.yml": "chat: 50\nexplain: 45\nsuggest: 60\n", "owners.yml": "chat: chat-team\n"},
    script=(
        GIT_USER,
        "git init -q . && git add . && git commit -qm 'Limits' && git switch -qc raise-explain",
        "sed -i 's/explain: 45/explain: 60/' limits.yml && git commit -qam 'Raise the limit of explain'",
        "git switch -q main && sed -i 's/explain: 45/explain: 30/' limits.yml && echo 'explain: vulnerability-team' >> owners.yml && git commit -qam 'Lower the limit of explain'",
        "git log --oneline --all --format=%s",
        "git merge --no-edit raise-explain || { git diff; exit 1; }",
    ),
    evidence=("CONFLICT (content): Merge conflict in limits.yml", "explain: 30"),
    root_cause=(
        "Both branches changed the same line of limits.yml: main lowered `explain` from 45 to 30, raise-explain put it "
        "to 60. git can't decide between them and stops the merge with a conflict in limits.yml; owners.yml merged by "
        "itself."
    ),
    fix=(
        "Rebase raise-explain onto main (or merge main into it), settle with the owners which limit is right, 30 or "
        "60, remove the markers in limits.yml, and push."
    ),
    needs=GIT,
)

CONFLICT_MARKERS = Scenario(
    slug="git-conflict-markers-committed",
    name="compile",
    stage="build",
    tags=("python", "version-control"),
    item_class="version-control",
    files={
        "gate/__init__.py": "",
        "gate/rules.py": """\
MINIMUM = {
    "chat": 0.75,
<<<<<<< HEAD
    "explain": 0.80,
=======
    "explain": 0.82,
    "suggest": 0.70,
>>>>>>> tighten-gates
}


def opens(feature, score):
    return score >= MINIMUM[feature]
""",
        "gate/report.py": "def line(feature, score):\n    return f'{feature}: {score:.2f}'\n",
    },
    script=(
        "python -m compileall -q gate/report.py && echo 'gate/report.py compiled'",
        "python -c 'from gate.rules import opens; print(opens(\"chat\", 0.8))'",
    ),
    evidence=("<<<<<<< HEAD", "SyntaxError"),
    root_cause=(
        "gate/rules.py was committed with the markers of an unresolved merge conflict: the line `<<<<<<< HEAD` (line "
        "3) is no Python, hence SyntaxError. It is no fault of the code around it, but of the merge."
    ),
    fix=(
        "Resolve the conflict in gate/rules.py: keep the entries that are meant, delete the three marker lines "
        "(<<<<<<<, =======, >>>>>>>), commit. `git diff --check` in the lint stage finds such markers."
    ),
)

GIT_UNKNOWN_REF = Scenario(
    slug="git-shallow-clone-no-tags",
    name="version",
    stage="build",
    tags=("git", "version-control"),
    item_class="version-control",
    files={"origin/VERSION": "see tags\n"},
    script=(
        GIT_USER,
        "git -C origin init -q && git -C origin add . && git -C origin commit -qm 'First' && git -C origin tag -a v1.4.0 -m 'Release'",
        "git -C origin commit -q --allow-empty -m 'Second' && git -C origin commit -q --allow-empty -m 'Third'",
        "git clone --depth 1 --no-tags --quiet file://$PWD/origin work && cd work",
        "git log --format=%s && git rev-parse --is-shallow-repository",
        "git describe --tags",
    ),
    evidence=("fatal: No names found, cannot describe anything.", "--depth 1 --no-tags"),
    root_cause=(
        "The job's clone is shallow and without tags (`--depth 1 --no-tags`): it holds the last commit only, while the "
        "tag v1.4.0 sits two commits earlier in origin. `git describe --tags` therefore has no name to work with."
    ),
    fix=(
        "Fetch history and tags in this job: GIT_DEPTH: 0 with tags, or `git fetch --unshallow --tags` before `git "
        "describe`. (`git describe --always` would avoid the error but give no version.)"
    ),
    needs=GIT,
)

GIT_PATHSPEC = Scenario(
    slug="git-unknown-branch",
    name="backport",
    stage="deploy",
    tags=("git", "version-control"),
    item_class="version-control",
    files={"origin/app.txt": "v1\n"},
    script=(
        GIT_USER,
        "git -C origin init -q && git -C origin add . && git -C origin commit -qm 'Start' && git -C origin branch release-2.4",
        "git clone --quiet file://$PWD/origin work && cd work && git branch --all --format='%(refname:short)'",
        "git checkout release/2.4",
    ),
    evidence=("error: pathspec 'release/2.4' did not match any file(s) known to git", "origin/release-2.4"),
    root_cause=(
        "The job checks out release/2.4, and there is no such branch: the remote's is called release-2.4, with a dash, "
        "as the list of branches shows. git takes the unknown name for a path and finds none."
    ),
    fix=(
        "Use the branch's real name (`git checkout release-2.4`), or correct the variable or naming rule that made "
        "release/2.4 out of the version."
    ),
    needs=GIT,
)

GIT_PUSH = Scenario(
    slug="git-push-rejected",
    name="commit-report",
    stage="deploy",
    tags=("git", "version-control"),
    item_class="version-control",
    files={"report.md": "# Report\n"},
    script=(
        GIT_USER,
        "git init -q --bare remote.git && git clone -q remote.git work 2>/dev/null && cp report.md work/ && cd work && git add . && git commit -qm 'Start' && git push -q origin main",
        "git clone -q ../remote.git ../other && git -C ../other commit -q --allow-empty -m 'Report of the other job' && git -C ../other push -q origin main",
        "echo 'score: 0.81' >> report.md && git commit -qam 'Report of this job'",
        "git push origin main",
    ),
    evidence=("[rejected]", "fetch first"),
    root_cause=(
        'Another job pushed to main between this job\'s clone and its push ("Report of the other job"). The remote '
        "holds a commit that the local branch doesn't contain, so the push isn't a fast-forward and is rejected: fetch "
        "first."
    ),
    fix=(
        "Run `git pull --rebase origin main` before the push and try again on rejection, or let only one such job run "
        "at a time (resource_group). Don't force the push: that would drop the other report."
    ),
    needs=GIT,
)

JOBS = (
    UNBOUND, COMMAND_NOT_FOUND, PIPEFAIL, NOT_EXECUTABLE, CRLF, BASHISM, MISSING_ARTEFACT, TIMEOUT, HANGING_TEST, PERMISSION,
    LOW_PORT, DISK_FULL, FILE_SIZE, CHECKSUM, TRUNCATED, OPEN_FILES, PROMPT, GIT_CONFLICT, CONFLICT_MARKERS,
    GIT_UNKNOWN_REF, GIT_PATHSPEC, GIT_PUSH,
)  # fmt: skip
