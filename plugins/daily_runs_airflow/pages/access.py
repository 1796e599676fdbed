"""Who sees what of the pages: Airflow's own rights, asked of its auth manager.

- A feature's figures are seen by who may read its DAG's runs.
- Answers and the judge's reasons are seen by who may read that DAG's task logs and may trigger it. Under Airflow's
  simple auth manager every viewer may read everything: the right to trigger is what sets the team apart there.
"""

from __future__ import annotations

from collections.abc import Collection

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException

from daily_runs.pages.links import dag_of
from daily_runs.pages.notices import NOT_ALLOWED

READS_RUN = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
"""For a path with `{dag_id}`: nobody else gets it (401 without a user, 403 without the right)."""
TRIGGERS = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
"""For a path with `{dag_id}` that starts something."""


def reads_run(user: GetUserDep, dag_id: str) -> bool:
    """Whether somebody may read a DAG's runs."""
    return get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.RUN, details=_details(dag_id), user=user
    )


def triggers(user: GetUserDep, dag_id: str) -> bool:
    """Whether somebody may trigger a DAG."""
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=_details(dag_id), user=user
    )


def reads_answers(user: GetUserDep, dag_id: str) -> bool:
    """Whether somebody may see the answers of a DAG's runs, and the judge's reasons."""
    reads_logs = get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_LOGS, details=_details(dag_id), user=user
    )
    return reads_logs and triggers(user, dag_id)


def features_seen(user: GetUserDep, features: Collection[str]) -> set[str]:
    """Those of some features whose runs somebody may read."""
    return {feature for feature in features if reads_run(user, dag_of(feature))}


def reads_feature(feature: str, user: GetUserDep) -> None:
    """For a path with `{feature}` (`Depends(reads_feature)`): the same as `READS_RUN`.

    Raises:
        HTTPException: 403 without the right; Airflow itself answers 401 without a user.
    """
    if not reads_run(user, dag_of(feature)):
        raise HTTPException(NOT_ALLOWED)


def _details(dag_id: str) -> DagDetails:
    return DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
