"""Writes duo_chat.jsonl: questions over issues and epics of a made-up project, a parcel tracking service.

The texts (`chat/`) are written for this set, so nothing here needs capturing; the script checks and numbers them.

    python tools/capture/duo_chat.py
"""

from __future__ import annotations

import rows
from chat import CHATS
from chat.chat import Chat


def row(number: int, chat: Chat) -> dict[str, object]:
    """The chat as a row of the data set."""
    return {
        "id": f"chat-{number:03}",
        "seed_key": f"chat/{chat.slug}",
        "class": chat.item_class,
        "tags": list(chat.tags),
        "question": chat.question,
        "resource": {
            "type": "work_item",
            "kind": chat.kind,
            "title": chat.title,
            "description": chat.description.strip(),
        },
        "reference": {"answer": chat.answer},
    }


def main() -> None:
    numbers = rows.numbered("duo_chat", [chat.slug for chat in CHATS])
    made = [row(numbers[chat.slug], chat) for chat in CHATS]
    print(f"{rows.write('duo_chat', made).name}: {len(made)} items")


if __name__ == "__main__":
    main()
