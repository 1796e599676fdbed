"""Jobs that fail on the state of a repository or of its clone."""

from __future__ import annotations

from rca.scenario import Scenario

GIT = ("git",)
GIT_USER = "git config --global user.name ci && git config --global user.email ci@example.com && git config --global init.defaultBranch main"

SUBMODULE = Scenario(
    slug="git-submodule-not-fetched",
    name="generate",
    stage="build",
    tags=("git", "version-control"),
    item_class="version-control",
    files={
        "ci/make_repositories.sh": """\
set -e
git init --quiet schemas && cd schemas
mkdir events && echo '{"type": "object"}' | tee events/order.json > events/invoice.json
git add . && git commit --quiet -m 'Order and invoice' && cd ..
git init --quiet shop && cd shop
git -c protocol.file.allow=always submodule --quiet add ../schemas vendor/schemas
mkdir ci && cp ../ci/generate.sh ci/
git add . && git commit --quiet -m 'Generate from schemas' && cd ..
""",
        "ci/generate.sh": """\
#!/usr/bin/env bash
set -euo pipefail
mkdir -p generated
for event in order invoice; do
  echo "generating $event"
  sed 's/"object"/"record"/' "vendor/schemas/events/$event.json" > "generated/$event.json"
done
""",
    },
    script=(
        GIT_USER,
        "bash ci/make_repositories.sh",
        "git clone --quiet --depth 1 file://$PWD/shop checkout && cd checkout",
        "git log --oneline --format=%s && git submodule status | cut -c1,42-",
        "bash ci/generate.sh",
    ),
    evidence=("vendor/schemas/events/order.json: No such file or directory", "\n- vendor/schemas\n"),
    root_cause=(
        "vendor/schemas is a git submodule, and the clone did not fetch it: `git submodule status` marks it with a minus, "
        "and its folder is empty. So ci/generate.sh finds no vendor/schemas/events/order.json. The file is there in the "
        "repository schemas; its name is not wrong."
    ),
    fix=(
        "Have the runner fetch submodules (`GIT_SUBMODULE_STRATEGY: recursive` in the job's variables), or run `git submodule "
        "update --init --depth 1` before ci/generate.sh. The job's token must be allowed to read the repository schemas."
    ),
    needs=GIT,
    env={"LC_ALL": "C"},
)

NO_MERGE_BASE = Scenario(
    slug="git-shallow-no-merge-base",
    name="changed-files",
    stage="prepare",
    tags=("git", "version-control"),
    item_class="version-control",
    files={
        "ci/make_origin.sh": """\
set -e
git init --quiet origin && cd origin
for n in 1 2 3; do echo "$n" > base.txt; git add .; git commit --quiet -m "Base $n"; done
git switch --quiet -c faster-search
for n in 1 2 3; do echo "$n" > search.txt; git add .; git commit --quiet -m "Search $n"; done
git switch --quiet main
for n in 4 5; do echo "$n" > base.txt; git add .; git commit --quiet -m "Base $n"; done
""",
        "ci/changed.sh": """\
#!/usr/bin/env bash
set -euo pipefail
git fetch --quiet --depth 2 origin main
echo "commits here: $(git rev-list --count HEAD), of main: $(git rev-list --count FETCH_HEAD)"
git diff --name-only FETCH_HEAD...HEAD
""",
    },
    script=(
        GIT_USER,
        "bash ci/make_origin.sh",
        "git clone --quiet --depth 2 --branch faster-search file://$PWD/origin checkout && cp ci/changed.sh checkout && cd checkout",
        "git log --format=%s",
        "bash changed.sh",
    ),
    evidence=("no merge base", "commits here: 2, of main: 2"),
    root_cause=(
        "The clone is shallow: it holds the last two commits of faster-search and the last two of main. The commit in which "
        "the two branches part lies further back on both, so `FETCH_HEAD...HEAD`, which needs that commit, has no merge base. "
        "In the whole repository there is one."
    ),
    fix=(
        "Fetch enough history: `GIT_DEPTH: 0` for this job, or `git fetch --unshallow origin` and `git fetch origin main` "
        "before the diff (or deepen step by step until `git merge-base` finds the commit). `FETCH_HEAD..HEAD` with two dots "
        "needs no merge base, but lists main's own changes as well."
    ),
    needs=GIT,
)

