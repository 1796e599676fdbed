"""The failing jobs behind the root cause analysis data set, by family, and what runs and scrubs them."""

from __future__ import annotations

from rca.database_jobs import JOBS as DATABASE
from rca.go_rust_jobs import JOBS as GO_AND_RUST
from rca.jvm_jobs import JOBS as JVM
from rca.native_jobs import JOBS as NATIVE
from rca.node_jobs import JOBS as NODE
from rca.operations_jobs import JOBS as OPERATIONS
from rca.permission_jobs import JOBS as PERMISSION
from rca.pytest_jobs import JOBS as PYTEST
from rca.python_jobs import JOBS as PYTHON
from rca.repository_jobs import JOBS as REPOSITORY
from rca.script_jobs import JOBS as SCRIPT
from rca.shell_jobs import JOBS as SHELL
from rca.various_jobs import JOBS as VARIOUS

FAMILIES = (
    *(PYTEST, PYTHON, NATIVE, GO_AND_RUST, NODE, JVM, SHELL, OPERATIONS),
    *(PERMISSION, DATABASE, REPOSITORY, SCRIPT, VARIOUS),
)
"""In the order of the items' numbers: a new family stands at the end."""
