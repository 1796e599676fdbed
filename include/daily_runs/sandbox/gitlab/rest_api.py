"""GitLab's REST API as far as evaluation calls it: code suggestions, chat, job traces, diffs, a token's scopes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from daily_runs.catalogue.features import FeatureCall
from daily_runs.dataset import CodeCut, Item
from daily_runs.sandbox.gitlab import answers
from daily_runs.sandbox.gitlab.ai_gateway import Inference
from daily_runs.sandbox.gitlab.assistant import TOO_MANY, chat_text, item_asked, prompt_for
from daily_runs.sandbox.gitlab.instance import Instance, SandboxMergeRequest
from daily_runs.sandbox.gitlab.resolvers import GITLAB_REVISION, GITLAB_VERSION
from daily_runs.sandbox.gitlab.rest_bodies import merge_request_files, refusals
from daily_runs.sandbox.gitlab.rest_bodies.traces import trace_of
from daily_runs.sandbox.gitlab.seeds import SandboxSeed
from daily_runs.sandbox.world.exchange import HopReply, SandboxExchange, json_reply, text_reply
from daily_runs.sandbox.world.scenario import ProviderSwitch

SUGGESTIONS_PATH, CHAT_PATH = "/api/v4/code_suggestions/completions", "/api/v4/chat/completions"
INFERENCE_PATHS = {SUGGESTIONS_PATH, CHAT_PATH}
"""Where the AI Gateway is asked while the client waits."""
CODESTRAL = "codestral@2405"
CODE_SUGGESTIONS_PERIOD_SECONDS = 60.0
_AI_SCOPES = {"api", "ai_features"}
_NOT_FOUND = json_reply({"message": "404 Not Found"}, 404)
_INSUFFICIENT = {
    "error": "insufficient_scope",
    "error_description": "The request requires higher privileges than provided by the access token.",
    "scope": "ai_features api",
}

_Params = Mapping[str, str]
_Endpoint = Callable[[SandboxExchange, _Params], Awaitable[HopReply]]


class Endpoint(NamedTuple):
    """An endpoint, its name in the ledger, and what stands in its path."""

    name: str
    endpoint: _Endpoint
    params: _Params


class RestApi:
    """Everything below `/api/v4` of one instance."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        project = r"/api/v4/projects/(?P<project>\d+|" + re.escape(instance.environment.seed_project) + ")"
        routes: tuple[tuple[str, str, str, _Endpoint], ...] = (
            ("POST", SUGGESTIONS_PATH, "rest code_suggestions", self._suggest),
            ("POST", CHAT_PATH, "rest chat", self._chat),
            ("GET", project + r"/jobs/(?P<id>\d+)/trace", "rest job trace", self._trace),
            ("GET", project + r"/merge_requests/(?P<id>\d+)/diffs", "rest merge request diffs", self._diffs),
            ("GET", project + r"/merge_requests/(?P<id>\d+)/raw_diffs", "rest merge request diffs", self._raw_diffs),
            ("GET", project + r"/merge_requests/(?P<id>\d+)/changes", "rest merge request diffs", self._changes),
            ("GET", project, "rest project", self._project),
            ("GET", r"/api/v4/personal_access_tokens/self", "rest token", self._token),
            ("GET", r"/api/v4/user", "rest user", self._user),
            ("GET", r"/api/v4/metadata", "rest metadata", self._metadata),
        )
        self._routes = [(method, re.compile(pattern), name, endpoint) for method, pattern, name, endpoint in routes]
        self._edition, self._cuts = instance.world.edition, _cuts(instance)

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Route, after the token is known to be good."""
        if exchange.login is None:
            exchange.outcome = "unauthorized"
            return json_reply({"message": "401 Unauthorized"}, 401)
        route = self.route(exchange)
        if route is not None:
            return await route.endpoint(exchange, route.params)
        exchange.outcome = "not_found"
        return _NOT_FOUND

    def route(self, exchange: SandboxExchange) -> Endpoint | None:
        """Which endpoint a request is for."""
        for method, pattern, name, endpoint in self._routes:
            match = pattern.fullmatch(exchange.path) if method == exchange.method else None
            if match:
                return Endpoint(name, endpoint, match.groupdict())
        return None

    async def _suggest(self, exchange: SandboxExchange, _: _Params) -> HopReply:
        refusal = self._without_scope(exchange) or self._too_many_suggestions(exchange)
        if refusal:
            return refusal
        request = _json_object(exchange.body)
        cut = request.get("current_file")
        if not isinstance(cut, dict) or not isinstance(cut.get("content_above_cursor"), str) or "file_name" not in cut:
            exchange.outcome = "refused_input"
            return json_reply({"error": "current_file[content_above_cursor] is missing"}, 400)
        switch = self._switch()
        asked = self._ask_for_code(exchange, switch)
        if asked.failed:
            return refusals.GATEWAY[asked.status]
        self._instance.suggestions_served += 1
        item = self._cut(cut["content_above_cursor"], str(cut.get("content_below_cursor") or ""))
        text = answers.stray_completion()
        if item:
            worse = switch.worse_model if switch else 0.0
            text = answers.completion(prompt_for(self._instance, exchange, item, served_worse=worse))
        await self._instance.world.clock.sleep(self._instance.world.latency_seconds())
        return json_reply(_suggestion(text, asked))

    def _cut(self, above: str, below: str) -> Item | None:
        if self._edition != self._instance.world.edition:
            self._edition, self._cuts = self._instance.world.edition, _cuts(self._instance)
        return self._cuts.get((above, below))

    def _switch(self) -> ProviderSwitch | None:
        """The scenario's switch of the provider, once it has come."""
        switch = self._instance.world.scenario.provider_switch
        after = switch.after_answers
        return switch if after is not None and self._instance.suggestions_served >= after else None

    def _ask_for_code(self, exchange: SandboxExchange, switch: ProviderSwitch | None) -> Inference:
        """Vertex AI serves; when it is out, the incident flag hands over to Claude on Anthropic (docs/domain.md §4)."""
        gateway, call = self._instance.gateway, FeatureCall.COMPLETE_CODE
        if switch and switch.provider == "anthropic":
            return gateway.ask_claude(exchange, call, switch.model)
        if "vertex" in self._instance.world.scenario.provider_outage:
            return gateway.ask_claude(exchange, call)
        return gateway.ask_vertex(exchange, call, switch.model if switch else CODESTRAL)

    async def _chat(self, exchange: SandboxExchange, _: _Params) -> HopReply:
        """Synchronous, a bare JSON string, and not counted by the `ai_action` limiter."""
        refusal = self._without_scope(exchange)
        if refusal:
            return refusal
        request = _json_object(exchange.body)
        content = request.get("content")
        if not isinstance(content, str):
            exchange.outcome = "refused_input"
            return json_reply({"error": "content is missing"}, 400)
        item: Item | None = None
        if request.get("resource_id") is not None:
            seed = self._resource(str(request.get("resource_type")), str(request["resource_id"]))
            if seed is None:
                exchange.outcome = "not_found"
                return _NOT_FOUND
            item = seed.item
        asked = self._instance.gateway.ask_claude(exchange, FeatureCall.CHAT)
        text = chat_text(self._instance, exchange, item or item_asked(self._instance, content), asked)
        await self._instance.world.clock.sleep(self._instance.world.latency_seconds())
        coded = (
            f" Error code: {asked.error_code}" if asked.error_code else ""
        )  # a bare string has no `errors` beside it
        return json_reply(text + coded, 201)

    async def _trace(self, _: SandboxExchange, params: _Params) -> HopReply:
        """A job's trace; of one that was erased, an empty text with 200, as GitLab answers."""
        seed = self._instance.project.jobs.get(int(params["id"])) if self._here(params) else None
        return text_reply(200, "" if seed.spoilt else trace_of(seed)) if seed else _NOT_FOUND

    async def _diffs(self, _: SandboxExchange, params: _Params) -> HopReply:
        made = self._merge_request(params)
        return json_reply([merge_request_files.listed(made)]) if made else _NOT_FOUND

    async def _raw_diffs(self, _: SandboxExchange, params: _Params) -> HopReply:
        made = self._merge_request(params)
        return text_reply(200, merge_request_files.raw(made)) if made else _NOT_FOUND

    async def _changes(self, _: SandboxExchange, params: _Params) -> HopReply:
        """Always as with `access_raw_diffs=true`: read from the repository."""
        made = self._merge_request(params)
        return json_reply({"changes": [merge_request_files.whole(made)], "overflow": False}) if made else _NOT_FOUND

    def _merge_request(self, params: _Params) -> SandboxMergeRequest | None:
        iid, now = int(params["id"]), self._instance.world.clock.now()
        made = (m for m in self._instance.merge_requests if m.iid == iid and m.ready_at <= now)
        return next(made, None) if self._here(params) else None

    async def _project(self, _: SandboxExchange, params: _Params) -> HopReply:
        if not self._here(params):
            return _NOT_FOUND
        path = self._instance.environment.seed_project
        return json_reply({"id": self._instance.project.id, "path_with_namespace": path, "default_branch": "main"})

    async def _token(self, exchange: SandboxExchange, _: _Params) -> HopReply:
        assert exchange.login is not None
        user, scopes = exchange.login
        state = {"revoked": False, "active": True, "expires_at": None}
        number = self._instance.user_ids[user]
        return json_reply({"id": number, "name": "evaluation", "scopes": scopes, "user_id": number, **state})

    async def _user(self, exchange: SandboxExchange, _: _Params) -> HopReply:
        user = str(exchange.user)
        return json_reply(
            {
                "id": self._instance.user_ids[user],
                "username": user,
                "name": user,
                "state": "active",
                "preferred_language": "en",
            }
        )

    async def _metadata(self, _: SandboxExchange, __: _Params) -> HopReply:
        return json_reply({"version": GITLAB_VERSION, "revision": GITLAB_REVISION, "enterprise": True})

    def _here(self, params: _Params) -> bool:
        project = params["project"]
        return project in (str(self._instance.project.id), self._instance.environment.seed_project)

    def _resource(self, kind: str, number: str) -> SandboxSeed | None:
        project = self._instance.project
        seeds = {"issue": project.issues, "build": project.jobs, "vulnerability": project.vulnerabilities}.get(kind, {})
        return seeds.get(int(number)) if number.isdecimal() else None

    def _without_scope(self, exchange: SandboxExchange) -> HopReply | None:
        if exchange.login and _AI_SCOPES.intersection(exchange.login.scopes):
            return None
        exchange.outcome = "insufficient_scope"
        return json_reply(_INSUFFICIENT, 403)

    def _too_many_suggestions(self, exchange: SandboxExchange) -> HopReply | None:
        limit = self._instance.environment.limits.code_suggestions_per_minute
        if self._instance.take("code_suggestions", str(exchange.user), limit, CODE_SUGGESTIONS_PERIOD_SECONDS):
            return None
        exchange.outcome = "code_suggestions_limit"
        return json_reply({"message": {"error": TOO_MANY}}, 429, {"x-gitlab-error-origin": "monolith"})


def _cuts(instance: Instance) -> dict[tuple[str, str], Item]:
    items = (item for feature in instance.world.items_by_feature.values() for item in feature)
    return {answers.cut_key(item.resource): item for item in items if isinstance(item.resource, CodeCut)}


def _json_object(body: bytes) -> dict[str, Any]:
    """The request's JSON object; empty when it is none, which the endpoint then refuses as incomplete."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _suggestion(text: str, asked: Inference) -> dict[str, Any]:
    tokens = {"input_tokens": asked.input_tokens, "output_tokens": asked.output_tokens}
    model = {"engine": asked.engine, "name": asked.model, "lang": "python", "tokens_consumption_metadata": tokens}
    return {
        "id": "id",
        "model": model,
        "object": "text_completion",
        "created": int(time.time()),
        "choices": [{"text": text, "index": 0, "finish_reason": "length"}],
        "metadata": {"failover": asked.engine == "anthropic"},
    }
