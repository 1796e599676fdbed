"""Jobs whose own shell script does not mean what its author meant."""

from __future__ import annotations

from rca.scenario import Scenario

SPACES = Scenario(
    slug="shell-file-name-with-spaces",
    name="collect-reports",
    stage="report",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/collect.sh": """\
#!/usr/bin/env bash
set -euo pipefail
mkdir -p out
for report in $(find reports -name '*.txt' | sort); do
  echo "reading $report"
  head -n 1 $report >> out/all.txt
done
wc -l out/all.txt
""",
        "reports/daily.txt": "duo_chat 0.84\n",
        "reports/monthly.txt": "duo_chat 0.82\n",
        "reports/weekly review.txt": "duo_chat 0.83\n",
    },
    script=("ls -1Q reports", "bash ci/collect.sh"),
    evidence=("reading reports/weekly", "head: cannot open 'reports/weekly' for reading", '"weekly review.txt"'),
    root_cause=(
        "One report is called `weekly review.txt`, with a blank. ci/collect.sh loops over the unquoted output of find, which "
        "the shell splits at blanks, so it reads `reports/weekly` and `review.txt`, and head finds no such file. The other "
        "reports were read."
    ),
    fix=(
        "Let no word splitting happen: `find reports -name '*.txt' -print0 | sort -z | while IFS= read -r -d '' report; do … "
        'head -n 1 "$report" …; done`, or `for report in reports/*.txt`, and quote `"$report"` wherever it stands. Renaming '
        "the file only hides it."
    ),
    env={"LC_ALL": "C"},
)

EMPTY_TEST = Scenario(
    slug="shell-empty-variable-in-test",
    name="decide-deploy",
    stage="deploy",
    tags=("sh", "shell"),
    item_class="shell-script",
    files={
        "ci/gate.sh": """\
#!/bin/sh
score=$(sed -n 's/^mean: //p' results.txt)
allowed=$(sed -n 's/^deploy: //p' results.txt)
echo "mean is $score"
if [ $allowed != no ]; then
  echo "deploying"
  exit 0
fi
echo "not deploying: the results forbid it"
exit 1
""",
        "results.txt": "feature: duo_chat\nmean: 0.84\nprompts: 16\n",
    },
    script=("cat results.txt", "cat -n ci/gate.sh", "sh ci/gate.sh"),
    evidence=("[: !=: unexpected operator", "not deploying: the results forbid it"),
    root_cause=(
        "results.txt has no line `deploy:`, so `allowed` in ci/gate.sh is empty, and the unquoted `[ $allowed != no ]` of line "
        "5 becomes `[ != no ]`: unexpected operator. A test that fails with an error counts as false, so the script goes on to "
        'its end and says "the results forbid it", which is not true: nothing forbids it.'
    ),
    fix=(
        'Quote the variable: `[ "$allowed" != no ]`; an empty one then differs from `no` and the job deploys. Add `set -eu` '
        "and say in so many words what a missing line means, such as `allowed=${allowed:-yes}`."
    ),
)

OCTAL = Scenario(
    slug="shell-leading-zero-is-octal",
    name="next-release",
    stage="prepare",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/next.sh": """\
#!/usr/bin/env bash
set -euo pipefail
last=$1
year=${last%%.*}
month=${last##*.}
following=$((month + 1))
printf 'next release after %s: %d.%02d\\n' "$last" "$year" "$following"
""",
    },
    script=("bash ci/next.sh 2026.06", "bash ci/next.sh 2026.07", "cat -n ci/next.sh | sed -n 3,7p", "bash ci/next.sh 2026.08"),
    evidence=("08: value too great for base", "next release after 2026.07: 2026.08"),
    root_cause=(
        "ci/next.sh computes `$((month + 1))` with month=08. In shell arithmetic a number with a leading zero is octal, and 8 "
        "is no octal digit: value too great for base (that `following` is unbound follows from it). Up to 07 it went well by "
        "chance, as the calls before show; it fails for 08 and 09 only."
    ),
    fix=(
        "Say the base: `following=$((10#$month + 1))` in ci/next.sh, or take the zero away first (`month=${month#0}`). December "
        "needs a rule of its own, since 12 + 1 is no month."
    ),
)

LOST_IN_PIPE = Scenario(
    slug="shell-variable-lost-in-pipe",
    name="count-failures",
    stage="test",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/count.sh": """\
#!/usr/bin/env bash
set -euo pipefail
seen=0
cut -d, -f 2 results.csv | while read -r status; do
  seen=$((seen + 1))
  echo "row $seen: $status"
done
echo "rows seen: $seen"
if [ "$seen" -eq 0 ]; then
  echo "results.csv holds no rows: was the test job skipped?" >&2
  exit 3
fi
""",
        "results.csv": "rca-001,passed\nrca-002,passed\nrca-003,failed\nrca-004,passed\n",
    },
    script=("wc -l results.csv", "head -n 2 results.csv", "cut -d, -f 2 results.csv | sort | uniq -c", "bash ci/count.sh"),
    evidence=("row 4: passed", "rows seen: 0", "results.csv holds no rows"),
    root_cause=(
        "The `while` loop of ci/count.sh stands at the end of a pipe, and Bash runs each part of a pipe in a subshell. `seen` "
        "counts to 4 there, as the log shows, and the count is lost with the subshell: outside it is still 0, so the script "
        "complains of an empty file. results.csv has its four rows."
    ),
    fix=(
        "Keep the loop in the script's own shell: `while IFS=, read -r _ status; do …; done < results.csv`, or `done < <(cut "
        "-d, -f 2 results.csv)`. `shopt -s lastpipe` does it too in a script."
    ),
)

SED_DELIMITER = Scenario(
    slug="shell-sed-slash-in-value",
    name="render-config",
    stage="deploy",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/render.sh": """\
#!/usr/bin/env bash
set -euo pipefail
cp config/app.tmpl config/app.yml
for name in APP_NAME APP_REGION APP_URL; do
  echo "filling in $name"
  sed -i "s/@$name@/${!name}/" config/app.yml
done
cat config/app.yml
""",
        "config/app.tmpl": "name: @APP_NAME@\nregion: @APP_REGION@\nurl: @APP_URL@\n",
    },
    script=(
        "export APP_NAME=orders APP_REGION=eu-west APP_URL=https://orders.example.com/api",
        "cat config/app.tmpl",
        "bash ci/render.sh",
    ),
    evidence=("unknown option to `s'", "filling in APP_URL"),
    root_cause=(
        "ci/render.sh puts values into `sed \"s/@$name@/${!name}/\"`, and APP_URL (https://orders.example.com/api) holds "
        "slashes, which end the replacement early: what follows is read as options of `s`, and sed stops with \"unknown option "
        "to `s'\". APP_NAME and APP_REGION have no slash and went in."
    ),
    fix=(
        "Use a delimiter that no value holds, `sed -i \"s|@$name@|${!name}|\"`, and mind that `&` and `\\` are special too; "
        "safer is a tool made for it, such as `envsubst '$APP_NAME $APP_REGION $APP_URL' < config/app.tmpl > config/app.yml`."
    ),
    env={"LC_ALL": "C"},
)

XARGS_QUOTE = Scenario(
    slug="shell-xargs-quote-in-name",
    name="check-licences",
    stage="test",
    tags=("bash", "shell"),
    item_class="shell-script",
    files={
        "ci/licences.sh": """\
#!/usr/bin/env bash
set -euo pipefail
echo "looking at $(find texts -type f | wc -l) files"
find texts -type f | sort | xargs grep -L 'SPDX-License-Identifier'
echo "every file names its licence"
""",
        "texts/answers.md": "SPDX-License-Identifier: MIT\nAnswers.\n",
        "texts/editor's notes.md": "SPDX-License-Identifier: MIT\nNotes.\n",
        "texts/questions.md": "SPDX-License-Identifier: MIT\nQuestions.\n",
    },
    script=("ls -1 texts", "grep -c SPDX-License-Identifier texts/*", "bash ci/licences.sh"),
    evidence=("xargs: unmatched single quote", "editor's notes.md"),
    root_cause=(
        "ci/licences.sh hands file names to xargs line by line, and xargs treats quotes as its own syntax: the apostrophe in "
        "`texts/editor's notes.md` opens a quote that never ends, so xargs stops with \"unmatched single quote\". No file "
        "lacks its licence, as the count before shows."
    ),
    fix=(
        "Separate the names by NUL, which is no character of a name: `find texts -type f -print0 | sort -z | xargs -0 grep -L "
        "'SPDX-License-Identifier'`. As `grep -L` ends with status 1 where it lists nothing, turn the check round in the same "
        "change: `if … | grep .; then exit 1; fi`."
    ),
    env={"LC_ALL": "C"},
)

JOBS = (SPACES, EMPTY_TEST, OCTAL, LOST_IN_PIPE, SED_DELIMITER, XARGS_QUOTE)
