"""What is changed in a captured log, and nothing else is.

1. Terminal colours go, carriage-return progress is kept as lines.
2. Places on the capturing machine become the neutral ones of a CI image (`Toolbox.places`, the work directory and its
   home). `leaks` finds what is left of the machine; such a log is refused, not mended.
3. What differs between two captures of the same failure gets one fixed value, so that a recapture shows few changes:
   durations, process ids, memory addresses, temporary names.

The order and the number of lines stay as they were captured. What still varies: the numbers of goroutines, V8's report
of its last collections, and the order of lines of two processes that write at the same time.
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")

# (what, by what); each is a spelling of one tool, named on its right.
VOLATILE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bin \d+\.\d+s\b"), "in 0.31s"),  # pytest, cargo test
    (re.compile(r"\bin \d+\.\d+ ?(?=seconds?\b)"), "in 0.31 "),  # unittest spelled out
    (re.compile(r"(target\(s\) in )\d+m?\.?\d*s"), r"\g<1>0.84s"),  # cargo build
    (re.compile(r"^((?:ok|FAIL)\s+\S+\s+)\d+\.\d+s", re.M), r"\g<1>0.012s"),  # go test
    (re.compile(r"(--- (?:FAIL|PASS): \S+ )\(\d+\.\d+s\)"), r"\g<1>(0.00s)"),  # go test
    (re.compile(r"(duration_ms:? )\d+(?:\.\d+)?"), r"\g<1>1.84"),  # node --test
    (re.compile(r"(?<=finished in )\d+\.\d+s"), "0.00s"),  # cargo test
    (re.compile(r"\d+\.\d+ sec\b"), "0.01 sec"),  # ctest
    (re.compile(r"(\(real\) =\s+)\d+\.\d+"), r"\g<1>0.02"),  # ctest
    (re.compile(r"((?:done|generating done) \()\d+\.\d+s"), r"\g<1>0.1s"),  # cmake
    (re.compile(r"^==\d+==", re.M), "==2417=="),  # valgrind, AddressSanitizer
    (re.compile(r"^=={0,1}\d+={0,1}(ERROR|ABORTING|HINT)", re.M), r"==2417==\1"),  # AddressSanitizer
    (re.compile(r"(?<=\bpid[ =:])\d+", re.I), "2417"),
    (re.compile(r"(: line \d+: )\s*\d+ (?=[A-Z])"), r"\g<1>  2417 "),  # bash about a killed child
    (re.compile(r"^(thread '[^']+') \(\d+\)", re.M), r"\1 (2417)"),  # Rust's panic line
    (re.compile(r"\[\d+:0x[0-9a-f]*"), "[2417:0x7f00"),  # V8's heap report
    (re.compile(r"(?<=\(node:)\d+(?=\))"), "2417"),
    (re.compile(r"\b0x(?:0{4,8})?[0-9a-f]{8,16}\b"), "0x7f00deadbeef"),
    (re.compile(r"\.tmp/(?:go-build|cc|pip-[a-z]+-)[0-9A-Za-z_]+"), ".tmp/build"),
    (re.compile(r"(target/debug/deps/\w+)-[0-9a-f]{16}"), r"\1-4be1d0c5a7f29e36"),  # cargo, of the directory's name
    (re.compile(r"^[0-9A-F]{16}(?=:error:)", re.M), "00F7F64A2B7F0000"),  # OpenSSL's thread
    (re.compile(r"/_logs/[\dT_-]+Z-debug"), "/_logs/debug"),  # npm
)


def scrubbed(log: str, places: Iterable[tuple[str, str]]) -> str:
    """`log` with `places` (from, to) and what is volatile in it replaced; longest place first."""
    text = ANSI.sub("", log).replace("\r\n", "\n").replace("\r", "\n")
    for place, neutral in sorted(places, key=lambda pair: -len(pair[0])):
        text = text.replace(place, neutral)
    for pattern, value in VOLATILE:
        text = pattern.sub(value, text)
    return text


def leaks(log: str) -> tuple[str, ...]:
    """What of the capturing machine is still in a scrubbed log: its home, temporary or checkout directory, its name."""
    checkout = Path(__file__).resolve().parents[3]
    directories = {str(Path.home()), tempfile.gettempdir(), str(checkout), str(checkout.parent)}
    found = [place for place in sorted(directories) if re.search(rf"(?<![\w.-]){re.escape(place)}/", log)]
    host = socket.gethostname()
    return (*found, host) if re.search(rf"(?<![\w./-]){re.escape(host)}(?![\w-])", log) else tuple(found)