PATCH = Scenario(
    slug="git-apply-patch-rejected",
    name="patch-vendored",
    stage="build",
    tags=("git", "version-control"),
    item_class="version-control",
    files={
        "vendor/retry/retry.py": """\
\"\"\"Vendored: retry 2.1.0.\"\"\"
import random
import time


def wait_before(attempt, base=1.0, limit=60.0):
    pause = min(limit, base * 2**attempt)
    return pause * random.uniform(0.5, 1.5)


def call(function, attempts=3):
    for attempt in range(attempts):
        try:
            return function()
        except ConnectionError:
            time.sleep(wait_before(attempt))
    return function()
""",
        "patches/0001-full-jitter.patch": """\
--- a/vendor/retry/retry.py
+++ b/vendor/retry/retry.py
@@ -1,9 +1,9 @@
 \"\"\"Vendored: retry 2.0.3.\"\"\"
 import random
 import time
 
 
 def wait_before(attempt, base=1.0, limit=60.0):
     pause = min(limit, base * 2**attempt)
-    return pause
+    return random.uniform(0, pause)
 
""",
    },
    script=(
        "git init --quiet --initial-branch main",
        "head -n 8 vendor/retry/retry.py",
        "grep -n '^[-+ ]' patches/0001-full-jitter.patch",
        "git apply --verbose patches/0001-full-jitter.patch",
    ),
    evidence=("patch does not apply", "Vendored: retry 2.1.0"),
    root_cause=(
        "patches/0001-full-jitter.patch was made against retry 2.0.3, and vendor/retry/retry.py is 2.1.0 now. Its first line "
        "and the line to be replaced differ (`return pause` has become `return pause * random.uniform(0.5, 1.5)`), so the "
        "hunk fits nowhere: patch does not apply."
    ),
    fix=(
        "Make the patch anew against 2.1.0 (edit the file, `git diff > patches/0001-full-jitter.patch`), or drop it: the new "
        "version has a jitter of its own. Pin the vendored version beside the patch, so that both change together."
    ),
    needs=GIT,
)

LFS_POINTER = Scenario(
    slug="git-lfs-pointer-instead-of-file",
    name="score-baseline",
    stage="test",
    tags=("git", "version-control"),
    item_class="version-control",
    files={
        ".gitattributes": "*.jsonl filter=lfs diff=lfs merge=lfs -text\n",
        "baseline/answers.jsonl": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1048211\n",
        "score.py": """\
import json

scores = []
with open("baseline/answers.jsonl", encoding="utf-8") as file:
    for number, line in enumerate(file, start=1):
        scores.append(json.loads(line)["score"])
print(f"mean over {len(scores)} answers: {sum(scores) / len(scores):.3f}")
""",
    },
    script=(
        "cat .gitattributes",
        "wc -c baseline/answers.jsonl",
        "head -c 300 baseline/answers.jsonl",
        "python score.py",
    ),
    evidence=("json.decoder.JSONDecodeError", "version https://git-lfs.github.com/spec/v1"),
    root_cause=(
        "baseline/answers.jsonl is no JSON but a Git LFS pointer (version, oid, size) of about 130 bytes; the real file of "
        "1,048,211 bytes was never downloaded. .gitattributes puts *.jsonl into LFS, and this clone was made without "
        "git-lfs or with its smudge step switched off. json.loads meets the word `version` and raises JSONDecodeError."
    ),
    fix=(
        "Install git-lfs in the job's image and fetch the content before the script: `git lfs install --local && git lfs "
        "pull --include 'baseline/*'`; see that GIT_LFS_SKIP_SMUDGE is not set."
    ),
)

INDEX_LOCK = Scenario(
    slug="git-index-lock-left-over",
    name="refresh-checkout",
    stage="prepare",
    tags=("git", "version-control"),
    item_class="version-control",
    files={
        "ci/make_kept_checkout.sh": """\
set -e
git init --quiet origin && cd origin && echo one > state.txt && git add . && git commit --quiet -m 'One' && cd ..
git clone --quiet origin kept
cd origin && echo two > state.txt && git commit --quiet -am 'Two' && cd ..
touch -d '2026-03-01 22:14:09' kept/.git/index.lock
""",
        "ci/refresh.sh": """\
#!/usr/bin/env bash
set -euo pipefail
cd kept
git fetch --quiet origin
echo "at $(git log -1 --format=%s), wanted: $(git log -1 --format=%s origin/main)"
git reset --hard origin/main
git clean -ffdx
""",
    },
    script=(
        GIT_USER,
        "bash ci/make_kept_checkout.sh",
        "ls -l --time-style=+%F_%T kept/.git | grep lock | cut -d' ' -f 5-",
        "pgrep -s 0 -x git || echo 'no git is running'",
        "bash ci/refresh.sh",
    ),
    evidence=("index.lock': File exists", "2026-03-01_22:14:09", "no git is running"),
    root_cause=(
        "The kept checkout holds .git/index.lock from an earlier job (1 March, 22:14), whose git was ended before it could "
        "remove it; no git is running now. `git reset` takes the file for another git at work and refuses: File exists. The "
        "fetch before it needs no index and passed."
    ),
    fix=(
        "Remove the stale file where no git runs: `rm -f kept/.git/index.lock` at the start of ci/refresh.sh, if jobs on this "
        "checkout never run at once; or let each job clone afresh (`GIT_STRATEGY: clone`)."
    ),
    needs=("git", "pgrep"),
    env={"LC_ALL": "C"},
)

JOBS = (SUBMODULE, NO_MERGE_BASE, PATCH, LFS_POINTER, INDEX_LOCK)
