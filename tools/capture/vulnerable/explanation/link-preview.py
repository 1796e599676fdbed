"""Makes the small previews that a chat shows under a link."""

from __future__ import annotations

import html
import re
import urllib.request
from dataclasses import dataclass

MAX_BYTES = 200_000
TIMEOUT_SECONDS = 5
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Preview:
    """What is shown to everybody in the channel."""

    address: str
    title: str
    beginning: str


def preview(address: str) -> Preview:
    """Preview of a link that somebody wrote into a message.

    Raises:
        OSError: the address cannot be read.
    """
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
        text = response.read(MAX_BYTES).decode(errors="replace")
    found = TITLE.search(text)
    title = html.unescape(found.group(1)).strip() if found else address
    return Preview(address, title, re.sub(r"<[^>]+>|\s+", " ", text).strip()[:300])
