"""The chats that the set began with, of all classes; new ones stand in the module of their class."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

FIRST = (
    Chat(
        slug="summary-slow-search",
        kind="issue",
        item_class="summary",
        title="Parcel search takes more than 4 s for tenants with over 1 million parcels",
        tags=("summary", "performance"),
        question="Summarise this issue in three sentences for somebody who has not followed it.",
        answer="Search by recipient takes over 4 s (P95) for the six tenants with more than a million parcels, because the query cannot use the index on lower(recipient) since release 14.2, which compares without lower(). Restoring lower() in the query brings it to 180 ms in a copy of production, whereas a trigram index would also allow infix search but adds 11 GB. It was decided to restore lower() in 14.4 and to judge the trigram index separately.",
        description="""
## Problem

Since release 14.2 the search by recipient has a P95 of 4.3 s for tenants with more than one million parcels. Six tenants are affected; all others stay below 300 ms. Support received nine tickets in two weeks.

## What we found

The index `parcels_recipient_idx` is on `lower(recipient)`. Release 14.2 changed the query to compare `recipient` without `lower()`, because recipients were going to be stored in lower case. That migration was postponed to release 15, but the query stayed, so every search scans the tenant's partition.

## Options

1. Put `lower()` back into the query. On a copy of production the P95 falls to 180 ms. One line and a test.
2. Add a trigram index. It would also serve infix search, which customers have asked for, but takes 11 GB and slows imports by about 6 %.

## Decision

Option 1 goes into 14.4. Option 2 is judged in an issue of its own together with infix search.
""",
    ),
    Chat(
        slug="decision-queue",
        kind="issue",
        item_class="lookup",
        title="Choose the queue for carrier events",
        tags=("decision", "architecture"),
        question="What was decided about the queue, and what were the reasons?",
        answer="Carrier events go into the existing PostgreSQL, in a table read with FOR UPDATE SKIP LOCKED, not into RabbitMQ or Kafka. Reasons: the load (peak 350 events/s, measured capacity 2,100/s) is well within it, event and parcel state can be committed in one transaction, and no additional service has to be operated. The decision is to be looked at again if the sustained load exceeds 1,000 events/s.",
        description="""
## Context

Carriers push tracking events to us. We handle them in the web request, so a slow database makes carriers time out and send again. We want to accept first and handle later.

## Candidates

**RabbitMQ.** Known to the platform team, but not run by us today. Publishing and updating the parcel are two systems, so we would need an outbox.

**Kafka.** Replay is attractive. The smallest sensible cluster costs about three times our current database.

**A table in PostgreSQL**, read with `FOR UPDATE SKIP LOCKED`. Event and parcel state change in the same transaction. In the load test one table with four readers carried 2,100 events/s; our peak last December was 350 events/s.

## Outcome

We take the table in PostgreSQL. No new service to operate, and one transaction is worth more to us than replay. We come back to this if the sustained load goes over 1,000 events/s; the metric `events_accepted_total` has an alert for it.
""",
    ),
    Chat(
        slug="blockers-label-service",
        kind="epic",
        item_class="reasoning",
        title="Move label printing out of the monolith",
        tags=("dependencies", "planning"),
        question="What currently blocks the cutover of label printing, and who has to act?",
        answer="Two things block it: the carrier certificates for two carriers (the partner team has to obtain new ones, since the old ones are bound to the monolith's host name), and the missing rate limit on the label service (the platform team has to enable it in the gateway). Fonts and the shadow comparison are done, and the runbook is needed only before the monolith's code is removed, so it does not block the cutover.",
        description="""
Label printing becomes a service of its own, so that a spike in labels no longer slows down tracking.

### State

| part | team | state |
|---|---|---|
| Fonts and templates packed into the image | labels | done |
| Shadow comparison over 10,000 labels, no visible difference | labels | done |
| Client certificates for two carriers | partner | open: the old ones are bound to the monolith's host name, new ones must be requested |
| Rate limit in the gateway | platform | open: configuration is written, has to be enabled |
| Runbook | labels | in progress |

### Cutover

The traffic is moved when certificates and rate limit are there. The runbook has to be finished before the code is removed from the monolith, two weeks after the cutover.

### Not part of this epic

