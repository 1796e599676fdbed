"""Chats of class `no-clear-answer`: the text does not hold it, contradicts itself, or the question assumes what is not so."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

NO_CLEAR_ANSWER = (
    Chat(
        slug="unanswerable-approver",
        item_class="no-clear-answer",
        kind="issue",
        title="Allow SVG logos on labels",
        tags=("unanswerable", "labels"),
        question="Who approved this change, and on which day?",
        answer="The text does not say. It states that the print team has no concerns and that the security team wants scripts removed before a logo is stored, but names neither an approval nor a person nor a day. A good answer says so, may mention these two statements, and does not turn them into an approval.",
        description="""
Senders can have their logo printed on labels. So far it has to be a PNG, and most of them look blurred because they come from web pages. Senders ask for SVG.

**Print team:** no concerns. The printers get a picture with 300 dpi anyway; whether we make it from a PNG or an SVG makes no difference to them.

**Security team:** an SVG can contain scripts and links to other servers. Remove both before it is stored, and show it in the account only as the converted picture.

**Effort:** three days, of which one is for the conversion of logos with missing fonts.

Limits: 200 kB, at most 4:1 in width to height, no animation.

Senders who have a PNG keep it until they upload something else.
""",
    ),
    Chat(
        slug="contradiction-attachment-size",
        item_class="no-clear-answer",
        kind="issue",
        title="Attach documents to a claim",
        tags=("contradiction", "limits"),
        question="How large may an attached document be at most?",
        answer="The issue contradicts itself: under What customers see it says 10 MB for each document, whereas the table of checks refuses a document above 8 MB. Neither is marked as newer or as binding. A good answer gives both figures with their places and says that this has to be settled; the 25 MB are the limit of a whole claim and no answer to the question.",
        description="""
A claim needs an invoice and often a photo of the damage. Customers send them by e-mail today, and somebody copies them over.

### What customers see

On the page of the claim there is a field for documents. Up to five can be attached, PDF, PNG or JPEG, each up to 10 MB. The page says so before one chooses a file.

### Checks on the server

| check | answer |
|---|---|
| type, by content and not by name | 415 |
| one document above 8 MB | 413 |
| the whole claim above 25 MB | 413 |
| more than five documents | 400 |
| virus found | 422, the document is not stored |

### Storage

Documents lie in the claims storage, encrypted, until the claim has been closed for three years. The virus scanner gets each document before anybody can open it; until then the page shows *being checked*.
""",
    ),
    Chat(
        slug="premise-decided-vendor",
        item_class="no-clear-answer",
        kind="epic",
        title="Electric vans: system for charging",
        tags=("false-premise", "comparison"),
        question="Why did we choose vendor B's charging system?",
        answer="No choice has been made: the epic says that the decision follows after the trial in depot Lillehammer, which ends in October. Vendor B is only ahead in one of three points (price); A is ahead in load balancing, and both are equal in support. A good answer corrects the assumption instead of giving reasons for a choice.",
        description="""
From next year on 60 of our vans will be electric. They charge at night in the depots. Without control all of them start at 18:30, and the connection of most depots is not made for that.

We compare two systems.

- **Price.** Vendor B costs 11 EUR for each charging point and month, vendor A 14 EUR.
- **Load balancing.** Vendor A takes into account when each van leaves. Vendor B distributes evenly, so that early vans may not be full.
- **Support.** Both offer somebody on the phone from 5 to 23 h. References of both were content.

Depot Lillehammer tries vendor B since May with eight vans, and vendor A since July with another eight. The trial ends in October. We decide after that, together with the building team, which has to lay the cables.

If neither fits, we could stagger the charging with simple timers. It would be enough for depots with fewer than six vans.
""",
    ),
    Chat(
        slug="premise-leak-fixed",
        item_class="no-clear-answer",
        kind="issue",
        title="Memory of the label service grows until it is restarted",
        tags=("false-premise", "bug"),
        question="How was the memory leak fixed?",
        answer="It was not fixed: the cause is still unknown. So far there is only a workaround, a restart of each instance every night, and two suspicions: the font cache was ruled out, and the PDF library's update is still to be tried. A good answer says that the leak remains and does not present the restart as a fix.",
        description="""
