"""Where pages and Airflow's own views are: every address that a page links to is made here."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, urlencode

from daily_runs.errors import ParameterError

PREFIX = "/daily-runs"
"""Where the pages stand below Airflow's own address."""
_DAG = "daily_runs_"


def dag_of(feature: str) -> str:
    """The id of the DAG that runs a feature."""
    return f"{_DAG}{feature}"


def feature_of(dag_id: str) -> str:
    """The feature that a DAG runs, by its id. It need not be in the catalogue.

    Raises:
        ParameterError: the id is not that of a feature's DAG. Airflow shows our tabs at every DAG.
    """
    if not dag_id.startswith(_DAG):
        raise ParameterError("This DAG", f"{dag_id!r} runs no feature", f"Open a DAG whose id begins with {_DAG}")
    return dag_id.removeprefix(_DAG)


class PageLinks(NamedTuple):
    """Addresses, as they stand in `href`; `airflow`: the path below which Airflow is served, such as `/airflow`."""

    airflow: str = ""

    def page(self, *words: str) -> str:
        """A page of ours, such as `page("run", dag_id, run_id)`."""
        return f"{self.airflow}{PREFIX}/{_path(words)}"

    def static(self, name: str) -> str:
        """A file that pages load."""
        return self.page("static", name)

    def today(self) -> str:
        """The page with one line a feature."""
        return self.page("today")

    def run(self, dag_id: str, run_id: str) -> str:
        """The page of one DAG run."""
        return self.page("run", dag_id, run_id)

    def export(self, dag_id: str, run_id: str, view: str, run_key: str) -> str:
        """Rows of a contract view as CSV, of one of the DAG run's runs."""
        return f"{self.page('run', dag_id, run_id, 'export', view)}?{urlencode({'run': run_key})}"

    def rerun(self, dag_id: str, run_id: str) -> str:
        """The form that asks a run again."""
        return self.page("rerun", dag_id, run_id)

    def feature(self, feature: str) -> str:
        """The page of a feature's series."""
        return self.page("feature", feature)

    def document(self, path: str) -> str:
        """A file below `docs`, such as `runbooks/gate.md`."""
        return self.page("docs", *path.split("/"))

    def quota(self) -> str:
        """The page of accounts, lanes, windows and breakers."""
        return self.page("quota")

    def compare(self, first: str = "", second: str = "") -> str:
        """The page that lays two runs side by side; both are run keys."""
        chosen = {name: key for name, key in (("first", first), ("second", second)) if key}
        return self.page("compare") + (f"?{urlencode(chosen)}" if chosen else "")

    def airflow_dag(self, dag_id: str) -> str:
        """Airflow's page of a DAG."""
        return f"{self.airflow}/dags/{_path((dag_id,))}"

    def airflow_run(self, dag_id: str, run_id: str) -> str:
        """Airflow's page of a DAG run."""
        return f"{self.airflow_dag(dag_id)}/runs/{_path((run_id,))}"

    def task_log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
        """The log of a task; `map_index`: which one of a mapped task, -1 for one that is not mapped."""
        mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
        return f"{self.airflow_run(dag_id, run_id)}/tasks/{_path((task_id,))}{mapped}"

    def login(self, then: str) -> str:
        """Where Airflow lets somebody log in, and the path to come back to."""
        return f"{self.airflow}/api/v2/auth/login?{urlencode({'next': then})}"


def _path(words: tuple[str, ...]) -> str:
    return "/".join(quote(word, safe="") for word in words)