Return labels stay in the monolith until the returns project has settled its data model.
""",
    ),
    Chat(
        slug="acceptance-webhooks",
        kind="issue",
        item_class="rewriting",
        title="Customers can see and repeat failed webhook deliveries",
        tags=("acceptance-criteria", "webhooks"),
        question="Write the acceptance criteria of this issue as a checklist that a tester can follow.",
        answer="The checklist covers: failed deliveries of the last 14 days are listed with time, event, HTTP status and number of attempts; the response body is shown cut to 2 kB; a delivery can be repeated singly or all of one day (at most 500 at once); a repeated delivery has the same event id as the first and the header X-Redelivery: true; only the roles owner and developer may repeat, viewers see the list only; each repeat is in the audit log. Deliveries that succeeded are not listed, and automatic retries do not change.",
        description="""
When a customer's endpoint is down, deliveries fail after five attempts and the customer only learns of it from missing data. Support then replays events by script, about 30 times a month.

We add a page *Failed deliveries* to the settings of a webhook. It lists the failed deliveries of the last 14 days with time, event, HTTP status and number of attempts. Opening one shows what the endpoint answered, cut to 2 kB because some send whole error pages.

A delivery can be repeated. So can all of one day, but at most 500 at a time, to protect endpoints that have just come back. The event id stays the same as in the first delivery, since receivers use it to recognise duplicates; the header `X-Redelivery: true` is added.

Owners and developers of an account may repeat. Viewers may look at the list but see no button. Every repeat is written to the audit log.

Not included: a list of successful deliveries, and changes to the automatic retries.
""",
    ),
    Chat(
        slug="compare-geocoders",
        kind="issue",
        item_class="calculation",
        title="Replace the geocoding provider",
        tags=("comparison", "cost"),
        question="Compare the two providers. Which one fits if accuracy in rural areas matters most to us?",
        answer="Provider A: 96 % exact in cities and 71 % in rural areas, 0.40 EUR per 1,000 look-ups, answers may be stored 30 days, EU hosting. Provider B: 94 % in cities and 88 % in rural areas, 0.65 EUR per 1,000, answers may be stored without limit, hosting in the EU only with the enterprise contract. If rural accuracy matters most, B fits better (88 % against 71 %). Its higher price is offset as answers may be kept: 3 million look-ups with A cost 1,200 EUR a month, the 60 % that remain with B 1,170 EUR. But EU hosting, which is required, needs B's enterprise contract, whose price is not known yet.",
        description="""
The contract with our geocoder ends in March and the price would double. We compared two providers with 5,000 delivery addresses for which couriers have confirmed the position. *Exact* means within 30 m.

**Provider A**

- city addresses: 96 % exact; rural: 71 %
- 0.40 EUR per 1,000 look-ups
- answers may be stored for 30 days
- hosted in the EU

**Provider B**

- city addresses: 94 % exact; rural: 88 %
- 0.65 EUR per 1,000 look-ups
- answers may be stored without limit
- hosted in the EU with the enterprise contract only; we have asked for its price

We look up about 3 million addresses a month. About 40 % of them are repeats that are more than 30 days old. Both APIs take batches of 100.

The data protection team requires hosting in the EU. No decision yet.
""",
    ),
    Chat(
        slug="unanswerable-budget",
        kind="epic",
        item_class="no-clear-answer",
        title="Courier app: work without a connection",
        tags=("unanswerable", "mobile"),
        question="How much budget was approved for this epic, and when is the release?",
        answer="The text says neither. It names no budget, and gives no release date; it says only that the pilot starts with the Bergen depot once conflict handling is done, and that the date of the general release is set after the pilot. A good answer says that this is not in the epic and does not invent figures.",
        description="""
Couriers lose the connection in cellars, lifts and valleys. Today the app then refuses to record a delivery, so couriers write on paper and type it in later.

## Goal

Everything that a courier does at the door works without a connection: scan, signature, photo, note. The app sends it when it is back online.

## Parts

1. Local store, encrypted, with at most 48 h of data.
2. Queue of actions with the time at which they happened, not at which they were sent.
3. Conflict handling: the depot may have cancelled a parcel in the meantime. The cancellation wins, and the courier sees a message.
4. Photos are scaled down to 1,600 pixels before they are queued.

## Roll-out

The pilot starts in the Bergen depot when part 3 is done. The date of the general release is set after the pilot. Depots without managed devices follow last.
""",
    ),
    Chat(
        slug="root-cause-timezones",
        kind="issue",
        item_class="reasoning",
        title="Delivery windows are one hour off after the clocks change",
        tags=("analysis", "bug"),
        question="Why are the delivery windows wrong, and why did the tests not notice?",
        answer="The planner stores a window as UTC offset at planning time plus local time and applies that offset on the delivery day; for parcels planned before the change of clocks and delivered after it, the offset is one hour wrong. Tests did not notice because they run in UTC with a fixed date in January, so no test crosses a change of clocks. The proposed fix is to store the local time with the depot's time zone name and compute UTC when it is needed.",
        description="""
