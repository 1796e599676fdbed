"""Error texts that look like answers (docs/domain.md §3): `I'm sorry, … Error code: A1001`, sent with HTTP 200.

Such a text must never be judged; a good answer that talks about such a code should be. The two mistakes do not weigh
the same: a refused good answer is one failed prompt in honest counts, a judged error text is a false score. So the rule
leans towards refusing:

1. `Error code: A1001` (letter M, G or A, exactly four digits) in the answer's own prose is refused, however long the
   answer is: a failure may come after much was streamed. The label counts in the languages that GitLab has, the code
   also as a link in Markdown or HTML, and in full-width characters.
2. Quoted (in a closed code block, inline code or a block quote) it is let pass, if at least
   `EXPLANATION_CHARACTERS_MIN` characters of prose stand around the quotes: then somebody explains a log. A block that
   was never closed quotes nothing, and neither does a block quote in the last line: what is appended to it is quoted by
   nobody.
3. A text with less prose than that is refused on looser wording too: `error A1001`; a link to the code's page; and near
   an apology or a word for a failure, a code after a sentence and a label of any language, one that is a link, or one
   that stands in brackets at the end. Without such a word it is a part's name: `I recommend the RTX (A4000)`.
4. A text that GitLab shows in place of an answer (see `canned`) is refused without any code, if it is no longer than
   those texts are.
5. Code (a completion, a diff) is refused by the label of rule 1, quoted or not where the text is short, and by rule 4
   only: brackets, colons and the word `error` stand in code everywhere.

All of it takes time in proportion to the text's length.
"""

from __future__ import annotations

import re

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops.attribution import Attribution, Certainty
from daily_runs.gitlab.hops.canned import NO_CODE, code_of_canned
from daily_runs.gitlab.hops.visible import INLINE_CODE, prose_of, without_invisible

EXPLANATION_CHARACTERS_MIN = 200

_LABELS = "|".join((
    r"\berror code", "fehlercode", "code d['’]erreur", "c[oó]digo del? error?", "codice (?:di )?errore",
    "エラー ?コード", "错误代?码", "錯誤代?碼", "오류 ?코드", "код ошибки", "код помилки", "kod błędu", "hata kodu",
    "foutcode", "felkod", "fejlkode", "feilkode", "cod(?:ul)? de eroare", "cód earráide",
))  # fmt: skip
"""`Error code` as GitLab's catalogues of texts have it, and as it is said elsewhere."""

_ID = r"(?P<letter>[MGA])(?P<digits>[0-9]{4})(?![0-9A-Za-z_])"
_OPEN, _CLOSE = "[(【「『《〈〔", "])】」』》〉〕"
_MARKS = rf"[\s:*_`\"'“”„‘’«»\\{re.escape(_OPEN + _CLOSE)}]*"
_EXACT = re.compile(rf"(?i:{_LABELS})\s*[*_]*:[\s:*_`{re.escape(_OPEN)}]*{_ID}")
_LOOSE = (
    re.compile(rf"(?i:\berror|{_LABELS}){_MARKS}{_ID}"),
    re.compile(r"#error-(?i:(?P<letter>[mga]))(?P<digits>[0-9]{4})\b"),
)
_VAGUE = (
    re.compile(rf"[.!?。…][^.!?。…:]{{1,60}}:{_MARKS}{_ID}"),
    re.compile(rf"\[{_ID}\]\("),
    re.compile(rf"[(【「『《〈〔][^\n()【】「」『』]{{0,40}}(?<![0-9A-Za-z_]){_ID}\s*[)】」』》〉〕][\s.!。]*\Z"),
)
"""Wording that answers have as well, so it counts near an apology only."""
_APOLOGY = re.compile("|".join((
    "sorry", "apolog", "unfortunately", "error", "fail", "unable", "cannot", "can['’]t", "could ?n[o'’]t", "went wrong",
    "entschuldig", "leid", "fehler", "désolé", "malheureusement", "erreur", "impossi", "siento", "lament",
    "disculp", "perdón", "desculp", "sinto muito", "infelizmente", r"\berro\b", "spiace", "scusa", "purtroppo",
    "helaas", r"\bfout", "tyvärr", "förlåt", "ursäkt", r"\bfel\b", "desværre", "dessverre", "beklager", "undskyld",
    r"\bfejl", r"\bfeil", "anteeksi", "valitettavasti", "virhe", "przepraszam", "niestety", "błąd", "omlouv", "bohužel",
    "chyb", "sajnál", "elnézést", "hib[aá]", "scuz", "îmi pare rău", "eroare", "maalesef", "üzgün", r"\bhata",
    "извини", "сожалени", "ошибк", "вибач", "на жаль", "помилк", "συγγνώμη", "λυπ", "σφάλμα",
    "すみません", "申し訳", "エラー", "できません", "抱歉", "对不起", "對不起", "错误", "錯誤", "无法", "無法", "죄송",
    "오류", "ขออภัย", "xin lỗi", "maaf",
)), re.IGNORECASE)  # fmt: skip
"""A word that says sorry, or that something failed, in the languages of GitLab's users."""
_NEAR_CHARACTERS = 200
"""How far before a code such a word may stand."""
_TAG = re.compile(
    r"</?(?:a|abbr|b|br|code|div|em|font|h[1-6]|i|kbd|li|mark|ol|p|pre|q|s|samp|small|span|strong|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"']+")
_NARROW = str.maketrans(
    {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F) if chr(wide) not in "＞｀～"}
    | dict.fromkeys("﹕︓︰꞉∶", ":")
)
"""Full-width characters as ASCII has them, but for those that make a quote in Markdown."""

