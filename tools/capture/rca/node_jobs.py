"""Jobs in Node.js, TypeScript and npm."""

from __future__ import annotations

import json

from rca.scenario import Scenario

NODE = ("node",)
TSCONFIG = (
    '{\n  "compilerOptions": {\n    "target": "es2022",\n    "module": "commonjs",\n    "strict": true,\n    "types": [],\n'
    '    "outDir": "dist"\n  },\n  "include": ["src"]\n}\n'
)


def package_json(name: str, **more: object) -> str:
    """A package.json."""
    return json.dumps({"name": name, "version": "1.0.0", "private": True, **more}, indent=2) + "\n"


TSC = Scenario(
    slug="tsc-type-error",
    name="compile",
    stage="build",
    tags=("typescript", "compile-error"),
    item_class="static-check",
    files={
        "tsconfig.json": TSCONFIG,
        "src/types.ts": """\
export type Phase = "completed" | "in_progress" | "planned";

export interface Feature {
  name: string;
  phase: Phase;
  limits: { requestsPerMinute: number; tokensPerPrompt?: number };
}
""",
        "src/catalogue.ts": """\
import type { Feature } from "./types";

export const features: Feature[] = [
  { name: "chat", phase: "in_progress", limits: { requestsPerMinute: 50 } },
  { name: "troubleshoot", phase: "complete", limits: { requestsPerMinute: 20, tokensPerPrompt: 35_000 } },
  { name: "explain", phase: "planned", limits: { requestsPerMinute: 45 } },
];
""",
        "src/budget.ts": """\
import { features } from "./catalogue";

export function tokensPerMinute(name: string): number {
  const feature = features.find((candidate) => candidate.name === name);
  return feature.limits.requestsPerMinute * feature.limits.tokensPerPrompt;
}
""",
        "src/index.ts": 'import { features } from "./catalogue";\nimport { tokensPerMinute } from "./budget";\n\nfor (const { name } of features) tokensPerMinute(name);\n',
    },
    script=("tsc --version", "tsc --noEmit --pretty false"),
    evidence=(
        "error TS2820: Type '\"complete\"' is not assignable to type 'Phase'",
        "error TS18048",
        "src/budget.ts(5",
    ),
    root_cause=(
        'tsc finds two separate faults. src/catalogue.ts, line 5, gives `phase: "complete"`, which isn\'t one of the '
        'values of `Phase` (TS2820; the type spells it "completed"). src/budget.ts, line 5, uses `feature`, which '
        "`find` may leave undefined, and the optional `tokensPerPrompt` without a check (TS18048)."
    ),
    fix=(
        'Write `phase: "completed"` in the catalogue. In `tokensPerMinute` handle an unknown name (throw) and an '
        "absent `tokensPerPrompt` (`?? 0`, or throw) before multiplying."
    ),
    needs=("tsc",),
)

TSC_MODULE = Scenario(
    slug="tsc-cannot-find-module",
    name="compile",
    stage="build",
    tags=("typescript", "import-error"),
    item_class="missing-file",
    files={
        "tsconfig.json": TSCONFIG,
        "src/client.ts": 'import { Retry } from "./retry-policy";\n\nexport class Client {\n  constructor(private readonly retry: Retry) {}\n  attempts(): number {\n    return this.retry.attempts;\n  }\n}\n',
        "src/retryPolicy.ts": "export interface Retry {\n  attempts: number;\n}\n",
        "src/index.ts": 'import { Client } from "./client";\nimport type { Retry } from "./retryPolicy";\n\nconst policy: Retry = { attempts: 3 };\nnew Client(policy).attempts();\n',
    },
    script=("ls src", "tsc --noEmit --pretty false --listFilesOnly | grep -v node_modules", "tsc --noEmit"),
    evidence=("Cannot find module './retry-policy'",),
    root_cause=(
        'src/client.ts imports "./retry-policy", but the file is called retryPolicy.ts, as the listing of src shows '
        "(index.ts imports it by that name). tsc reports TS2307, cannot find module './retry-policy' or its type "
        "declarations."
    ),
    fix=(
        'Import from "./retryPolicy" in src/client.ts, or rename the file and change index.ts as well; one naming '
        "rule for all files avoids it."
    ),
    needs=("tsc",),
)