### What happens

On the last Sunday of October 412 parcels had a delivery window that was an hour too early. Couriers rang at closed shops. In spring it was the other way round, but only 30 parcels were affected since we had few customers with fixed windows then.

### Cause

When a window is planned, we store the local time and the UTC offset that applies *at that moment*. On the delivery day the offset is added again. For a parcel planned on Friday with +02:00 and delivered on Monday, when +01:00 applies, the window moves by one hour.

### Why nobody noticed

The test suite sets `TZ=UTC` and freezes the clock to 15 January. No test plans on one side of a change and delivers on the other. The staging data is regenerated daily, so windows there are never older than a day.

### Proposal

Store the local time and the name of the depot's time zone (such as `Europe/Oslo`), and compute UTC when it is needed. Migrate open windows with the depot's zone. Add tests for both changes of the clocks.
""",
    ),
    Chat(
        slug="scope-returns",
        kind="epic",
        item_class="summary",
        title="Returns without a printed label",
        tags=("scope", "summary"),
        question="What is explicitly out of scope, and why?",
        answer="Out of scope are: returns across borders, because customs forms still have to be printed; exchanges (return and new delivery in one), because the shop's order system has to support them first; and parcels over 20 kg, because the lockers do not take them. Parcel shops without a scanner are not out of scope but come in a second step.",
        description="""
Customers without a printer find returns cumbersome: 38 % of the abandoned returns stop at the printing step. With this epic they show a QR code at the parcel shop or at the locker, and the label is printed there.

**First step.** QR code in the confirmation mail and in the app; scanners in parcel shops and lockers read it; the shop's printer makes the label.

**Second step.** Parcel shops without a scanner (about 12 %) get a page where staff type a code of eight characters.

**What we leave out**

- Returns across borders. Customs forms still have to be printed, so nothing would be gained.
- Exchanges, meaning a return and a new delivery in one. The order systems of the shops must support them first.
- Parcels over 20 kg. The lockers do not accept them.

**How we measure success.** Abandoned returns fall from 22 % to below 15 % within three months of the first step. The cost of a return must not rise by more than 0.10 EUR.
""",
    ),
    Chat(
        slug="risks-partitioning",
        kind="issue",
        item_class="lookup",
        title="Partition the events table by month",
        tags=("risks", "database", "migration"),
        question="Which risks does this migration have, and how is each of them handled?",
        answer="Four risks: (1) locking the table for long: rows are copied in batches of 20,000 with a trigger that keeps both tables equal, and the switch is a rename with a lock_timeout of 2 s that is tried again; (2) the disk filling up, since the data exists twice for about a week: 900 GB are added beforehand and the copy pauses below 15 % free; (3) queries without a date touching all partitions: they are found in the log, three are known and get a date filter before the switch; (4) foreign keys to events: only event_photos has one, which is replaced by an application check and a nightly check. Until the switch, going back means dropping the new table.",
        description="""
The table `events` has 2.1 billion rows and 700 GB. Deleting old rows takes days and leaves bloat. With a partition for each month, deletion is dropping a partition.

#### Plan

Create `events_new`, partitioned by `occurred_at`. A trigger writes every change into both tables. A job copies old rows in batches of 20,000. When the counts agree, the tables are renamed in one transaction.

#### What may go wrong

*Locks.* The rename needs an exclusive lock. It runs with `lock_timeout` of 2 s and is tried again, at night. The batches are small, so that no copy holds locks for long.

*Disk.* For about a week all data exists twice. We add 900 GB first; the copy pauses when less than 15 % are free.

*Queries without a date* would look into every partition. The query log shows three. They get a date filter before the rename.

*Foreign keys.* A partitioned table's key would have to contain `occurred_at`. Only `event_photos` refers to events; its constraint is replaced by a check in the application and a nightly consistency check.

Until the rename we can go back by dropping `events_new` and the trigger. After it, the old table stays for 14 days, kept up to date by a reversed trigger.
""",
    ),
    Chat(
        slug="steps-api-key-rotation",
        kind="issue",
        item_class="reasoning",
        title="Rotate the carrier API keys without losing events",
        tags=("procedure", "security"),
        question="In which order do the steps have to be done, and what happens if the second and the third are swapped?",
        answer="Order: (1) request the new key from the carrier, which is valid along with the old one for 72 h; (2) add the new key to the list of accepted keys of our receiver and deploy; (3) tell the carrier to send with the new key; (4) watch for 24 h that no event comes with the old key; (5) remove the old key. If 2 and 3 are swapped, the carrier sends with a key that the receiver does not know yet, so events are refused with 401; carriers do not repeat on 401, so those events are lost and have to be fetched from the carrier's report.",
        description="""
