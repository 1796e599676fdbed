"""Jobs in Go and Rust."""

from __future__ import annotations

from rca.scenario import Scenario

GO = ("go",)
CARGO = ("cargo", "rustc")


def go_mod(name: str) -> str:
    """A go.mod without requirements."""
    return f"module example.com/{name}\n\ngo 1.22\n"


def cargo_toml(name: str, more: str = "") -> str:
    """A Cargo.toml; `more` is appended."""
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n{more}'


GO_COMPILE = Scenario(
    slug="go-compile-error",
    name="build",
    stage="build",
    tags=("go", "compile-error"),
    item_class="compile-error",
    files={
        "go.mod": go_mod("notifier"),
        "sink/sink.go": """\
// Package sink holds where notifications go.
package sink

import "context"

// Sink delivers one message.
type Sink interface {
	Send(ctx context.Context, message string) error
	Name() string
}
""",
        "sink/memory.go": """\
package sink

// Memory keeps messages; for tests.
type Memory struct{ Messages []string }

func (m *Memory) Send(message string) error {
	m.Messages = append(m.Messages, message)
	return nil
}

func (m *Memory) Name() string { return "memory" }
""",
        "main.go": """\
package main

import (
	"context"
	"fmt"

	"example.com/notifier/sink"
)

func deliver(ctx context.Context, to sink.Sink, messages []string) error {
	for _, message := range messages {
		if err := to.Send(ctx, message); err != nil {
			return fmt.Errorf("%s: %w", to.Name(), err)
		}
	}
	return nil
}

func main() {
	memory := &sink.Memory{}
	if err := deliver(context.Background(), memory, []string{"up", "down"}); err != nil {
		panic(err)
	}
	fmt.Println(len(memory.Messages))
}
""",
    },
    script=("gofmt -l .", "go build ./..."),
    evidence=("*sink.Memory does not implement sink.Sink (wrong type for method Send)",),
    root_cause=(
        "main.go, line 21, passes a *sink.Memory as sink.Sink, but its method is `Send(string) error` while the "
        "interface demands `Send(context.Context, string) error`. The implementation was not moved to the interface's "
        "signature, so Memory doesn't implement Sink."
    ),
    fix=(
        "Change the method in sink/memory.go to `func (m *Memory) Send(_ context.Context, message string) error` (and "
        "import context). `var _ Sink = (*Memory)(nil)` beside the type would show such a drift in its own file."
    ),
    needs=GO,
)

GO_VET = Scenario(
    slug="go-vet-printf",
    name="vet",
    stage="lint",
    tags=("go", "lint"),
    item_class="static-check",
    files={
        "go.mod": go_mod("tally"),
        "tally.go": """\
package main

import (
	"fmt"
	"sync"
)

type counter struct {
	mu    sync.Mutex
	hits  int
	label string
}

func report(c counter) string {
	return fmt.Sprintf("%s: %d of %d", c.label, c.hits)
}

func main() {
	c := counter{label: "requests"}
	c.mu.Lock()
	c.hits++
	c.mu.Unlock()
	fmt.Println(report(c))
}
""",
    },
    script=("go build -o tally .", "go vet ./..."),
    evidence=("passes lock by value", "reads arg #3, but call has 2 args"),
    root_cause=(
        'The program builds; go vet finds two faults in tally.go. `fmt.Sprintf("%s: %d of %d", ...)` in `report` '
        "gets two arguments for three verbs, and `report` takes `counter` by value, which copies the sync.Mutex in it."
    ),
    fix=(
        'Pass the third value (the total) to Sprintf or drop "of %d", and let `report` take `*counter` (call it with '
        "&c), so that the lock is not copied."
    ),
    needs=GO,
)

