"""Texts that GitLab Duo shows in place of an answer, recognised without any code.

They are those of GitLab's page on troubleshooting (https://docs.gitlab.com/user/gitlab_duo_chat/troubleshooting/) and
of the completions behind it. One of them, "I couldn't respond in time. Please try a more specific request …", is sent
as a success, with empty `errors`. GitLab has German and Japanese ones too, for users or instances of that language.
"""

from __future__ import annotations

CANNED_CHARACTERS_MAX = 400
"""GitLab's own texts are shorter. What is longer is an answer that begins by quoting one."""

NO_CODE = ""

_BEGINNINGS = (
    ("i'm sorry, i couldn't respond in time", "A1000"),
    ("i'm sorry, you've entered too many prompts.", "A1005"),
    ("i'm sorry, duo chat agent reached the limit before finding an answer", "A1006"),
    ("i'm sorry, i can't generate a response. you do not have access", "M3004"),
    ("i'm sorry, i can't generate a response. you might want to try again", "M3003"),
    ("i'm sorry, i can't generate a response. please try again", NO_CODE),
    ("i'm sorry, but answering this question requires a different duo subscription", "G3001"),
    ("i'm sorry, you have not selected a default gitlab duo namespace", "G3002"),
    ("i'm sorry, i couldn't find any documentation to answer your question.", "M2000"),
    ("i am sorry, i cannot access the information you are asking about.", "M3002"),
    ("i'm sorry, this question is not supported in your duo pro subscription.", "M3005"),
    ("i'm sorry, you don't have the gitlab duo subscription required", "M3006"),
    ("your request does not seem to contain code to", "M4000"),
    ("this command is used for explaining vulnerabilities and can only be invoked from", "M4003"),
    ("this command is used for troubleshooting jobs and can only be invoked from", "M4005"),
    ("vulnerable code exceeds maximum length", "M4000"),
    ("entschuldige, dass ich nicht rechtzeitig antworten konnte.", "A1000"),
    ("leider konnte ich nicht rechtzeitig antworten.", "A1000"),
    ("du hast leider zu viele prompts eingegeben.", "A1005"),
    ("der duo-chat-agent hat leider das limit erreicht", "A1006"),
    ("ich kann leider keine antwort generieren. du hast keinen zugriff", "M3004"),
    ("ich kann leider keine antwort generieren. bitte versuche es erneut", NO_CODE),
    ("für die beantwortung dieser frage ist leider ein anderes duo-abonnement erforderlich", "G3001"),
    ("du hast leider keinen standardmäßigen gitlab duo-namensraum ausgewählt", "G3002"),
    ("ich habe leider keinen zugriff auf die informationen, nach denen du fragst.", "M3002"),
    ("du verfügst leider nicht über das für die nutzung von duo chat erforderliche", "M3006"),
    ("dieser befehl wird verwendet, um sicherheitslücken zu erklären.", "M4003"),
    ("dieser befehl wird zur fehlerbehebung bei jobs verwendet", "M4005"),
    ("申し訳ありません。時間内に応答できませんでした", "A1000"),
    ("申し訳ありませんが、入力したプロンプトは多すぎます", "A1005"),
    ("申し訳ありませんが、duoチャットエージェントは質問の答えを見つける前に上限に達しました", "A1006"),
    ("申し訳ありませんが、応答を生成できません。現在gitlab duo chatへのアクセス権がありません", "M3004"),
    ("申し訳ありませんが、応答を生成できません。もう一度", NO_CODE),
    ("申し訳ありませんが、この質問に回答するには、別のduoサブスクリプションが必要です", "G3001"),
    ("申し訳ありませんが、リクエストされた情報にアクセスできません", "M3002"),
    ("申し訳ありませんが、duoチャットを利用するためのgitlab duoサブスクリプションがありません", "M3006"),
)
"""How a text begins, and the code that GitLab gives to its like: most have several endings. The first one counts."""

_WHOLE = {
    "there was an error processing your request. please try again or contact support if the issue persists": "A1007",
    "an unexpected error has occurred": NO_CODE,
    "the upstream ai provider request timed out without responding": "A1000",
    "response from ai is unreadable. please try again": NO_CODE,
    "something went wrong while attempting to apply the ai resolution to a merge request": NO_CODE,
    "an error occurred while attempting to link the mr to the vulnerability": NO_CODE,
    "unfortunately, you don't have access to vulnerability resolution": "M3004",
    "unable to locate source code for vulnerability": "M4000",
    "refusing to send possible secrets in ai prompt": "M4000",
    "there is no job log to troubleshoot": "M4005",
    "vulnerability explanation currently only supports vulnerabilities reported by sast": "M4003",
    "this resource has no comments to summarize": "M4004",
}
"""Texts that an answer might begin with as well, so nothing may follow."""

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ′`", "'"))
_AROUND = " \t*_>\"“”„'«»#.!"


def code_of_canned(text: str) -> str | None:
    """The code of a text that GitLab shows in place of an answer (`NO_CODE`: it has none); None for an answer."""
    words = " ".join(text.translate(_APOSTROPHES).split()).lstrip(_AROUND).lower()
    if len(words) > CANNED_CHARACTERS_MAX:
        return None
    begun = next((code for beginning, code in _BEGINNINGS if words.startswith(beginning)), None)
    return _WHOLE.get(words.rstrip(_AROUND)) if begun is None else begun