_HOPS = {"M": Hop.GITLAB, "G": Hop.AI_GATEWAY, "A": Hop.MODEL_VENDOR}


def error_code_in(text: str, *, is_code: bool = False) -> CallError | None:
    """The failure that an answer's text carries, or None for an answer; `is_code`: a completion or a diff."""
    found = attribution_of_answer(text, is_code=is_code)
    return None if found is None else found.error


def attribution_of_answer(text: str, *, is_code: bool = False) -> Attribution | None:
    """Who failed, by an answer's text, or None for an answer; likely only, if the wording is a looser one.

    Codes 3xxx and 4xxx say that this user, resource or question was not accepted (no seat, feature switched off,
    unusable context): asking again does not help, and it counts against us. All others may pass on a second try.
    """
    seen = without_invisible(text).translate(_NARROW)
    plain = _TAG.sub("", seen)
    prose = prose_of(plain)
    last_line = INLINE_CODE.sub(" ", plain.rstrip().rpartition("\n")[2])
    exact = _EXACT.search(prose) or _EXACT.search(last_line)
    found = exact or _loose(seen, plain, prose, is_code=is_code)
    if found is not None:
        certainty = Certainty.CERTAIN if exact else Certainty.LIKELY
        return _coded(_code(found), certainty, f"the answer's text carries error code {_code(found)}")
    canned = code_of_canned(plain)
    if canned is None:
        return None
    if canned == NO_CODE:
        seen_facts = ("the answer is a text that GitLab has ready for errors",)
        return Attribution(
            Hop.UNKNOWN, "answer_error_code", Certainty.UNKNOWN, (), seen_facts, Blame.PROVIDER, retryable=True
        )
    return _coded(canned, Certainty.LIKELY, f"the answer is the text that GitLab has ready for error code {canned}")


def _loose(seen: str, plain: str, prose: str, *, is_code: bool) -> re.Match[str] | None:
    """A code by looser wording, if the text is short; addresses don't make it longer."""
    if len(" ".join(_ADDRESS.sub("", prose).split())) >= EXPLANATION_CHARACTERS_MIN:
        return None
    if is_code:
        return _EXACT.search(plain)
    found = (match for pattern in _LOOSE for text in (plain, seen) for match in pattern.finditer(text))
    vague = (match for pattern in _VAGUE for text in (plain, seen) for match in pattern.finditer(text))
    return next(found, None) or next(filter(_is_near_an_apology, vague), None)


def _is_near_an_apology(found: re.Match[str]) -> bool:
    return _APOLOGY.search(found.string, max(0, found.start() - _NEAR_CHARACTERS), found.end()) is not None


def _code(found: re.Match[str]) -> str:
    return found["letter"].upper() + found["digits"]


def _coded(code: str, certainty: Certainty, fact: str) -> Attribution:
    ours = code[1] in "34"
    return Attribution(
        _HOPS[code[0]],
        "answer_error_code",
        certainty,
        (fact,),
        (fact,),
        Blame.OWN_SYSTEM if ours else Blame.PROVIDER,
        retryable=not ours,
    )