GO_TEST = Scenario(
    slug="go-test-table",
    name="unit-tests",
    stage="test",
    tags=("go", "test-failure"),
    item_class="test-failure",
    files={
        "go.mod": go_mod("backoff"),
        "backoff.go": """\
// Package backoff computes waits between attempts.
package backoff

import "time"

// Wait is base doubled per attempt, at most limit.
func Wait(attempt int, base, limit time.Duration) time.Duration {
	wait := base << attempt
	if wait > limit {
		return limit
	}
	return wait
}
""",
        "backoff_test.go": """\
package backoff

import (
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	cases := []struct {
		name    string
		attempt int
		want    time.Duration
	}{
		{"first", 0, time.Second},
		{"second", 1, 2 * time.Second},
		{"fifth", 4, 16 * time.Second},
		{"at the limit", 10, 30 * time.Second},
		{"very many attempts", 40, 30 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Wait(c.attempt, time.Second, 30*time.Second); got != c.want {
				t.Errorf("Wait(%d) = %v, want %v", c.attempt, got, c.want)
			}
		})
	}
}

func TestLimitBelowBase(t *testing.T) {
	if got := Wait(0, time.Minute, time.Second); got != time.Second {
		t.Errorf("got %v", got)
	}
}
""",
    },
    script=("go test -v ./...",),
    evidence=("TestWait/very_many_attempts", "Wait(40)"),
    root_cause=(
        "`Wait` shifts the base by the attempt number before it compares with the limit. For attempt 40 the shift of 1 "
        "s (10^9 ns) runs over int64, the result is negative, hence not greater than the limit, and is returned; the "
        "test TestWait/very_many_attempts wants 30 s. Small attempts are right."
    ),
    fix=(
        "Guard against the overflow in backoff.go: double in a loop that stops at the limit, or return the limit when "
        "`attempt` is large or `wait < base` (or `wait <= 0`)."
    ),
    needs=GO,
)

GO_RACE = Scenario(
    slug="go-data-race",
    name="race-tests",
    stage="test",
    tags=("go", "concurrency"),
    item_class="runtime-crash",
    files={
        "go.mod": go_mod("meter"),
        "meter.go": """\
// Package meter counts what workers do.
package meter

// Meter counts by nothing but hope.
type Meter struct{ total int }

// Add is called by every worker.
func (m *Meter) Add(n int) { m.total += n }

// Total is what was added.
func (m *Meter) Total() int { return m.total }
""",
        "meter_test.go": """\
package meter

import (
	"sync"
	"testing"
)

func TestAddFromManyWorkers(t *testing.T) {
	var m Meter
	var group sync.WaitGroup
	for worker := 0; worker < 2; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 1000; i++ {
				m.Add(1)
			}
		}()
	}
	group.Wait()
	if m.Total() == 0 {
		t.Fatal("nothing was counted")
	}
}
""",
    },
    script=("go test ./...", "go test -race ./..."),
    evidence=("WARNING: DATA RACE", "race detected during execution of test"),
    root_cause=(
        "The workers of TestAddFromManyWorkers call `Meter.Add` at the same time, and `m.total += n` in meter.go, line "
        "8, reads and writes the field without synchronisation. The race detector reports the data race and fails the "
        "test; without -race the same test passes."
    ),
    fix=(
        "Make the field an atomic.Int64 (`m.total.Add(int64(n))`, `Load` in Total), or guard it with a sync.Mutex in "
        "both methods."
    ),
    needs=("go", "gcc"),
)

GO_NIL = Scenario(
    slug="go-nil-dereference",
    name="smoke",
    stage="test",
    tags=("go", "runtime-error"),
    item_class="runtime-crash",
    files={
        "go.mod": go_mod("tree"),
        "main.go": """\
package main

import "fmt"

type node struct {
	key         string
	left, right *node
}

func (n *node) insert(key string) *node {
	if n == nil {
		return &node{key: key}
	}
	if key < n.key {
		n.left = n.left.insert(key)
	} else {
		n.right = n.right.insert(key)
	}
	return n
}

func (n *node) find(key string) *node {
	for n != nil && n.key != key {
		if key < n.key {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}

func main() {
	var root *node
	for _, key := range []string{"chat", "explain", "suggest"} {
		root = root.insert(key)
	}
	for _, key := range []string{"chat", "suggest", "troubleshoot"} {
		fmt.Println("found", root.find(key).key)
	}
}
""",
    },
    script=("go run .",),
    evidence=("invalid memory address or nil pointer dereference", "main.go:39", "found suggest"),
    root_cause=(
        "`find` returns nil for a key that isn't in the tree, and main.go, line 39, reads `.key` of the result without "
        "a check. The third look-up (`troubleshoot`) was never inserted, so the program panics with a nil pointer "
        "dereference after chat and suggest were found."
    ),
    fix=(
        "Check the result before use (`if hit := root.find(key); hit != nil { ... }`) or let `find` return `(*node, "
        "bool)`; insert `troubleshoot` if it should be there."
    ),
    needs=GO,
)

