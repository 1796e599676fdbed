"""Texts that somebody may have put into an answer or a name to make a page do something; and how pages are read."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<object data=javascript:alert(1)>",
    "<embed src=//evil.example>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>body{display:none}</style>",
    "<form action=//evil.example><button>log in</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<a href=javascript:alert(1)>see the log</a>",
    "<a data-airflow href=/logout>log</a>",
    "<math><mtext></p><img src=x onerror=alert(1)>",
    "<!-- --><script>alert(1)</script><!--",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x>",
    "</pre><script>alert(1)</script><pre>",
    "</td></tr></table><h1>Published</h1>",
    "</title><script>alert(1)</script>",
    "</style></script>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" onclick="alert(1)" x="',
    "` onmouseover=alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "&amp;lt;b&amp;gt;",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "[log in again](https://evil.example) **now**",
    "![x](https://evil.example/pixel.png)",
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "%(key)s %s {0} {run}",
    "::group::Great Expectations\n::endgroup::",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07log\x1b]8;;\x07",
    "\x1b[2J\x1b[H all was deleted",
    "\x9b31m one byte of the C1 set",
    "published\rquarantined",
    "gate passed\x08\x08\x08\x08\x08\x08failed",
    "\u202edehsilbup\u202c",
    "\u2066\u2067isolated\u2069\u2069",
    "\u200bzero\u200bwidth\ufeff",
    "nul\x00byte",
    "\u2028line\u2029paragraph",
    "\U000e0041tagged\U000e007f",
    "Z̸̢̛͔a̴l̵g̷o̶" + "\u0301" * 50,
    "مرحبا (right to left)",
    "＜script＞alert(1)＜/script＞",
    "\ud7ff\ue000 private",
    "A" * 5_000,
    "\n" * 200,
    '=HYPERLINK("https://evil.example")',
    "' OR 1=1; DROP TABLE daily_runs.answer; --",
)
"""More than forty; each must stand on a page as what it is: text."""

_LOADS = frozenset({"src", "srcset", "href", "data", "action", "formaction", "xlink:href", "poster", "style", "srcdoc"})


class ReadPage(HTMLParser):
    """Every tag of a page, each attribute that could load or do something with its value, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.acts: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.acts += [(tag, name, value or "") for name, value in attrs if name in _LOADS or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


MARKS = frozenset(
    (
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "nav",
        "b",
        "ul",
        "li",
        "main",
        "h1",
        "h2",
        "h3",
        "p",
        "small",
        "span",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "br",
        "section",
        "details",
        "summary",
        "pre",
        "code",
        "form",
        "label",
        "input",
        "button",
        "select",
        "option",
        "svg",
        "desc",
        "g",
        "rect",
        "line",
        "circle",
        "polygon",
        "text",
        "ol",
        "polyline",
        "path",
    )
)
"""The only tags that pages are made of."""


def must_be_harmless(page: str, *, airflow: str = "") -> ReadPage:
    """See that a page has tags of ours only, loads its own two files, and links to Airflow's address alone."""
    found = ReadPage(page)
    assert found.tags <= MARKS, found.tags - MARKS
    for tag, name, value in found.acts:
        assert name in ("href", "src"), (tag, name, value)
        assert value == "#content" or (value.startswith(f"{airflow}/") and not value.startswith("//")), (
            tag,
            name,
            value,
        )
        assert tag in ("a", "link", "script"), (tag, name, value)
    loaded = [value.partition("?")[0] for tag, _, value in found.acts if tag in ("link", "script")]
    assert loaded == [f"{airflow}/daily-runs/static/pages.css", f"{airflow}/daily-runs/static/pages.js"]
    return found
