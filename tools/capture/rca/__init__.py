"""The failing jobs behind the root cause analysis data set, by family, and what runs and scrubs them."""

from __future__ import annotations

from rca.go_rust_jobs import JOBS as GO_AND_RUST
from rca.jvm_jobs import JOBS as JVM
from rca.native_jobs import JOBS as NATIVE
from rca.node_jobs import JOBS as NODE
from rca.operations_jobs import JOBS as OPERATIONS
from rca.pytest_jobs import JOBS as PYTEST
from rca.python_jobs import JOBS as PYTHON
from rca.shell_jobs import JOBS as SHELL

FAMILIES = (PYTEST, PYTHON, NATIVE, GO_AND_RUST, NODE, JVM, SHELL, OPERATIONS)