UNHANDLED_REJECTION = Scenario(
    slug="node-unhandled-rejection",
    name="sync",
    stage="deploy",
    tags=("node", "runtime-error"),
    item_class="runtime-crash",
    files={
        "package.json": package_json("sync", type="commonjs"),
        "lib/source.js": """\
"use strict";

const PAGES = { 1: ["a", "b"], 2: ["c"] };

async function page(number) {
  if (!(number in PAGES)) {
    throw new RangeError(`page ${number} does not exist`);
  }
  return { rows: PAGES[number], next: number + 1 };
}

module.exports = { page };
""",
        "lib/sync.js": """\
"use strict";

const { page } = require("./source");

async function syncAll() {
  let number = 1;
  let total = 0;
  while (number) {
    const { rows, next } = await page(number);
    total += rows.length;
    console.log(`page ${number}: ${rows.length} rows`);
    number = next;
  }
  return total;
}

module.exports = { syncAll };
""",
        "index.js": '"use strict";\n\nconst { syncAll } = require("./lib/sync");\n\nsyncAll().then((total) => console.log(`${total} rows`));\n',
    },
    script=("node --version", "node index.js"),
    evidence=("RangeError: page 3 does not exist", "page 2: 1 rows"),
    root_cause=(
        "The loop in lib/sync.js goes on as long as `next` is truthy, and `page` in lib/source.js returns a next "
        "number for the last page too. It asks for page 3, which doesn't exist; the RangeError rejects the promise of "
        "syncAll(), index.js has no catch, and Node ends the process with code 1."
    ),
    fix=(
        "Return no `next` after the last page (`next: number + 1 in PAGES ? number + 1 : null`), and add a `.catch` in "
        "index.js that reports the error and sets process.exitCode."
    ),
    needs=NODE,
)

ESLINT = Scenario(
    slug="eslint-errors",
    name="lint",
    stage="lint",
    tags=("eslint", "lint"),
    item_class="static-check",
    files={
        ".eslintrc.json": '{\n  "root": true,\n  "env": {"node": true, "es2022": true},\n  "extends": "eslint:recommended",\n  "rules": {"eqeqeq": "error", "no-console": "warn"}\n}\n',
        "src/rank.js": """\
"use strict";

function rank(rows) {
  const sorted = [...rows].sort((a, b) => b.score - a.score);
  let place = 0;
  return sorted.map((row, index) => {
    if (index == 0 || row.score !== sorted[index - 1].score) {
      place = index + 1;
    }
    return { ...row, place };
  });
}

module.exports = { rank };
""",
        "src/cli.js": """\
"use strict";

const fs = require("fs");
const path = require("path");
const { rank } = require("./rank");

const rows = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
switch (process.argv[3]) {
  case "first":
    console.log(rank(rows)[0]);
  case "all":
    console.log(rank(rows));
}
""",
    },
    script=("eslint src",),
    evidence=("no-unused-vars", "no-fallthrough", "eqeqeq"),
    root_cause=(
        "ESLint reports three errors. src/cli.js: `path` is required but never used (no-unused-vars), and the case "
        '"first" falls through into "all" for want of a break (no-fallthrough), which would print both. '
        "src/rank.js, line 7: `==` where `===` is demanded (eqeqeq). The no-console lines are warnings and don't fail "
        "the job."
    ),
    fix='Remove the require of path, end the case "first" with `break;`, and write `index === 0`.',
    needs=("eslint",),
)

NODE_TEST = Scenario(
    slug="node-test-deep-equal",
    name="unit-tests",
    stage="test",
    tags=("node", "test-failure"),
    item_class="test-failure",
    files={
        "package.json": package_json("merge", type="module", scripts={"test": "node --test"}),
        "merge.js": """\
export function merge(base, over) {
  return { ...base, ...over };
}
""",
        "merge.test.js": """\
import assert from "node:assert/strict";
import test from "node:test";

import { merge } from "./merge.js";

const base = { name: "staging", limits: { requests: 60, tokens: 8000 }, hops: ["cdn", "app"] };

test("flat values are replaced", () => {
  assert.equal(merge(base, { name: "sandbox" }).name, "sandbox");
});

test("the base is not changed", () => {
  merge(base, { name: "x" });
  assert.equal(base.name, "staging");
});

test("nested limits keep what the overlay leaves out", () => {
  assert.deepEqual(merge(base, { limits: { requests: 20 } }).limits, { requests: 20, tokens: 8000 });
});

test("lists are replaced", () => {
  assert.deepEqual(merge(base, { hops: ["app"] }).hops, ["app"]);
});
""",
    },
    script=("node --test --test-reporter=tap --test-concurrency=1",),
    evidence=("nested limits keep what the overlay leaves out", "not ok 3"),
    root_cause=(
        "`merge` in merge.js spreads only the top level, so the overlay's `limits: { requests: 20 }` replaces the "
        "base's whole `limits` object and `tokens: 8000` is lost. The test \"nested limits keep what the overlay "
        'leaves out" expects both; the three others pass.'
    ),
    fix=(
        "Merge plain objects recursively: for each key whose value is an object on both sides call `merge` again, and "
        "replace everything else (lists too, which a test demands)."
    ),
    needs=NODE,
)