The label service uses 400 MB after the start and about 2 GB after three days. At 2 GB it is killed, and some labels have to be printed again.

**Since May:** every instance is restarted at night, one after another. Since then it has not been killed any more. The growth is the same.

**Font cache.** It was the first suspicion, since it never drops anything. We limited it to 50 MB; memory grows just as fast. So it isn't that. The limit stays, it does no harm.

**PDF library.** Its release notes mention a leak with embedded pictures, fixed in 9.2. We have 8.7. The update changes line heights, and all 140 templates would have to be looked at.

**Measured:** after 10,000 labels without a logo memory grows by 30 MB, with logo by 210 MB.

Next: try the update with the ten most used templates in staging.
""",
    ),
    Chat(
        slug="missing-after-figure",
        item_class="no-clear-answer",
        kind="issue",
        title="Fewer calls about parcels in customs",
        tags=("unanswerable", "statistics"),
        question="By how much did the number of calls fall after the new page was introduced?",
        answer="This cannot be said from the text: it has the figure before (1,900 calls a week in February) and the goal (below 1,200), but no figure from after the introduction on 2 May; the count of May is announced and not there yet. The page's 22,000 visits say nothing about calls. A good answer does not compute the difference to the goal as if it had been reached.",
        description="""
Parcels from outside the EU wait for customs for two days on average, some for two weeks. During this time the tracking page said *in transit*. In February 1,900 calls a week were about that, more than about anything else.

On 2 May the new page went live. It shows the steps of customs, what is missing (often the invoice), and a button for uploading it. In the first two weeks the page was opened 22,000 times, and 3,100 invoices were uploaded.

The goal are fewer than 1,200 calls a week.

The hotline counts reasons for calls once a month, by hand, from a sample. The count of May comes in the second week of June; please enter it here.

The page exists in two languages. Three more follow when we know that it helps.
""",
    ),
    Chat(
        slug="contradiction-go-live",
        item_class="no-clear-answer",
        kind="epic",
        title="New price list for islands",
        tags=("contradiction", "schedule"),
        question="From which day on does the new price list apply?",
        answer="The epic gives two days: by the introduction the list applies from 1 September, but the checklist says that the prices are switched over on 15 September and that customers are told four weeks before, by 18 August, which fits the 15th only. Nothing says which one is valid. A good answer names both and the hint, and advises asking the pricing team instead of choosing.",
        description="""
Transport to the islands has become more expensive, by 18 % on average. So far we have borne this ourselves. The new price list, which applies from 1 September, passes two thirds of it on.

**Zones.** Instead of one island zone there are three: with a bridge, with a daily ferry, with a ferry less often.

**Contracts.** Customers with a fixed price keep it until their contract ends. These are 210.

**Checklist**

- [x] Prices agreed by the pricing team
- [x] Zones of all 412 postcodes
- [ ] Letter to customers, by 18 August: the general terms demand four weeks
- [ ] Price calculator on the web page
- [ ] Switch over the prices in billing, 15 September, at night
- [ ] Hotline has a text

After three months we look at how many parcels to the islands have gone to the competition. Above 10 % we talk about zone three again.
""",
    ),
    Chat(
        slug="ambiguous-new-depot",
        item_class="no-clear-answer",
        kind="issue",
        title="Opening hours on the depot pages",
        tags=("ambiguous", "web"),
        question="When does the new depot open on Saturdays?",
        answer="The question is not clear, because the text has two new depots: Bodø South, which is open on Saturdays from 9 to 13, and Alta, which stays closed on Saturdays until the end of the year and then opens from 10 to 12. A good answer gives both, or asks which one is meant; giving only one of them as the new depot is wrong.",
        description="""
The pages of the depots still show the hours of last year. These are the changes; please enter all of them and check the time zone while doing so.

| depot | Monday to Friday | Saturday |
|---|---|---|
| Bergen | 7 to 19 | 8 to 14 |
| Bodø | closed, replaced by Bodø South | – |
| Bodø South (new) | 8 to 18 | 9 to 13 |
| Tromsø | 7 to 18 | 9 to 13 |
| Alta (new) | 9 to 17 | closed |

