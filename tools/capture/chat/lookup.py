"""Chats of class `lookup`: what the text says about a point, found in its place and put together."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

LOOKUP = (
    Chat(
        slug="why-rollback-search",
        item_class="lookup",
        kind="issue",
        title="Bring release 16.1 out again",
        tags=("incident", "release"),
        question="Why was release 16.1 rolled back, and what has to be true before it goes out again?",
        answer="It was rolled back after 50 minutes because the new address check refused addresses without a house number, so that parcels to 1,900 recipients, mostly farms and harbours, could not be booked. The slow start that was seen at the same time was not the reason. Before it goes out again: the check must accept addresses without a house number in the regions of the list of the depots, the list must have been confirmed by all depots (9 of 14 have), and the booking of the 1,900 recipients must have been tried in staging.",
        description="""
Release 16.1 went out on Tuesday at 10:00 and was taken back at 10:50.

It contained the new address check. Since addresses from shops were often incomplete, it demands street, house number, postcode and town. In the valleys and on the coast, however, there are places without house numbers: farms have a name, berths have none. In 50 minutes bookings for 1,900 recipients were refused.

During the roll-out the servers also took 90 s to start instead of 20 s. This was caused by an index that was built at the same time; it is done, and would not have been a reason to go back.

Before we try again:

- [ ] The check accepts an address without house number in the regions of the depots' list.
- [ ] All depots have confirmed this list. So far 9 of 14 have.
- [ ] The 1,900 recipients are booked once in staging, by script.

The other changes of 16.1 are fine and could go out without the check, but nobody has asked for them urgently.
""",
    ),
    Chat(
        slug="meaning-of-states",
        item_class="lookup",
        kind="epic",
        title="Clear states for parcels that cannot be delivered",
        tags=("definitions", "tracking"),
        question="What is the difference between the states held, waiting and stranded, and which of them costs the recipient a fee?",
        answer="held: the parcel lies in a depot and must not be moved until somebody decides (fee, damage, customs). waiting: it can be collected by the recipient, from a shop or depot, for up to 7 days. stranded: nobody knows at present who has to act, for instance because the address does not exist and the sender does not answer; it goes to the investigation team after 5 days. Only waiting may cost something: from the fourth day on, 0.50 EUR a day, in depots only and not in shops. The other two never cost the recipient a fee.",
        description="""
Today a parcel that is not delivered has the state `exception`, and one of 43 texts. Neither recipients nor support know what to do. We replace it by three states.

**held** – The parcel lies in a depot and must not be moved until somebody has decided. That is the case with unpaid fees, damage and customs. Who decides is shown in the parcel's history.

**waiting** – The recipient can come for it. It lies in a parcel shop or a depot, for up to 7 days, and goes back after that.

**stranded** – Nobody knows at the moment who has to act: the address does not exist and the sender does not answer, or the label is unreadable. After 5 days the investigation team gets it.

Storage costs us money. From the fourth day of *waiting* on, depots charge 0.50 EUR a day. Parcel shops do not, as their contract does not allow it. For *held* and *stranded* no storage is ever charged, since the recipient cannot end these states.

All 43 texts remain visible to staff.
""",
    ),
    Chat(
        slug="objection-and-answer",
        item_class="lookup",
        kind="issue",
        title="Store signatures as vectors instead of pictures",
        tags=("discussion", "decision"),
        question="Which team objected, for what reason, and how was the objection met?",
        answer="The claims team objected: in court cases a picture has been accepted so far, and nobody knows whether a drawing made from vectors would be. It was met by storing, along with the vectors, a PNG made on the phone at signing for parcels insured above 500 EUR, about 2 % of all; for these both are kept for three years. The claims team agreed to that. The mobile team's remark on old phones was not an objection but a question, and was answered: the oldest supported ones can do it.",
        description="""
A signature is a PNG of 35 kB on average. We store 9 million a month. As a list of strokes, a signature needs 1.2 kB and looks sharp in any size.

---

**Mobile team:** Do the oldest phones that we support deliver the strokes with times? — *Yes, tried on both.*

**Claims team:** We are against it. Two or three times a year a signature is evidence in court. A picture has always been accepted. Whether a drawing that a program makes from vectors will be, nobody can tell us.

**Data protection team:** Fine with us, as long as times between the strokes are rounded. Exact ones are biometric data. — *They are rounded to 50 ms.*

**Platform team:** How about both for the parcels where it matters? Claims that go to court were all insured above 500 EUR, which is 2 % of the parcels. The phone makes the PNG at the moment of signing, so that no program of ours draws it later. Both kept for three years.

**Claims team:** That works for us.

---

Outcome: vectors for all, with a PNG in addition for parcels insured above 500 EUR.
""",
    ),
    Chat(
        slug="conditions-automatic-refund",
        item_class="lookup",
        kind="issue",
        title="Refund the express fee automatically when we are late",
        tags=("rules", "billing"),
        question="In which cases is the express fee refunded automatically, and in which does somebody look at it first?",
        answer="Automatically, if all of these hold: it was express, it was delivered after the promised time, the delay was not caused by recipient or sender (no failed first attempt, no changed address), and the fee is at most 40 EUR. Somebody (billing) looks first if the fee is above 40 EUR, or if the delay falls on a day with a declared disruption such as storm. There is no refund at all after a failed first attempt within the promised time, or if the address was changed after booking.",
        description="""
