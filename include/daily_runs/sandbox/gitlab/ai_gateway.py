"""The AI Gateway and the vendors behind it: where inference spends an account, and fails in its own ways.

A failure here reaches a chat user as an *answer text* with an error code and HTTP 200 (docs/domain.md §3), and a user
of the REST suggestions as a status. Both are made from the same `Inference`.
"""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.catalogue.features import Feature, FeatureCall
from daily_runs.sandbox.gitlab.answers import tokens_factor
from daily_runs.sandbox.world.exchange import SandboxExchange
from daily_runs.sandbox.world.faults import InjectedFault
from daily_runs.sandbox.world.scenario import GatewayForm
from daily_runs.sandbox.world.world import World

CLAUDE = "claude-sonnet-4-6"
ERROR_TEXTS = {
    "M3003": "I'm sorry, I can't generate a response. You might want to try again. You could also be getting this "
    "error because the items you're asking about either don't exist, you don't have access to them, or your session "
    "has expired.",
    "M3006": "I'm sorry, you don't have the GitLab Duo subscription required to use Duo Chat. Please contact your "
    "administrator.",
    "G3001": "I'm sorry, but answering this question requires a different Duo subscription. Please contact your "
    "administrator.",
    "A1000": "I'm sorry, I couldn't respond in time. Please try again.",
    "A1001": "I'm sorry, I can't generate a response. Please try again.",
    "A6000": "I'm sorry, I couldn't respond in time. Please try a more specific request or enter /clear to start a new "
    "chat.",
}
"""What a chat user reads, by code. The text itself has no code: see `errors_of`."""
_DRAWN_CODES = ("M3003", "A1000", "A1001", "G3001", "A6000")
_CHAT_CODES: dict[GatewayForm, str] = {"429": "G3001", "403": "M3006"}
"""What chat makes of the gateway's refusals; A1001 of all others (`Gitlab::Duo::Chat::ReactExecutor`)."""
_SENT_AS_SUCCESS = {"A6000"}
_SHOWN_WITHOUT_CODE = {"G3001"}
_HELP = "https://docs.gitlab.com/ee/user/gitlab_duo_chat/troubleshooting.html"


def errors_of(code: str) -> list[str]:
    """The `errors` beside a message's `content`, which is the bare text: GitLab puts a code there, as a link, or
    repeats the text without one, or (A6000) takes the text for an answer and leaves `errors` empty.
    """
    text = ERROR_TEXTS[code]
    if code in _SENT_AS_SUCCESS:
        return []
    return [text if code in _SHOWN_WITHOUT_CODE else f"{text} Error code: [{code}]({_HELP}#error-{code.lower()})"]


class Inference(NamedTuple):
    """Whether the model answered; if not, the code a chat user sees and the status a REST client sees."""

    engine: str
    model: str
    input_tokens: int
    output_tokens: int
    error_code: str | None = None
    status: int = 200

    @property
    def failed(self) -> bool:
        """No answer was made, and nothing was paid."""
        return self.error_code is not None


class AiGateway:
    """One environment's gateway.

    Args:
        world: faults, accounts and the catalogue.
        environment: whose account is spent.
    """

    def __init__(self, world: World, environment: str) -> None:
        self._world = world
        self._environment = environment

    def ask_claude(
        self, exchange: SandboxExchange, call: FeatureCall, model: str = CLAUDE, feature: Feature | None = None
    ) -> Inference:
        """One inference on Anthropic; the exchange carries what came of it into the ledger.

        Args:
            feature: whose prompt it is, where several features make the same call.
        """
        feature = feature or self._feature(call)
        wanted = self._estimate(exchange, feature, "anthropic", model)
        refusal = self._refusal(exchange)
        if refusal is None and "anthropic" in self._world.scenario.provider_outage:
            refusal = ("model_vendor", "A1001", 503)
        if refusal is None:
            refusal = self._spend(exchange, self._account_of(feature), wanted)
        return self._settle(exchange, wanted, refusal)

    def ask_vertex(self, exchange: SandboxExchange, call: FeatureCall, model: str) -> Inference:
        """One inference on Vertex AI: of the catalogue's accounts it spends one of Vertex, if the feature names one."""
        feature = self._feature(call)
        wanted, account = self._estimate(exchange, feature, "vertex-ai", model), self._account_of(feature)
        refusal = self._refusal(exchange)
        if refusal is None and self._world.catalogue.accounts[account].vendor == "vertex":
            refusal = self._spend(exchange, account, wanted)
        return self._settle(exchange, wanted, refusal)

    def _feature(self, call: FeatureCall) -> Feature | None:
        """The catalogue's last feature of a call."""
        features = [feature for feature in self._world.catalogue.features.values() if feature.call is call]
        return features[-1] if features else None

    def _account_of(self, feature: Feature | None) -> str:
        environment = self._world.catalogue.environments[self._environment]
        return feature.account_in(self._environment, environment) if feature else environment.account

    def _spend(self, exchange: SandboxExchange, account: str, wanted: Inference) -> tuple[str, str, int] | None:
        exchange.account = account
        short = self._world.account(account).spend(wanted.input_tokens, wanted.output_tokens, self._world.clock.now())
        return ("model_vendor", "A1001", 429) if short else None

    def _refusal(self, exchange: SandboxExchange) -> tuple[str, str, int] | None:
        """A fault of the scenario: who, which code, which status."""
        scenario, strikes = self._world.scenario, self._world.strikes
        if exchange.fault == InjectedFault.GATEWAY_503:
            return (InjectedFault.GATEWAY_503, "A1001", 503)
        if strikes(scenario.refuse.get("ai_gateway", 0.0), exchange.side):
            form = scenario.refusal_forms.ai_gateway
            return ("ai_gateway", _CHAT_CODES.get(form, "A1001"), int(form))
        if strikes(scenario.refuse.get("model_vendor", 0.0), exchange.side):
            return ("model_vendor", "A1001", 429)
        if strikes(scenario.overloaded_share, exchange.side):
            return ("model_vendor", "A1001", 503)
        if self._world.draw(scenario.error_code_share):
            return ("error_code", self._world.rng.choice(_DRAWN_CODES), 503)
        return None

    def _settle(self, exchange: SandboxExchange, wanted: Inference, refusal: tuple[str, str, int] | None) -> Inference:
        if refusal is not None:
            exchange.outcome, code, status = refusal
            return wanted._replace(error_code=code, status=status)
        exchange.paid = True
        exchange.input_tokens, exchange.output_tokens = wanted.input_tokens, wanted.output_tokens
        return wanted

    def _estimate(self, exchange: SandboxExchange, feature: Feature | None, engine: str, model: str) -> Inference:
        """What the prompt costs: the feature's figures in the catalogue, so that averages match the plan."""
        factor = tokens_factor(exchange.key or "")
        if feature is None:
            return Inference(engine, model, round(1000 * factor), round(200 * factor))
        tokens = feature.limits.tokens_per_prompt
        return Inference(engine, model, round(tokens.input * factor), round(tokens.output * factor))