GO_DEADLOCK = Scenario(
    slug="go-deadlock",
    name="pipeline-smoke",
    stage="test",
    tags=("go", "concurrency"),
    item_class="runtime-crash",
    files={
        "go.mod": go_mod("pipe"),
        "main.go": """\
package main

import "fmt"

func produce(count int, out chan<- int) {
	for i := 1; i <= count; i++ {
		out <- i
	}
}

func square(in <-chan int, out chan<- int) {
	for n := range in {
		out <- n * n
	}
	close(out)
}

func main() {
	numbers, squares := make(chan int), make(chan int)
	go produce(3, numbers)
	go square(numbers, squares)
	for s := range squares {
		fmt.Println("square", s)
	}
	fmt.Println("done")
}
""",
    },
    script=("go vet ./...", "go run ."),
    evidence=("all goroutines are asleep - deadlock!", "square 9"),
    root_cause=(
        "`produce` sends its three numbers and returns without closing `numbers`. `square` therefore waits in `for n "
        ':= range in` for ever, never closes `squares`, and main waits for that one: after "square 9" all goroutines '
        "are asleep, a deadlock."
    ),
    fix="Close the channel where it is sent to: `defer close(out)` at the top of `produce`.",
    needs=GO,
)

GO_MISSING_MODULE = Scenario(
    slug="go-missing-module",
    name="build",
    stage="build",
    tags=("go", "dependency"),
    item_class="dependency",
    files={
        "go.mod": go_mod("ids"),
        "main.go": 'package main\n\nimport (\n\t"fmt"\n\n\t"github.com/google/uuid"\n)\n\nfunc main() { fmt.Println(uuid.NewString()) }\n',
        "internal/names/names.go": 'package names\n\n// Default is used without a flag.\nconst Default = "ids"\n',
    },
    script=("cat go.mod", "go list ./internal/...", "go vet ./internal/...", "go build ./..."),
    evidence=("no required module provides package github.com/google/uuid",),
    root_cause=(
        "main.go imports github.com/google/uuid, but go.mod has no require line for that module (it names the module "
        "and the Go version only). The build doesn't add requirements by itself: \"no required module provides "
        'package".'
    ),
    fix=(
        "Run `go get github.com/google/uuid` (or `go mod tidy`) where the module can be downloaded, and commit go.mod "
        "together with go.sum."
    ),
    needs=GO,
)

GO_IMPORT_CYCLE = Scenario(
    slug="go-import-cycle",
    name="build",
    stage="build",
    tags=("go", "import-error"),
    item_class="compile-error",
    files={
        "go.mod": go_mod("shop"),
        "main.go": 'package main\n\nimport "example.com/shop/order"\n\nfunc main() { order.Place("sku-1") }\n',
        "order/order.go": 'package order\n\nimport "example.com/shop/stock"\n\n// Place orders one piece.\nfunc Place(sku string) { stock.Reserve(sku) }\n',
        "stock/stock.go": 'package stock\n\nimport "example.com/shop/mail"\n\n// Reserve takes one piece.\nfunc Reserve(sku string) { mail.Send("reserved " + sku) }\n',
        "mail/mail.go": 'package mail\n\nimport (\n\t"fmt"\n\n\t"example.com/shop/order"\n)\n\n// Send prints; Again orders anew.\nfunc Send(text string) { fmt.Println(text) }\n\n'
        "// Again is the link in every mail.\nfunc Again(sku string) { order.Place(sku) }\n",
    },
    script=("grep -rn --include='*.go' 'example.com/shop/' . | sort", "go build ./..."),
    evidence=("import cycle not allowed",),
    root_cause=(
        "The packages import each other in a circle: order imports stock, stock imports mail, and mail imports order. "
        "Go allows no import cycle, so nothing is compiled."
    ),
    fix=(
        "Cut one edge, best the one from mail to order: let mail take the action as a function or a small interface "
        "that the caller passes in, instead of importing order for `Again`."
    ),
    needs=GO,
)

