"""Chats of class `calculation`: the answer is a figure that the text does not hold but allows to compute."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

CALCULATION = (
    Chat(
        slug="photo-storage-cost",
        item_class="calculation",
        kind="issue",
        title="Keep delivery photos for a shorter time",
        tags=("calculation", "cost"),
        question="How much storage do we need in the long run if ordinary photos are kept for 60 days instead of 180, and what does that save a month?",
        answer="A day brings 500,000 photos of 0.2 MB, 100 GB. Of these 5 % belong to disputed parcels (5 GB a day, kept 365 days either way: 1,825 GB), 95 % are ordinary (95 GB a day). Today 95 x 180 = 17,100 GB plus 1,825 GB = 18,925 GB; in future 95 x 60 = 5,700 plus 1,825 = 7,525 GB. Saved: 11,400 GB x 0.02 EUR = 228 EUR a month.",
        description="""
Couriers photograph parcels that they leave at a safe place. There are 500,000 photos a day with 0.2 MB each.

We keep each photo for 180 days. According to support, complaints about missing parcels come within 45 days; the data protection team therefore asks us to keep ordinary photos for 60 days only.

5 % of the photos belong to parcels with a dispute. These are kept for 365 days, now and in future.

Storage costs 0.02 EUR for a GB and month. We count 1 GB as 1,000 MB. Requests cost next to nothing.

The job that deletes exists already and only needs another figure. For the first run it has to delete 120 days' worth at once, which should be spread over a week.
""",
    ),
    Chat(
        slug="availability-of-march",
        item_class="calculation",
        kind="issue",
        title="Availability report for March",
        tags=("calculation", "operations"),
        question="Compute the availability of tracking for March by the contract's rule. Was 99.9 % reached?",
        answer="March has 31 x 24 x 60 = 44,640 minutes. Planned maintenance (90 minutes, announced) is taken out of the period: 44,550 minutes. Counted outages: 25 minutes on the 4th and 14 minutes on the 19th; the 3 minutes on the 27th do not count, since outages below 5 minutes are ignored. The slow hour on the 11th is not an outage by the rule. 39 minutes: (44,550 - 39) / 44,550 = 99.912 %, so 99.9 % was reached (up to 44.5 minutes were allowed).",
        description="""
**Rule of the contract.** Availability is the share of minutes of a calendar month in which tracking answers. Maintenance that was announced at least 3 days before is taken out of the month. Outages of less than 5 minutes are ignored. Slow answers are not outages, as long as they come within 10 s. The promise is 99.9 %.

**March**

- 4 March: no answers for 25 minutes, a full disk.
- 11 March: answers took 4 to 6 s for an hour, because a backup ran during the day.
- 19 March: no answers for 14 minutes, a wrong route.
- 22 March: maintenance of 90 minutes, announced on 12 March.
- 27 March: no answers for 3 minutes, a failover.

The report goes to customers by 10 April. If the promise was missed, each gets 5 % of the monthly fee.
""",
    ),
    Chat(
        slug="rent-or-buy-scanners",
        item_class="calculation",
        kind="issue",
        title="Rent or buy hand scanners",
        tags=("calculation", "comparison"),
        question="After how many months is buying cheaper than renting, for all 400 devices together?",
        answer="Renting: 400 x 18 EUR = 7,200 EUR a month. Buying: 400 x 420 EUR = 168,000 EUR once, plus 400 x 3 EUR insurance = 1,200 EUR a month, plus spare devices, 5 % of 400 = 20 x 420 = 8,400 EUR once. Together 176,400 EUR once and 1,200 a month. Difference a month 6,000 EUR: 176,400 / 6,000 = 29.4, so buying is cheaper from the 30th month on. The docking stations are needed either way and play no role.",
        description="""
The contract for our 400 hand scanners ends in December.

**Rent:** 18 EUR for each device and month. Repairs, insurance and exchange within a day are included.

**Buy:** 420 EUR for each device, once. Insurance with repairs costs 3 EUR for each device and month. As an exchange takes two weeks, we need 5 % spare devices; for those no insurance is needed while they lie in the cupboard.

Both ways we need docking stations for about 9,000 EUR.

The manufacturer promises updates for five years. Experience says that devices of couriers last four years.

Finance would like to know from which month on buying is cheaper. Interest need not be considered.
""",
    ),
    Chat(
        slug="sorting-shift-capacity",
        item_class="calculation",
        kind="issue",
        title="Can the evening shift sort the parcels of the sale week?",
        tags=("calculation", "capacity"),
        question="How many parcels can the evening shift sort, and how many are left over on the strongest day?",
        answer="Belts: 2 x 3,000 = 6,000 parcels an hour. Staff: 22 people x 240 an hour = 5,280, which is less, so staff limits. The shift lasts 6 h, less 30 minutes of break in which the belts stand: 5.5 h. 5,280 x 5.5 = 29,040 parcels. On the strongest day 34,000 come, so 4,960 are left over. Even with enough staff the belts would manage only 33,000.",
        description="""
