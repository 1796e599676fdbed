"""Edits of chat references that no rule can make, written for this file."""

from __future__ import annotations

IN_ASKED_FORM = {
    "chat-015": (
        "From now on the tracking page shows the courier on the map when five or fewer stops are left before yours. "
        "Previously it did so all day long. Before that you see the expected time window, as usual. The position is "
        "updated every 30 seconds. This protects our couriers' privacy and makes the display calmer and more reliable."
    ),
    "chat-020": (
        "14 food shops have asked for chilled delivery, and six of them would bring about 90,000 parcels a year with a "
        "margin of 2.10 EUR each, together 189,000 EUR. The cost is 320,000 EUR once, for boxes, scanners with a "
        "temperature probe and two cold rooms, and 60,000 EUR a year for washing and losses. The decision that is "
        "needed by 15 February, since the cold rooms must be ordered then, is whether the trial in two cities is "
        "approved (80,000 EUR, six months from April)."
    ),
    "chat-029": (
        "## Added\n\n"
        "- The filter `updated_since` for `GET /parcels`.\n"
        "- The field `weight_source` (measured or declared) of a parcel.\n\n"
        "## Changed\n\n"
        "- Timestamps carry an offset (`+00:00`) instead of no zone.\n"
        "- Pages hold at most 200 instead of 1,000 parcels. A larger `per_page` gives 400 and is no longer cut "
        "silently.\n"
        "- An unknown parcel gives 404 instead of 200 with an empty body.\n\n"
        "## Removed\n\n"
        "- `GET /parcels/search`. Use the filters of `GET /parcels` instead.\n"
        "- The field `weight_g`, which was replaced by `weight_grams` in version 4."
    ),
    "chat-030": (
        "- 02:40 UTC: the certificate of the belt's controller expires.\n"
        "- 03:15 UTC: the first parcels are diverted to belt 1 by hand.\n"
        "- 03:20 UTC: the shift lead calls on-call.\n"
        "- 03:50 UTC: on-call sees the refused connections and suspects the firewall.\n"
        "- 04:30 UTC: the firewall is ruled out and the expired certificate is found.\n"
        "- 04:55 UTC: the new certificate is installed.\n"
        "- 05:05 UTC: the belt runs.\n"
        "- 08:00 UTC: the backlog is gone."
    ),
    "chat-032": (
        "**What counts as a bulky parcel?** One whose longest side is above 120 cm, or whose longest and shortest side "
        "together are above 150 cm. Round ones are always bulky.\n\n"
        "**What does it cost?** 6 EUR, from 1 March on.\n\n"
        "**What happens if I did not book my parcel as bulky?** It is delivered, and 9 EUR are charged afterwards, "
        "with a photo.\n\n"
        "**Which parcels are not taken at all?** Those above 31.5 kg or longer than 200 cm."
    ),
}
"""Where the reference describes an answer ("at most 60 words, for customers: ..."): the answer that it describes."""

INVENTED = {
    "chat-006": (
        "For this epic 240,000 EUR were approved by the steering committee in March. The release is planned for "
        "15 October."
    ),
    "chat-060": (
        "We chose vendor B because its charging stations proved more robust in winter, its contract can be cancelled "
        "every year, and its installation takes only two weeks."
    ),
    "chat-061": (
        "A developer found a missing call of close() in the code that draws barcodes. After it was added in release "
        "3.4, consumption has been flat at 410 MB."
    ),
    "chat-062": (
        "They fell by 820 a week, from 1,900 to 1,080, which is 43 %. So the goal was reached in the first month."
    ),
}
"""Answers to questions that the text does not answer, as if it did."""

CONTRADICTED = {
    "chat-002": (
        ("Carrier events go into the existing PostgreSQL, in a table", "Carrier events go into RabbitMQ, from a queue"),
        ("not into RabbitMQ or Kafka", "not into the existing PostgreSQL or Kafka"),
    ),
    "chat-010": (
        (
            "(2) add the new key to the list of accepted keys of our receiver and deploy",
            "(2) tell the carrier to send with the new key",
        ),
        ("(3) tell the carrier to send with the new key", "(3) add the new key to our receiver's accepted keys"),
    ),
}
"""The central statement of a reference, and its opposite."""

OTHER_FIGURES = {
    "chat-050": (
        ("176,400 / 6,000 = 29.4", "176,400 / 9,000 = 19.6"),
        ("from the 30th month on", "from the 20th month on"),
        ("Difference a month 6,000 EUR", "Difference a month 9,000 EUR"),
    ),
    "chat-051": (
        ("5,280 x 5.5 = 29,040 parcels", "6,000 x 5.5 = 33,000 parcels"),
        ("so 4,960 are left over", "so 1,000 are left over"),
        ("5,280, which is less, so staff limits", "5,280, which does not matter, so the belts limit"),
    ),
}
"""Figures of a reference, and others that the description does not bear."""