Alta begins with a small team. From January on it will also open on Saturdays, from 10 to 12.

The page of Bodø should lead to the one of Bodø South for at least a year, because it is linked from many shops.

On holidays all depots are closed. The list of holidays is in the calendar already.
""",
    ),
    Chat(
        slug="elsewhere-linked-issue",
        item_class="no-clear-answer",
        kind="issue",
        title="Show the price in the customer's currency",
        tags=("unanswerable", "billing"),
        question="Which rounding rule do we use for Swiss francs?",
        answer="The issue does not contain the rule. It says only that amounts are rounded by the rules of the payment issue, to which it refers, and that francs are the odd case there. A good answer says that one has to look there, and does not present the usual rule (to 0.05) as ours.",
        description="""
Customers from abroad see prices in euros and are surprised by what their bank books. In future the page shows the price in their currency as well, small, beside the one in euros. Paying remains in euros for now.

- Rates come once a day from the central bank, at 16:00. On weekends Friday's rate is used.
- The currency follows from the country of the billing address, and can be changed in the account.
- The amount is marked with *about*, because the bank's rate differs.
- Amounts are rounded by the rules in the issue *Pay in local currency*, so that both will show the same one day. Francs are the odd case there; take care to use the same function.

Supported at first: SEK, NOK, DKK, PLN, CHF, GBP.

If there is no rate for a currency, only the price in euros is shown.
""",
    ),
    Chat(
        slug="contradiction-two-minutes",
        item_class="no-clear-answer",
        kind="issue",
        title="Retry policy for carrier requests",
        tags=("contradiction", "discussion"),
        question="What was agreed on the number of retries?",
        answer="There are two notes of the same meeting, and they differ: the integrations team wrote down three retries within 5 minutes, the platform team five retries within 15 minutes. Both agree only that there are no retries after a 4xx answer and that waiting times double. A good answer says that the number is disputed, names both, and suggests clearing it up between the two teams.",
        description="""
When a carrier doesn't answer a request for a label, we try again at once, up to 20 times. This has made short disturbances long ones. On Monday both teams sat together to find something better.

---

**Integrations team, note of Monday's meeting:** We agreed on three retries within 5 minutes, the waiting time doubles. No retries after 4xx, since the same request will not become right. After the last one the label is marked as failed and the customer sees it at once.

**Platform team, note of Monday's meeting:** As agreed: up to five retries, spread over 15 minutes, with doubling waiting times. 4xx is final. In addition we limit retries to 10 % of all requests for each carrier, so that they can't pile up.

---

**Labels team:** For us either is fine. Please put the figure into the configuration and not into the code, as for the other limits.

Planned for the release after next.
""",
    ),
    Chat(
        slug="prediction-peak-december",
        item_class="no-clear-answer",
        kind="issue",
        title="Load test of the new booking service",
        tags=("unanswerable", "capacity"),
        question="Will the booking service withstand the load on the strongest day in December?",
        answer="It cannot be decided from the text. The test shows that it handles 900 bookings a second with answers below 300 ms and that the database limits it at 1,050. But the expected load in December is not given: the forecast is still being made by the sales team, and last year's figures come from the old service, which counted drafts as well. A good answer gives the measured limits, says which figure is missing, and gives no yes or no.",
        description="""
The new booking service replaces the old one in September. We wanted to know how much it can bear before December comes.

**Set-up.** Same machines as production, copy of the data of May, requests recorded in April and played faster.

**Result**

| bookings a second | P95 | errors |
|---|---|---|
| 300 | 90 ms | 0 |
| 600 | 140 ms | 0 |
| 900 | 280 ms | 0 |
| 1,050 | 2,400 ms | 0.1 % |
| 1,200 | timeouts | 31 % |

At 1,050 the database's processor is fully used. More instances of the service do not help beyond that; a larger database machine would, for 700 EUR a month.

**December.** The sales team is working on the forecast. The figures of last December are from the old service. It counted every saved draft as a booking, and nobody knows how many of them there were.
""",
    ),
)