Carriers sign their pushes with a key that we have not changed for three years. The security team asks for a change every six months.

A carrier's new key and old key are valid at the same time for 72 hours after the request. Our receiver accepts a list of keys, which is read at start, so a change means a deployment.

1. Request the new key in the carrier's portal.
2. Add it to the list of accepted keys and deploy the receiver.
3. Tell the carrier to send with the new key (a switch in the portal).
4. For 24 hours, watch `events_by_key`: no event may come with the old key.
5. Remove the old key from the list and deploy again.

Events that arrive with an unknown key are refused with 401. Carriers repeat after a timeout and after 5xx, but not after 401. Lost events can be fetched from the carrier's daily report, by hand and without photos.

The whole procedure takes two days for a carrier; we have eleven.
""",
    ),
    Chat(
        slug="open-questions-locker",
        kind="epic",
        item_class="lookup",
        title="Support lockers of a second manufacturer",
        tags=("open-questions", "planning"),
        question="List the open questions and say which of them must be answered before development starts.",
        answer="Open questions: (a) does the manufacturer's API report that a door was left open, (b) may one locker mix compartments of both manufacturers, (c) who pays for repeated openings, (d) how long may a compartment stay reserved. Before development starts (a) and (d) must be answered, since the state machine depends on them; (b) is needed before the pilot and (c) only before billing.",
        description="""
So far our lockers come from one manufacturer. From summer on, a second one delivers the lockers for the north. Its API is event based, ours polls.

We put an adapter between our state machine (`free`, `reserved`, `filled`, `emptied`) and the manufacturer. The existing manufacturer is moved behind the same adapter, without a change in behaviour, as the first story.

Still to be answered:

- a) Does the API tell us that a door was left open? Without it we cannot distinguish `emptied` from `free`.
- b) May a site mix compartments of both manufacturers? Needed before the pilot, since it decides how sites are planned.
- c) Who pays when a customer opens a compartment several times? The new manufacturer charges for each opening. Needed for billing only.
- d) How long may a compartment stay reserved? The new API releases it after 30 minutes, ours never does.

The state machine depends on a) and d), so development does not start before they are settled. The partner team asks the manufacturer.
""",
    ),
    Chat(
        slug="numbers-notification-cost",
        kind="issue",
        item_class="calculation",
        title="Reduce the cost of text messages",
        tags=("calculation", "cost"),
        question="How much would measures 1 and 2 together save in a month? Show the calculation.",
        answer="There are 1.2 million messages a month at 0.06 EUR, which is 72,000 EUR. Measure 1 replaces the 30 % of messages to customers with the app: 360,000 x 0.06 = 21,600 EUR. Measure 2 drops the second message for the remaining 840,000, of which 25 % are second messages: 210,000 x 0.06 = 12,600 EUR. Together 34,200 EUR a month, leaving 37,800 EUR. Simply adding 25 % of all messages (18,000 EUR) would count the messages of app users twice.",
        description="""
We send 1.2 million text messages a month at 0.06 EUR each. Finance asks us to spend less than 40,000 EUR a month from the second quarter on.

**Measure 1: push instead of text.** 30 % of the messages go to customers who have our app with notifications allowed. They get a push notification instead, which costs practically nothing.

**Measure 2: one message less.** 25 % of the messages are the second one on the same day ("the courier is near", after "arrives today"). The share is the same with and without the app. We send the second one only to customers who have asked for it; according to the survey hardly anybody will.

**Measure 3: a cheaper provider** at 0.045 EUR. It has no delivery reports, which support needs to answer complaints. We do not pursue it for now.

Measures 1 and 2 apply one after the other: what has become a push notification is no longer a text message.
""",
    ),
    Chat(
        slug="contradiction-retention",
        kind="issue",
        item_class="no-clear-answer",
        title="Delete recipients' data after delivery",
        tags=("contradiction", "privacy"),
        question="For how long do we keep the recipient's phone number after delivery?",
        answer="The issue contradicts itself: the requirement says 30 days after delivery, while the table under Implementation says 90 days for the phone number. The comment on complaints (possible for 60 days) does not settle it. A good answer names both figures and recommends asking (the data protection team) instead of choosing one silently.",
        description="""
## Requirement

Recipients have no account with us, so we may keep their data only as long as the delivery needs it. Data protection asks that name, phone number and e-mail address are removed 30 days after delivery. The parcel itself stays, without them, for statistics.

## Background

