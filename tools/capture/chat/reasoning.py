"""Chats of class `reasoning`: a conclusion that stands nowhere in the text, such as an order, a consequence or how a rule applies."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

REASONING = (
    Chat(
        slug="startable-tasks-invoicing",
        item_class="reasoning",
        kind="epic",
        title="Invoices as structured files",
        tags=("dependencies", "planning"),
        question="Which tasks can somebody start today, and which single unfinished task holds back the most others?",
        answer="Startable today: T3 (validator in the pipeline), since its only requirement T1 is done, and T7 (help page), which needs nothing. T2 is under way already, so it is not to be started. T2 holds back the most: T4, T5 and, through T4, T6, three tasks in all. T3 holds back only T6.",
        description="""
From January on business customers in two countries must receive invoices as XML after the European norm. The PDF stays as a picture beside it.

| task | requires | state |
|---|---|---|
| T1 choose the profile of the norm | – | done |
| T2 map our invoice to the profile | T1 | under way, about half |
| T3 run the official validator in the pipeline | T1 | open |
| T4 create the XML at billing | T2 | open |
| T5 show the XML in the account | T2 | open |
| T6 send by the authority's network | T3, T4 | open |
| T7 help page for customers | – | open |

Two people work on T2, a third one would only be in the way.

T6 needs a registration with the authority. It was applied for in May and has come through, so nothing is left to wait for outside.

Small customers are not concerned. They get their PDF as before.
""",
    ),
    Chat(
        slug="milestone-one-week-late",
        item_class="reasoning",
        kind="issue",
        title="Plan of the summer release",
        tags=("schedule", "planning"),
        question="The new address service comes one week later than planned. Which dates move, and does the release on 26 June still hold?",
        answer="The address service comes on 29 May instead of 22 May. The import (two weeks, directly after it) ends on 12 June instead of 5 June. The load test (one week) needs import and price tables; these are ready on 9 June, so it now starts on 12 June and ends on 19 June instead of 16 June. The freeze is one week before the release, on 19 June, so it is just met and the release on 26 June holds, with no slack left; before there were three days. Translation and price tables do not move.",
        description="""
The release is on **26 June**. The freeze is one week before that, on **19 June**: whatever is not finished by then waits for autumn.

- Address service: delivered by the partner on 22 May.
- Import of the addresses: starts the day the service is there and takes two weeks, until 5 June.
- Price tables: ready on 9 June, as finance decides on 8 June. Nothing can be done about that.
- Load test: one week. It needs the imported addresses and the price tables, so it runs from 9 to 16 June. It has to be finished by the freeze.
- Translation: 1 to 12 June, independent of everything else.

We agreed that the load test is not shortened, since last year's shortened one missed the lock on the price table.

The operations team has no time for a release between 29 June and 20 July.
""",
    ),
    Chat(
        slug="before-after-freeze",
        item_class="reasoning",
        kind="issue",
        title="Move the parcel photos to the new storage",
        tags=("procedure", "migration"),
        question="What has to happen before the holiday freeze, what may happen during it, and what must wait until it ends?",
        answer="Before the freeze (until 24 November): new photos are written to both storages (deployment), and the reading switch is deployed, still off. During it (25 November to 8 January): copying the old photos, because it is a job without deployment and may run at night only; comparing checksums; the switch for reading may be turned on for staff, as it is a setting, but not for customers. After it: the switch for customers, since it changes what customers see, ending the writing to the old storage and deleting it, at least 30 days after the switch for customers.",
        description="""
The old storage is switched off by its provider at the end of March. It holds 410 million photos, 61 TB.

**Steps**

1. New photos are written to both storages. (Deployment)
2. Code that can read from the new storage, behind a setting. (Deployment)
3. Copy the old photos; 23 days if it runs at night only. (Job)
4. Compare checksums of everything that was copied. (Job)
5. Turn the setting on for staff.
6. Turn the setting on for customers.
7. Stop writing to the old storage. (Deployment)
8. Delete the old storage, 30 days after step 6 at the earliest.

**Freeze.** From 25 November to 8 January there are no deployments, and nothing changes what customers see. Jobs may run from 22:00 to 05:00. Settings that concern only staff may be changed.

Step 3 needs step 1 so that nothing is missed, and step 5 needs step 2 and step 4.
""",
    ),
    Chat(
        slug="order-by-team-rule",
        item_class="reasoning",
        kind="issue",
        title="Sort the support backlog by the new rule",
        tags=("priority", "rules"),
        question="In which order should these five tickets be worked on, by the team's rule? Say for each what decides its place.",
        answer="Order: S-4 (loss of data, first group; only one there), then S-2 and S-5 of the second group (money is wrong), S-5 before S-2 as it concerns 310 customers instead of 45, then S-1 and S-3 of the third group (all others), S-3 before S-1: both concern 12 customers, and then the older one goes first, which is S-3 (9 April against 2 May). That S-1 comes from the largest customer plays no role by the rule.",
        description="""
Up to now whoever shouted loudest came first. The team has agreed on this rule:

1. Data is lost or becomes wrong for good.
2. Money is wrong.
3. Everything else.

Within a group, more affected customers go before fewer. If that is the same, the older ticket goes first. Size or contract of a customer does not count, and neither does how often somebody asks.

The tickets:

| ticket | what | customers | since |
|---|---|---|---|
| S-1 | the map is blank in one browser; our largest customer asks daily | 12 | 2 May |
| S-2 | return labels are billed without the discount | 45 | 20 March |
| S-3 | search ignores hyphens in names | 12 | 9 April |
| S-4 | notes of couriers vanish when two save at once | 8 | 28 April |
| S-5 | VAT of islands is computed with the wrong rate | 310 | 11 May |

