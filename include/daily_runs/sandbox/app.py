"""The sandbox as one ASGI application: both GitLab environments, Anthropic, and the control endpoints."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from daily_runs.sandbox.anthropic import api
from daily_runs.sandbox.control import Control
from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.gitlab.side import GitlabSide
from daily_runs.sandbox.world.world import World


def create_app(world: World) -> Starlette:
    """`/<environment>` for every environment of the catalogue, `/anthropic`, `/_sandbox`."""
    instances = {name: Instance(world, name) for name in world.catalogue.environments}
    routes: list[BaseRoute] = [Mount(f"/{name}", app=GitlabSide(instance)) for name, instance in instances.items()]
    routes.append(Mount("/anthropic", routes=api.routes(world)))
    routes.append(Mount("/_sandbox", routes=Control(world, instances).routes()))
    return Starlette(routes=routes)
