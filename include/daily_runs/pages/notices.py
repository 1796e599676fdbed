"""Pages that say only why there is nothing to show: nobody is logged in, a right is missing, or something is wrong."""

from __future__ import annotations

from daily_runs.errors import AccessError, DailyRunsError, ParameterError, StageError, UserError
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PageLinks
from daily_runs.results.run_report.markup import escaped

NOT_LOGGED_IN, NOT_ALLOWED, NOT_FOUND, BROKEN, AWAY = 401, 403, 404, 500, 503
_SENTENCES = {
    NOT_ALLOWED: (
        "Airflow does not let you see this. Ask whoever gives rights in Airflow to let you read the runs of this DAG."
    ),
    NOT_FOUND: "There is no page at this address.",
    405: "This page cannot be asked for in this way.",
    422: "Something in this page's address is missing or cannot be read.",
}
_FAILED = "Something went wrong while this page was made. The log of Airflow's api-server has the reason."
_TEXT_MAX = 4_000


def login_page(links: PageLinks, then: str) -> str:
    """A sentence with the link to log in; `then`: the path to come back to."""
    address = escaped(links.login(then), _TEXT_MAX)
    return PageFrame(links, "You are not logged in").document(
        [f'<p>Your session has ended or never began. <a data-outside href="{address}">Log in to Airflow</a>.</p>']
    )


def refusal(links: PageLinks, status: int) -> str:
    """Why a request got no page, by its HTTP status."""
    return PageFrame(links, "Nothing to show").document([f"<p>{escaped(_SENTENCES.get(status, _FAILED))}</p>"])


def problem(links: PageLinks, error: DailyRunsError) -> str:
    """An error of ours in its own words: place, problem and remedy."""
    told = (error.place, error.problem, error.remedy) if isinstance(error, UserError) else ("", str(error), "")
    place, what, remedy = (escaped(text, _TEXT_MAX) for text in told)
    said = [f"<p><b>{place}</b>: {what}.</p>" if place else f"<p>{what}</p>", f"<p>{remedy}</p>" if remedy else ""]
    return PageFrame(links, "Nothing to show").document([part for part in said if part])


def status_of(error: DailyRunsError) -> int:
    """The HTTP status of a page that tells an error."""
    if isinstance(error, ParameterError):
        return NOT_FOUND
    return AWAY if isinstance(error, AccessError | StageError) else BROKEN