NPM_CI = Scenario(
    slug="npm-ci-lock-mismatch",
    name="install",
    stage="build",
    tags=("npm", "dependency"),
    item_class="dependency",
    files={
        "package.json": package_json(
            "portal", dependencies={"left-part": "file:packages/left-part", "right-part": "file:packages/right-part"}
        ),
        "package-lock.json": json.dumps(
            {
                "name": "portal",
                "version": "1.0.0",
                "lockfileVersion": 3,
                "requires": True,
                "packages": {
                    "": {
                        "name": "portal",
                        "version": "1.0.0",
                        "dependencies": {"left-part": "file:packages/left-part"},
                    },
                    "node_modules/left-part": {"resolved": "packages/left-part", "link": True},
                    "packages/left-part": {"version": "1.0.0"},
                },
            },
            indent=2,
        )
        + "\n",
        "packages/left-part/package.json": package_json("left-part"),
        "packages/right-part/package.json": package_json("right-part"),
    },
    script=("npm ci --offline --no-audit --no-fund",),
    evidence=("can only install packages when your package.json and package-lock.json", "Missing: right-part"),
    root_cause=(
        "package.json depends on right-part, and package-lock.json doesn't know it: \"Missing: right-part@1.0.0 from "
        'lock file". npm ci installs only from a lock file that agrees with package.json, so it stops with EUSAGE.'
    ),
    fix=(
        "Run `npm install` (or `npm install --package-lock-only`) and commit the package-lock.json it writes together "
        "with package.json."
    ),
    needs=("npm",),
)

NPM_SCRIPT = Scenario(
    slug="npm-missing-script",
    name="e2e",
    stage="test",
    tags=("npm", "build-config"),
    item_class="missing-file",
    files={
        "package.json": package_json(
            "portal", scripts={"build": "node build.js", "test": "node --test", "test:end-to-end": "node e2e.js"}
        ),
        "build.js": 'console.log("bundle: 3 modules, 14 kB");\n',
        "e2e.js": 'console.log("ok");\n',
    },
    script=("npm run build", "npm run test:e2e"),
    evidence=('Missing script: "test:e2e"', "bundle: 3 modules"),
    root_cause=(
        "The job runs `npm run test:e2e`, but package.json has no script of that name: npm says Missing script: "
        '"test:e2e". The build script before it ran well.'
    ),
    fix=(
        "Call the script that exists (`npm run` lists them: build, test, test:end-to-end), or add `test:e2e` to the "
        "scripts in package.json."
    ),
    needs=("npm",),
)

ESM_CJS = Scenario(
    slug="node-require-in-esm",
    name="smoke",
    stage="test",
    tags=("node", "import-error"),
    item_class="missing-file",
    files={
        "package.json": package_json("worker", type="module"),
        "lib/queue.js": "export const queue = [];\n",
        "worker.js": 'import { queue } from "./lib/queue.js";\n\nconst os = require("os");\n\nqueue.push(os.EOL);\nconsole.log(queue.length);\n',
    },
    script=("grep '\"type\"' package.json", "node worker.js"),
    evidence=("require is not defined in ES module scope", '"type": "module"'),
    root_cause=(
        'package.json says `"type": "module"`, so worker.js is an ES module, and there `require` does not exist: '
        'line 3, `require("os")`, raises a ReferenceError.'
    ),
    fix=(
        'Import it: `import os from "node:os";`. (Or name the file worker.cjs and use require throughout; or '
        "module.createRequire for what can only be required.)"
    ),
    needs=NODE,
)