RUST_BORROW = Scenario(
    slug="rust-borrow-checker",
    name="cargo-build",
    stage="build",
    tags=("rust", "compile-error"),
    item_class="compile-error",
    files={
        "Cargo.toml": cargo_toml("ledger"),
        "src/main.rs": """\
mod ledger;

use ledger::Ledger;

fn main() {
    let mut ledger = Ledger::default();
    ledger.add("chat", 12);
    ledger.add("explain", 4);
    let largest = ledger.largest();
    ledger.add("suggest", 9);
    println!("largest: {largest:?}");
}
""",
        "src/ledger.rs": """\
#[derive(Default)]
pub struct Ledger {
    entries: Vec<(String, u64)>,
}

impl Ledger {
    pub fn add(&mut self, name: &str, amount: u64) {
        self.entries.push((name.to_string(), amount));
    }

    pub fn largest(&self) -> Option<&(String, u64)> {
        self.entries.iter().max_by_key(|entry| entry.1)
    }
}
""",
    },
    script=("cargo build --offline",),
    evidence=("error[E0502]: cannot borrow `ledger` as mutable because it is also borrowed as immutable",),
    root_cause=(
        "In src/main.rs `largest` holds a reference into the ledger (from `ledger.largest()`), and it is used in the "
        'println! after `ledger.add("suggest", 9)` borrows the ledger mutably. The push could move the vector that '
        "`largest` points into, so the borrow checker refuses it: E0502."
    ),
    fix=(
        "Call `ledger.add` before asking for the largest, or take an owned copy that ends the borrow: "
        "`ledger.largest().cloned()`."
    ),
    needs=CARGO,
)

CARGO_TEST = Scenario(
    slug="cargo-test-failure",
    name="cargo-test",
    stage="test",
    tags=("rust", "test-failure"),
    item_class="test-failure",
    files={
        "Cargo.toml": cargo_toml("slug"),
        "src/lib.rs": """\
/// A title as it stands in an address: lower case, words joined by one dash.
pub fn slug(title: &str) -> String {
    title
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn words_are_joined() {
        assert_eq!(slug("Daily Runs"), "daily-runs");
    }

    #[test]
    fn outer_blanks_go() {
        assert_eq!(slug("  chat "), "chat");
    }

    #[test]
    fn marks_between_words_make_one_dash() {
        assert_eq!(slug("Root cause: analysis"), "root-cause-analysis");
    }

    #[test]
    fn nothing_stays_nothing() {
        assert_eq!(slug(""), "");
    }
}
""",
    },
    script=("cargo test --offline -- --test-threads=1",),
    evidence=("root-cause--analysis", "marks_between_words_make_one_dash"),
    root_cause=(
        "`slug` in src/lib.rs replaces every character that isn't alphanumeric by its own dash. In \"Root cause: "
        'analysis" the colon and the blank after it become two dashes, root-cause--analysis, where the test wants one.'
    ),
    fix=(
        "Split instead of mapping: `title.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| "
        '!word.is_empty()).collect::<Vec<_>>().join("-")`.'
    ),
    needs=CARGO,
)

RUST_UNWRAP = Scenario(
    slug="rust-unwrap-panic",
    name="smoke",
    stage="test",
    tags=("rust", "runtime-error"),
    item_class="runtime-crash",
    files={
        "Cargo.toml": cargo_toml("quota"),
        "limits.conf": "# requests per minute\nchat=50\nexplain = 20\nsuggest=60/min\n",
        "src/main.rs": """\
use std::fs;

fn limits(text: &str) -> Vec<(String, u32)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| {
            println!("reading {}", name.trim());
            (name.trim().to_string(), value.trim().parse().unwrap())
        })
        .collect()
}

fn main() {
    let text = fs::read_to_string("limits.conf").expect("limits.conf is readable");
    println!("{} limits", limits(&text).len());
}
""",
    },
    script=("cat limits.conf", "cargo run --offline"),
    evidence=("called `Result::unwrap()` on an `Err` value: ParseIntError { kind: InvalidDigit }", "reading suggest"),
    root_cause=(
        "limits.conf has `suggest=60/min`, and `limits` in src/main.rs parses the value as u32 and unwraps the result. "
        '"60/min" is no number: ParseIntError (InvalidDigit), and the unwrap panics (exit code 101). chat and '
        "explain were read before."
    ),
    fix=(
        "Write `suggest=60` in limits.conf (the comment says requests per minute), and return an error naming line and "
        "value instead of unwrap()."
    ),
    needs=CARGO,
)