Today customers have to ask for it, and 70 % of the cases that support handles are decided in their favour anyway.

An express parcel that arrives after the promised time gets its express fee back, not the price of the parcel. The nightly job books it on the next invoice.

No refund

- if the courier was at the door in time and nobody opened,
- if the address was changed after booking, by sender or recipient.

On days for which operations has declared a disruption (storm, strike, closed roads) the job books nothing. It puts these cases on a list, and billing decides for the whole day at once.

Fees above 40 EUR are put on the same list and are decided one by one. These are about 15 a month.

Contracts of large customers have rules of their own about lateness. Accounts with such a contract are not touched by the job at all.
""",
    ),
    Chat(
        slug="rejected-map-options",
        item_class="lookup",
        kind="issue",
        title="Map for the tracking page",
        tags=("decision", "comparison"),
        question="Which options were rejected, and for which reason each? Name the chosen one in one sentence at the end.",
        answer="Rejected: the map of provider K, because its terms allow showing positions of vehicles only with the fleet contract, at 9 times the price; own tiles from open data rendered by us, because building and updating them would keep one developer busy for about two months a year; a still picture instead of a map, because in the test with 20 recipients 14 could not tell whether the courier was coming closer. Chosen: vector tiles of provider M, with our own style and a price by views. A second provider as a fallback was dropped too, but that is no option for the map itself; if M does not answer, the page shows the time window only.",
        description="""
Requirements: up to 400,000 views a day, a moving courier symbol, hosting within the EU.

**Provider K** has the best map. Its terms forbid showing the positions of vehicles unless one has the fleet contract. We asked: 9 times the price of the ordinary one.

**Provider M** delivers vector tiles, the style is ours, price by views. Rural roads are sometimes incomplete, but the courier's position is right anyway.

**Own tiles** from open data. Technically no problem. Building them, updating them every week and keeping the servers alive would take one developer about two months a year.

**A still picture** every few minutes. Cheap, and works on every device. In the test with 20 recipients 14 could not say whether the courier was coming closer or driving away.

We take M. When M does not answer within 2 s, the page shows the time window only. A second provider as a fallback was discussed and dropped, because it would need a second style.
""",
    ),
    Chat(
        slug="ruled-out-duplicates",
        item_class="lookup",
        kind="issue",
        title="Some recipients get the same message twice",
        tags=("analysis", "bug"),
        question="Which explanations have been ruled out, by which observation each, and which one is left?",
        answer="Ruled out: the carrier sends the event twice, because the raw log has each of the events once; two workers take the same message, because since the lock was added in May the log shows one worker for each message and duplicates still come; the text message provider repeats, because its report lists two different ids that we submitted. Left, but not yet proven: the notification service restarts between sending and storing that it was sent; 29 of the 31 looked-at duplicates lie within 40 s of a restart, and the other two are not explained by it.",
        description="""
Since spring 0.2 % of the messages come twice, a few seconds to two minutes apart.

### Looked at

**Does the carrier send the event twice?** The raw log has the event once in all 31 cases that I looked at. No.

**Do two workers take the same message?** That was possible until May. Since then there is a lock on the row, and the log names the worker: one for each message. Duplicates still come. No.

**Does the text message provider repeat?** Their report has two entries for each duplicate, with two ids which we handed in. So we submitted twice. No.

**Restart between sending and storing?** The service sends first and then stores `sent_at`. If it is stopped in between, it sends again after the start. 29 of the 31 duplicates lie within 40 s of a restart (deployments, and the memory limit). For the other two there was no restart within the hour.

### Next

Store an intent with its id before sending, and give this id to the provider, which refuses a second one. It would help against any cause on our side.
""",
    ),
    Chat(
        slug="owners-and-dates",
        item_class="lookup",
        kind="issue",
        title="Minutes: readiness of depot Narvik",
        tags=("meeting", "action-items"),
        question="List all actions with team and date. Mark those that lack one of the two.",
        answer="Six actions: order 24 scanners, hardware team, 3 March; power for the second gate, building team, no date (waits for the electrician's offer); test of the tours with real addresses, routing team, 17 March; training of the 18 couriers, no team named (depot or training team has to be settled), 24 to 26 March; first aid box and fire plan, depot, 20 March; decision to open, operations, 27 March. So the power for the second gate lacks a date and the training lacks a team. The parking spaces are done and are no action any more.",
        description="""
The depot opens on 1 April, if the meeting on 27 March decides so (operations).

**Scanners.** 24 are missing. The hardware team orders them by 3 March; delivery takes ten days.

**Gates.** Gate 1 works. Gate 2 has no power. The building team has asked an electrician for an offer; once it is there, a date can be set.

**Tours.** The routing team tests them with the real addresses by 17 March. Tours across the fjord need the ferry's timetable, which is in the system.

**People.** 18 couriers have signed. Their training is on 24, 25 and 26 March, in the depot. Whether the depot or the training team holds it was not settled.

**Parking.** The 30 spaces are marked. Done.

**Safety.** First aid box and fire plan are missing. The depot sees to both by 20 March, since the inspection comes on the 23rd.
""",
    ),
)