The rule is looked at again in autumn.
""",
    ),
    Chat(
        slug="rollout-where-are-we",
        item_class="reasoning",
        kind="epic",
        title="Roll-out of dynamic time windows",
        tags=("rollout", "status"),
        question="At which step is the roll-out now, may it go on to the next one, and if not, what is missing?",
        answer="It is at step 3 (five depots). It may not go on to step 4 yet: of the three conditions two are met (windows kept 93.4 %, at least 92 % required; hotline calls at 4.1 per thousand, at most 5 allowed), but the third is not, as it has run for 9 of the required 14 days. If nothing gets worse it may go on in 5 days. The drop to 90.8 % on Saturday does not matter for the rule, since the average over the step counts.",
        description="""
Instead of *between 8 and 18* the recipient gets a window of two hours, which is computed anew while the tour runs.

**Steps:** 1 employees, 2 one depot, 3 five depots, 4 all depots of the south, 5 all.

**A step may be left** when, on average over the step,

- at least 92 % of the windows were kept,
- at most 5 calls per thousand parcels reached the hotline, and
- it has run for at least 14 days.

If windows kept fall below 85 % on a single day, we go one step back at once.

**Log**

- 2 May: step 1. 97 %, but only 160 parcels.
- 19 May: step 2. Left after 15 days with 92.9 % and 4.6 calls.
- 3 June: step 3. After 9 days 93.4 % on average and 4.1 calls. On Saturday it was 90.8 %, because of a road closed for a run.

The south has 11 depots. Their staff have been trained.
""",
    ),
    Chat(
        slug="region-for-week-34",
        item_class="reasoning",
        kind="issue",
        title="In which week does each region get the new tariffs?",
        tags=("schedule", "constraints"),
        question="Which regions could be switched in week 34, and which of them would you take, given that only one can be switched a week?",
        answer="In week 34 possible: East and Islands. West is out because of its holiday until week 34 inclusive, North because its contract ends only with week 35, South because it was switched in week 31. Of the two Islands should be taken: its last possible week is 34, as the ferry tariff changes in week 35 and it must be switched before; East can be done in 36 or later as well (not in 35, its inventory week).",
        description="""
The new tariffs come region by region, one a week, because the pricing team looks at each one for some days.

**South** was switched in week 31 as the first one. Two corrections, otherwise fine.

**North** has a contract with its largest shop until the end of week 35. It must not be switched before week 36.

**West** is on holiday from week 32 to week 34. Nobody could answer questions, so no switch in these weeks.

**East** has its inventory in week 35. Every other week is fine, and there is no hurry.

**Islands** can be switched from week 33 on, when its price list is translated. In week 35 the ferry's tariff changes; the two changes must not be mixed, so Islands has to be switched before that.

In weeks 32 and 33 there is no switch: the pricing team evaluates South.

All regions have to be done by week 40.
""",
    ),
    Chat(
        slug="exception-locker-age",
        item_class="reasoning",
        kind="issue",
        title="Check the age of recipients for marked parcels",
        tags=("rules", "compliance"),
        question="May a parcel marked 18+ go to a locker? If there are conditions, name them.",
        answer="Generally no: a marked parcel may only be handed over in person after an identity check. There is one exception: lockers with a card reader (at present those of series L4) may take it if the recipient has confirmed his age in the app with an electronic identity within the last 12 months; then the locker opens only by the app on that account's phone, not with a code. If these conditions are missing when the parcel is redirected, it goes to a parcel shop instead.",
        description="""
Senders can mark a parcel with 18+. The law demands that such a parcel reaches adults only.

1. The courier checks an identity card and scans its back. Only the date of birth is read and only *18 or older* is stored.
2. In parcel shops staff do the same.
3. Neighbours and safe places are not possible. The app does not offer them.
4. Lockers are not possible either, since nobody looks at the card.

Number 4 has one exception that the authority has confirmed. Lockers of the series L4 have a card reader. If the recipient has confirmed the age in the app with an electronic identity, and this is not older than 12 months, an L4 locker may take the parcel. It then opens by the app on the phone of that account only; there is no code that one could pass on.

When a marked parcel is redirected to a locker and the conditions are not met, the parcel goes to the nearest parcel shop, and the recipient is told why.
""",
    ),
    Chat(
        slug="supported-firmware",
        item_class="reasoning",
        kind="issue",
        title="Hand scanners: end of support for old firmware",
        tags=("compatibility", "hardware"),
        question="We have H2 scanners with firmware 4.6 and H3 scanners with 5.0. Can they go on working after 1 October, and what has to be done with each?",
        answer="H2 with 4.6: yes after an update, since from 1 October at least 4.8 is needed on the H2; 4.8 can be installed over the docking station directly from 4.6. H3 with 5.0: 5.0 itself is recent enough by the table (5.0 or newer), but 5.0 has the fault with long codes, so the note below the table demands 5.0.2 for all depots that handle pallets; without pallets nothing has to be done. Only the H1 can't go on at all.",
        description="""
From 1 October the sorting service accepts connections with TLS 1.3 only.

| model | needed from 1 October | update by |
|---|---|---|
| H1 | none can do it, to be replaced | – |
| H2 | 4.8 or newer | docking station; from 4.5 on directly, older ones first to 4.5 |
| H3 | 5.0 or newer | over the air |
| H4 | every version | – |

Note on the H3: 5.0 reads codes of more than 40 characters wrongly. Pallet labels have 48. Depots that handle pallets therefore need 5.0.2, which is available since May. The others may stay on 5.0.

Each depot sees its devices and their versions on the page *Devices*. On 1 September we will write to those that still have devices below the line.

An H1 that is not replaced shows *no connection* from that day on. There are 230 of them in 19 depots. Replacements are ordered.
""",
    ),
)