Complaints are possible for 60 days after delivery. The complaint form asks for the parcel number and an e-mail address, which may differ from the one of the delivery.

## Implementation

A nightly job clears the columns of parcels whose delivery lies further back than this:

| column | days after delivery |
|---|---|
| name | 30 |
| e-mail address | 30 |
| phone number | 90 |
| signature picture | 30 |

The job handles 50,000 parcels a run and logs only numbers. Backups are kept for 35 days, so data disappears from them later by that time; this has been agreed.

## Tests

For each column: a parcel one day before and one day after its limit.
""",
    ),
    Chat(
        slug="next-steps-incident",
        kind="issue",
        item_class="lookup",
        title="Follow-up of the outage on the second Monday of May",
        tags=("incident", "action-items"),
        question="Which follow-up actions are not done yet, and which of them would have prevented the outage?",
        answer="Not done: the limit on connections for each job (platform team), the alert at 80 % of connections (platform team), and the runbook page on ending idle sessions (on-call team). Done: the larger pool for the web process was undone and the report job was changed to one connection. The limit for each job would have prevented the outage, because the report job could not have taken all connections; the alert would only have shortened it, the runbook too.",
        description="""
### What happened

From 08:02 to 08:47 UTC tracking pages answered with 500. The monthly report job opened a connection for every tenant, 480 in all, and the database allows 500. The web process found no free connection.

On-call first enlarged the web process's pool, which made it worse, and then ended the job by hand. Finding the job took 25 minutes, because nothing showed who held the connections.

### Impact

61,000 page views failed. No event was lost, as carriers sent again.

### Actions

- [x] Undo the larger pool of the web process (on-call team)
- [x] Report job uses one connection for all tenants (reports team)
- [ ] Limit the connections for each job by its database role, so that no job can take them all (platform team)
- [ ] Alert when 80 % of the connections are in use (platform team)
- [ ] Runbook page: find and end idle sessions (on-call team)

The job is mended, but any other job could do the same tomorrow until the limit for each role exists.
""",
    ),
    Chat(
        slug="audience-release-note",
        kind="issue",
        item_class="rewriting",
        title="Tracking page: show the courier's position only from five stops before",
        tags=("rewrite", "release-note"),
        question="Write a release note of at most 60 words for customers, without technical terms.",
        answer="At most 60 words, for customers: from now on the tracking page shows the courier on the map when five or fewer stops are left before yours (previously it was all day long); before that you see the expected time window, as usual. The position is updated every 30 seconds. Reason: protecting couriers' privacy, and a calmer, more reliable display. No mention of API, cache, WebSocket or feature flag.",
        description="""
Today the map on the tracking page shows the courier from the start of the tour. The works council has objected to it, and customers call the hotline when the courier drives in the "wrong" direction.

We show the position only when five stops or fewer are left before the customer's own. Until then the page shows the time window as it does now.

Technical notes:

- The tracking API returns `courier_position: null` as long as more than five stops are left. Old app versions handle null.
- The WebSocket channel is opened when the position appears; updates come every 30 s instead of every 5 s.
- The position is cached for 20 s for each tour, not for each customer.
- Feature flag `late_courier_position`, by depot; two depots for a week, then all.

Support gets a text module. The help page *Where is my parcel?* has to be changed together with the flag.
""",
    ),
    Chat(
        slug="dependencies-order",
        kind="epic",
        item_class="reasoning",
        title="Second data centre for tracking",
        tags=("dependencies", "planning"),
        question="Which work can start right away in parallel, and what is the critical path with its length in weeks?",
        answer="Network (3 weeks) and configuration without host names (4 weeks) can start right away in parallel, as neither depends on anything. The critical path is network (3), replica of the database (5), failover drill (2), opening for reads (1): 11 weeks. The path by configuration, deployment to both sites (3), then drill and opening is 4 + 3 + 2 + 1 = 10 weeks, so it has one week of slack.",
        description="""
If our only data centre fails, tracking is down until it is back. With a second one we want to be reading again after 15 minutes and writing after two hours.

| work | needs | weeks |
|---|---|---|
| N: network between the sites | - | 3 |
| C: configuration without host names | - | 4 |
| R: replica of the database at the second site | N | 5 |
| D: deployment to both sites | C | 3 |
| F: failover drill | R, D | 2 |
| O: open the second site for reads | F | 1 |

Each work has a team of its own, so whatever does not depend on one another can run at the same time.

Object storage is already replicated by the provider. The queue of carrier events lives in the database and therefore moves with it.

The drill is done twice: announced at first, then without an announcement. Only after the second one do we open the site.
""",
    ),
)