CARGO_LOCKED = Scenario(
    slug="cargo-lock-outdated",
    name="cargo-check",
    stage="build",
    tags=("rust", "dependency"),
    item_class="dependency",
    files={
        "Cargo.toml": cargo_toml("app", '\n[dependencies]\ncommon = { path = "common" }\nretry = { path = "retry" }\n'),
        "Cargo.lock": 'version = 4\n\n[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = [\n "common",\n]\n\n[[package]]\nname = "common"\nversion = "0.1.0"\n',
        "src/main.rs": 'fn main() {\n    println!("{}", retry::attempts() + common::one());\n}\n',
        "common/Cargo.toml": cargo_toml("common"),
        "common/src/lib.rs": "pub fn one() -> u32 {\n    1\n}\n",
        "retry/Cargo.toml": cargo_toml("retry"),
        "retry/src/lib.rs": "pub fn attempts() -> u32 {\n    3\n}\n",
    },
    script=("grep -A3 '^.dependencies' Cargo.toml", "grep '^name' Cargo.lock", "cargo check --offline --locked"),
    evidence=("Cargo.lock", "--locked was passed"),
    root_cause=(
        "Cargo.lock is out of date: Cargo.toml of `app` depends on `common` and `retry`, the lock file lists app and "
        "common only. With --locked cargo may not write the missing entry and stops before compiling."
    ),
    fix=(
        "Run `cargo check` (or `cargo update -p retry`) without --locked, and commit the Cargo.lock it writes. Keep "
        "--locked in CI."
    ),
    needs=CARGO,
)

CLIPPY = Scenario(
    slug="clippy-deny-warnings",
    name="clippy",
    stage="lint",
    tags=("rust", "lint"),
    item_class="static-check",
    files={
        "Cargo.toml": cargo_toml("gate"),
        "src/lib.rs": """\
//! Says whether a run may be published.

/// The share of passed answers.
pub fn share(passed: &Vec<bool>) -> f64 {
    if passed.len() == 0 {
        return 0.0;
    }
    passed.iter().filter(|p| **p).count() as f64 / passed.len() as f64
}

/// Whether the share reaches the minimum.
pub fn open(passed: &[bool], minimum: f64) -> bool {
    let share = share(&passed.to_vec());
    return share >= minimum;
}
""",
    },
    script=("cargo build --offline", "cargo clippy --offline -- -D warnings"),
    evidence=("clippy::ptr-arg", "clippy::len-zero", "clippy::needless-return"),
    root_cause=(
        "The crate builds; clippy runs with `-D warnings` and reports three lints in src/lib.rs as errors: `share` "
        "takes `&Vec<bool>` instead of a slice (ptr_arg), compares `passed.len() == 0` (len_zero), and `open` ends in "
        "a needless `return` (needless_return)."
    ),
    fix=(
        "Take `passed: &[bool]` in `share` (then `open` can pass its slice without to_vec), write `passed.is_empty()`, "
        "and drop the `return` in `open`."
    ),
    needs=("cargo", "cargo-clippy"),
)

RUST_TRAIT = Scenario(
    slug="rust-trait-bound",
    name="cargo-build",
    stage="build",
    tags=("rust", "type-error"),
    item_class="compile-error",
    files={
        "Cargo.toml": cargo_toml("dedupe"),
        "src/main.rs": """\
use std::collections::HashSet;

#[derive(Debug, Clone, PartialEq)]
struct Answer {
    id: u32,
    score: f64,
}

fn distinct(answers: &[Answer]) -> usize {
    let mut seen = HashSet::new();
    for answer in answers {
        seen.insert(answer.clone());
    }
    seen.len()
}

fn main() {
    let answers = [Answer { id: 1, score: 0.5 }, Answer { id: 1, score: 0.5 }];
    println!("{} {} {}", distinct(&answers), answers[0].id, answers[1].score);
}
""",
    },
    script=("cargo build --offline",),
    evidence=("the trait bound `Answer: Eq` is not satisfied", "HashSet"),
    root_cause=(
        "`distinct` in src/main.rs puts `Answer` into a HashSet, which demands Eq and Hash. `Answer` derives PartialEq "
        "only, and Eq and Hash can't simply be derived because its field `score` is an f64, which has neither."
    ),
    fix=(
        "Key the set by what identifies an answer, e.g. `seen.insert(answer.id)`, or store the score as an integer "
        "(say thousandths) and derive Eq and Hash."
    ),
    needs=CARGO,
)

JOBS = (
    GO_COMPILE, GO_VET, GO_TEST, GO_RACE, GO_NIL, GO_DEADLOCK, GO_MISSING_MODULE, GO_IMPORT_CYCLE, RUST_BORROW, CARGO_TEST,
    RUST_UNWRAP, CARGO_LOCKED, CLIPPY, RUST_TRAIT,
)  # fmt: skip