Last year parcels were left over on three evenings of the sale week. The forecast for this year is 34,000 parcels on the Thursday, the strongest day, and below 28,000 on all others.

**Belts.** Two, each sorts up to 3,000 parcels an hour.

**Staff.** 22 people in the evening shift. One person places 240 parcels an hour on a belt. It makes no difference at which belt.

**Time.** 17:00 to 23:00, with half an hour of break for all at once, during which the belts stand still.

What could be done: borrow staff from depot South (up to 6 people), stagger the breaks so that the belts run through, or begin an hour earlier, for which the lorries would have to come earlier as well.

What is left over at 23:00 is sorted by the early shift and reaches its recipient a day late.
""",
    ),
    Chat(
        slug="points-and-percent",
        item_class="calculation",
        kind="issue",
        title="First delivery attempts after the new message",
        tags=("calculation", "statistics"),
        question="By how many percentage points and by how many percent did failed first attempts fall, and how many attempts would that be in a month with 2.4 million parcels?",
        answer="Before: 10,800 of 90,000 failed, 12 %. After: 8,100 of 90,000 failed, 9 %. That is 3 percentage points, or 25 % fewer. With 2.4 million parcels: 288,000 before and 216,000 after, 72,000 failed attempts fewer. The dashboard's claim of 3 % mixes the two up. Parcels to shops and lockers are left out of the comparison, as the issue says.",
        description="""
Since 1 February the message on the evening before has a button *I won't be at home*, with which one chooses another day or a parcel shop.

We compared two weeks before with two weeks after it, in the same 12 depots, home deliveries only. Parcels for shops and lockers never fail in this sense and are left out.

| | parcels | failed at the first attempt |
|---|---|---|
| before | 90,000 | 10,800 |
| after | 90,000 | 8,100 |

The dashboard says that failed attempts *fell by 3 %*. Somebody should check this before it goes into the annual report.

A failed attempt costs us 1.90 EUR. The messages cost the same as before.

In the weeks after, there were no holidays and no unusual weather.
""",
    ),
    Chat(
        slug="weighted-delivery-time",
        item_class="calculation",
        kind="issue",
        title="Average delivery time in the annual report",
        tags=("calculation", "statistics"),
        question="The draft says that a parcel takes 33 hours on average. Is this right? If not, give the right figure with the calculation.",
        answer="Not right: 33 h is the plain average of the three regions, (22 + 28 + 49) / 3. Parcels have to be weighted: (6.0 x 22 + 3.0 x 28 + 1.0 x 49) / 10.0 million = (132 + 84 + 49) / 10 = 26.5 h. So a parcel takes 26.5 hours on average. The figure of the express parcels must not be mixed in, because they are contained in the regions already.",
        description="""
The draft of the annual report says: *On average, a parcel reaches its recipient after 33 hours.*

Figures of the last year:

| region | parcels | average hours |
|---|---|---|
| cities | 6.0 million | 22 |
| towns | 3.0 million | 28 |
| country | 1.0 million | 49 |

These include all services. Of the 10.0 million parcels 0.8 million were express, with 14 hours on average; they are contained in the figures of the regions.

Parcels that were refused or returned are not included. Hours run from the first scan to the handing over, Sundays included.

The report goes to print on the 15th.
""",
    ),
    Chat(
        slug="latest-handover-time",
        item_class="calculation",
        kind="issue",
        title="Until when can a shop hand in parcels for next-day delivery?",
        tags=("calculation", "schedule"),
        question="Until what time must a parcel be handed in at parcel shop Harbour so that it is delivered the next day? Compute backwards.",
        answer="The night lorry leaves the hub at 21:30. Sorting takes up to 75 minutes, so the parcel must be there by 20:15; unloading takes 20 minutes, so the van must be at the hub by 19:55. The drive from Harbour takes 50 minutes at that time: departure at 19:05 at the latest. The van comes at 16:00 and 18:45, so the 18:45 one is used (19:05 would be the latest). Parcels must lie ready 15 minutes before the van: 18:30. On Fridays the shop would have to be told 16:00 minus 15 minutes, 15:45, because the second collection does not run.",
        description="""
The web page says *until 17:00* for all shops. For many this is too cautious, for some it is wrong. We want to compute it for each shop.

For **parcel shop Harbour**:

- The van collects at 16:00 and at 18:45, on Fridays at 16:00 only.
- Parcels have to be ready 15 minutes before the van comes.
- Loading is done within the stop and need not be counted.
- The drive to the hub takes 35 minutes in the afternoon and 50 minutes after 18:30, because of the bridge.

At the **hub**:

- Unloading: 20 minutes.
- Sorting: at most 75 minutes.
- The night lorries leave at 21:30. What is on them is delivered the next day.

Late lorries are rare; we compute without a reserve, but show the result rounded down to a quarter of an hour.
""",
    ),
    Chat(
        slug="backlog-drain-time",
        item_class="calculation",
        kind="issue",
        title="Catch up after the outage of the event queue",
        tags=("calculation", "operations"),
        question="How long does it take until the backlog is gone with four workers, and how many workers are needed to be done within one hour?",
        answer="540,000 events are waiting and 90 a second come in. Four workers handle 4 x 60 = 240 a second, so the backlog shrinks by 150 a second: 540,000 / 150 = 3,600 s, exactly one hour. So four workers are just enough to be done within one hour; a fifth would give reserve (210 a second, about 43 minutes). Six or more bring nothing beyond 300 a second, as the database takes no more.",
        description="""
The queue was down from 09:00 to 10:40. Carriers kept their events and delivered them all at once afterwards, so now 540,000 events are waiting. New ones come in at 90 a second, as on every morning.

One worker handles 60 events a second. Normally two are running, four are possible without asking anybody. The platform team can start more, up to eight.

The database takes at most 300 events a second from all workers together. Beyond that, workers only wait for locks.

Events are handled in the order in which they came, so recipients see old states until the backlog is gone. The hotline would like to know when this will be, for its announcement.

Once it is done, please go back to two workers: each costs 4 EUR an hour.
""",
    ),
    Chat(
        slug="error-budget-left",
        item_class="calculation",
        kind="issue",
        title="May we release on Thursday? Error budget of the booking API",
        tags=("calculation", "operations"),
        question="How much of this month's error budget is used up, and does the team's rule allow the release on Thursday?",
        answer="The objective of 99.5 % allows 0.5 % of the expected 40 million requests to fail: 200,000. So far failed: 96,000 + 41,000 + 23,000 = 160,000, which is 80 % of the budget, 40,000 are left. The 12,000 answers of 429 do not count, as the callers exceeded their own limit. The rule stops risky releases from 75 % on, so a release with a migration, as on Thursday, is not allowed; it would be allowed without the migration, or in the next month.",
        description="""
**Objective:** 99.5 % of the booking API's requests in a calendar month succeed. We expect 40 million requests this month, and the budget is computed from this figure.

A request has failed if the answer is 5xx or does not come within 10 s. A 429 because a caller exceeds its own limit is no failure.

**So far this month**

| what | requests |
|---|---|
| 5xx during the outage on the 6th | 96,000 |
| 5xx otherwise | 41,000 |
| later than 10 s | 23,000 |
| 429 | 12,000 |

**Rule of the team:** from 50 % of the budget on, releases need a second reviewer. From 75 % on, no releases with a migration or a change of infrastructure. From 100 % on, only repairs.

The release on Thursday contains three small features and a migration of the table `bookings`. It has been reviewed by two people.
""",
    ),
    Chat(
        slug="compare-two-button-texts",
        item_class="calculation",
        kind="issue",
        title="Which text on the button brings more lockers?",
        tags=("calculation", "comparison"),
        question="Compare the rates of both variants, and say how many more locker deliveries a month the better one would bring if all 300,000 visitors saw it. Does the goal of 9,000 more hold?",
        answer="Variant A: 1,000 of 25,000 visitors chose a locker, 4.0 %. Variant B: 1,600 of 25,000, 6.4 %. B is 2.4 percentage points better. With 300,000 visitors: A 12,000, B 19,200, so 7,200 more. The goal of 9,000 more is missed by 1,800. The 5,000 visitors of the first day must be left out, since B's button did not work then; counting them would make B look worse.",
        description="""
On the page for choosing the place of delivery the button reads *Choose locker* (A). The design team suggests *Collect around the clock* (B).

Visitors were assigned by chance for two weeks. Because B's button did not react on the first day, that day is left out of the table for both (2,500 visitors each).

| | visitors | chose a locker |
|---|---|---|
| A | 25,000 | 1,000 |
| B | 25,000 | 1,600 |

The page has 300,000 visitors a month. All of them see A today, apart from the test.

The goal of the quarter is 9,000 more locker deliveries a month than now. A delivery to a locker costs us 0.70 EUR less than one to the door.

The text of B has to be translated into four languages before all can see it.
""",
    ),
)