HEAP = Scenario(
    slug="node-heap-out-of-memory",
    name="bundle",
    stage="build",
    tags=("node", "out-of-memory"),
    item_class="resources",
    files={
        "bundle.js": """\
"use strict";

// Keeps the source map of every module until the end.
const maps = [];
for (let number = 0; number < 4000; number++) {
  maps.push(Array.from({ length: 20000 }, (_, line) => ({ line, column: number, source: `module-${number}.js` })));
  if (number % 5 === 0) console.log(`mapped ${number + 1} of 4000 modules`);
}
console.log(maps.length);
""",
    },
    script=("node --max-old-space-size=64 bundle.js",),
    evidence=("JavaScript heap out of memory",),
    root_cause=(
        "Node runs with an old space of 64 MiB (--max-old-space-size=64), and bundle.js keeps the source maps of all "
        "4000 modules in one array. After a few dozen modules the garbage collector finds nothing to free: "
        '"JavaScript heap out of memory", and V8 aborts the process (exit code 134).'
    ),
    fix=(
        "Write each source map to disk (or into the output stream) instead of collecting them in `maps`. Raising "
        "--max-old-space-size helps only if the whole set fits into the runner's memory."
    ),
    needs=NODE,
)

PACKAGE_JSON = Scenario(
    slug="npm-broken-package-json",
    name="install",
    stage="build",
    tags=("npm", "data-error"),
    item_class="malformed-file",
    files={
        "package.json": '{\n  "name": "portal",\n  "version": "1.0.0",\n  "scripts": {\n    "build": "node build.js"\n    "test": "node --test"\n  }\n}\n',
        "build.js": "console.log('built');\n",
    },
    script=("cat -n package.json", "npm run build"),
    evidence=("EJSONPARSE",),
    root_cause=(
        'package.json is no valid JSON: in `scripts` the comma after `"build": "node build.js"` (line 5) is '
        'missing, so the parser meets the string "test" in line 6 where it expects a comma or a brace. npm stops '
        "with EJSONPARSE before any script runs."
    ),
    fix="Put a comma at the end of line 5 of package.json.",
    needs=("npm",),
)

PRETTIER = Scenario(
    slug="prettier-check",
    name="format",
    stage="lint",
    tags=("prettier", "lint"),
    item_class="static-check",
    files={
        ".prettierrc.json": '{\n  "printWidth": 80,\n  "singleQuote": false\n}\n',
        "src/a.js": 'export const a = "a";\n',
        "src/b.js": "export const b = 'b'\n",
        "src/c.js": "export function c(x) {\n  return x + 1;\n}\n",
        "src/d.json": '{ "d":1, "e" : [1,2,3]}\n',
    },
    script=(
        "prettier --version",
        "prettier --check --log-level debug src 2>&1 | grep -v '^.debug. \\(prettier\\|normalized\\|load\\|process\\)'",
    ),
    evidence=("src/b.js", "src/d.json", "Code style issues found in 2 files"),
    root_cause=(
        "Two files aren't in Prettier's format: src/b.js and src/d.json; src/a.js and src/c.js are. `prettier --check` "
        "changes nothing and ends with exit code 1. No test or build failed."
    ),
    fix="Run `prettier --write src` and commit src/b.js and src/d.json; a pre-commit hook would do it on every commit.",
    needs=("prettier",),
)

ENGINE = Scenario(
    slug="npm-unsupported-engine",
    name="install",
    stage="build",
    tags=("npm", "environment"),
    item_class="configuration",
    files={
        "package.json": package_json(
            "api", engines={"node": ">=24.4"}, dependencies={"shared": "file:packages/shared"}
        ),
        "packages/shared/package.json": package_json("shared"),
        ".npmrc": "engine-strict=true\n",
    },
    script=("node --version", "cat .npmrc", "npm install --offline --no-audit --no-fund"),
    evidence=("EBADENGINE", '"node":">=24.4"'),
    root_cause=(
        "The project demands Node >=24.4 (`engines` in package.json), the image has v20.20.2, and .npmrc sets "
        "engine-strict=true, which turns the mismatch into an error: EBADENGINE."
    ),
    fix=(
        "Run the job on an image with Node 24.4 or newer. If 20 must still work, widen `engines.node`; switching "
        "engine-strict off would only hide the demand."
    ),
    needs=("npm",),
)

JOBS = (
    TSC, TSC_MODULE, UNHANDLED_REJECTION, ESLINT, NODE_TEST, NPM_CI, NPM_SCRIPT, ESM_CJS, HEAP, PACKAGE_JSON, PRETTIER, ENGINE,
)  # fmt: skip
