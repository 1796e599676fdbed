"""Chats of class `rewriting`: put the text into another form for other readers."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

REWRITING = (
    Chat(
        slug="title-vague-report",
        item_class="rewriting",
        kind="issue",
        title="Problem with the export",
        tags=("rewrite", "bug"),
        question="The title says little. Suggest a better one of at most 80 characters that names who is affected and what goes wrong.",
        answer="A title of at most 80 characters that says that the CSV export of accounts with more than one currency adds amounts of different currencies into one total, such as: CSV export adds up amounts of different currencies in multi-currency accounts. Mentioning only that the export is wrong, slow or fails is not enough, since it ends without an error and single rows are right.",
        description="""
A customer's bookkeeping called us because the total under the CSV export of the invoices did not match theirs. It was 11,340.20 in our file and they had booked 9,870.20 EUR and 1,470.00 CHF.

The rows are right: each has amount and currency. The last line, however, adds up the column *amount* whatever stands in *currency*, and prints no currency at all.

I looked for others. Of 5,200 accounts 61 have invoices in more than one currency. All of them get such a total. Accounts with one currency are not affected. The PDF has a total for each currency, and so has the page, so only the CSV is wrong.

The export ends normally, there is nothing in the log.

Idea: a total line for each currency, as in the PDF. Files with a single currency would stay as they are, and nobody's import breaks.
""",
    ),
    Chat(
        slug="story-delivery-neighbour",
        item_class="rewriting",
        kind="issue",
        title="Neighbours",
        tags=("rewrite", "acceptance-criteria"),
        question="Rewrite this as one user story (As ..., I want ..., so that ...) followed by at most four acceptance criteria.",
        answer="A story such as: As a recipient I want to name a neighbour who may take my parcels, so that I need not collect them from the depot when I am out. At most four criteria, which together say: name and house number are given once in the account and apply to all later parcels until changed; only neighbours in the same street can be named; parcels with identity check or cash on delivery are never given to a neighbour; the recipient gets a message with the neighbour's name at once when a parcel was handed over. Letting the neighbour refuse in the app is explicitly left for later.",
        description="""
We had a call with eight recipients. All of them have a neighbour who takes their parcels anyway, and most are annoyed that the courier does not know it: he rings, leaves a card, and the parcel has to be collected from the depot the next day, for three of them 12 km away.

They would like to tell us once, in their account, and never again until they change it. Name and house number are enough for the couriers. Couriers asked us to allow only the same street, otherwise a tour becomes longer than planned.

Two things must not happen. Parcels with an identity check or cash on delivery must go to the recipient in person, even if a neighbour is named. And nobody wants to search for a parcel: as soon as it has been handed over, the recipient should read with whom it is.

Somebody suggested that the neighbour could refuse in the app. We leave this for later, since neighbours mostly have no account.
""",
    ),
    Chat(
        slug="table-permissions",
        item_class="rewriting",
        kind="issue",
        title="Who may do what with a held parcel",
        tags=("rewrite", "authorization"),
        question="Turn the rules into one table with a row for each role and a column for each action.",
        answer="A table with four rows (depot clerk, depot manager, support, customs) and four columns (see, release, return to sender, change the reason). Clerk: sees own depot; releases only parcels held for an unpaid fee, in the own depot; no return; no change of reason. Manager: sees own depot; releases any of the own depot except those held by customs; may return those of the own depot, also except customs; may change the reason. Support: sees all; releases none; no return; may change the reason. Customs: sees only those held by customs, in all depots; releases these; returns these; no change of the reason.",
        description="""
A parcel can be held because a fee is unpaid, because the address is incomplete, because it is damaged, or by customs. So far everybody with access to the screen can do everything. From the next release on it goes by role.

A depot clerk sees the held parcels of the own depot and may release those that are held for an unpaid fee, once it has been paid. Nothing else.

A depot manager sees those of the own depot as well and may release each of them, or return it to the sender, unless customs holds it. The manager may also change the reason, for instance from *address* to *damaged*.

Support sees the held parcels of all depots, because customers call there. Support releases and returns nothing. It may change the reason, since customers often tell what is really wrong.

Customs officers have a login of their own. They see the parcels that customs holds, wherever these lie, and nothing else. They release or return them. They do not change reasons.
""",
    ),
    Chat(
        slug="reply-double-charge",
        item_class="rewriting",
        kind="issue",
        title="Some prepaid labels were charged twice on 3 and 4 June",
        tags=("rewrite", "support"),
        question="Write a reply of at most 90 words to an affected customer. Promise nothing that this issue does not say.",
        answer="At most 90 words: some labels bought on 3 and 4 June were charged twice, through a mistake of ours; the second amount is being returned without the customer having to do anything, to the same means of payment, by 20 June at the latest; both labels' numbers exist but only the first is valid, so the second must not be used; an apology. No mention of the number of customers, of the payment service's name, or of retries and idempotency keys. No compensation and no voucher is promised, as the issue promises none.",
        description="""
Between 3 June 14:10 and 4 June 09:35 the label shop sent some payments twice. After a timeout it repeated the request with a new idempotency key instead of the old one, so that the payment service could not know that it was the same payment. 1,184 customers paid twice and got two labels.

The shop is mended since 4 June 09:35: the key is now made from the order, not from the request.

**What happens with the money.** The second amount goes back to the means of payment that was used. Customers need not do anything. The payment service carries it out in batches; it will be finished by 20 June at the latest.

**What happens with the labels.** The first label is valid. The second one was cancelled on 5 June, and a parcel that carries it would be stopped at the first sorting. So the second must not be used.

Support may answer with this text. Vouchers were discussed, but there is no decision; please do not mention them.
""",
    ),
    Chat(
        slug="changelog-rest-api",
        item_class="rewriting",
        kind="issue",
        title="Collect what changes in version 5 of the REST API",
        tags=("rewrite", "release-note", "api"),
        question="Write the changelog for users of the API, under the headings Added, Changed and Removed. Leave out what users do not notice.",
        answer="Added: the filter updated_since for GET /parcels; the field weight_source (measured or declared) of a parcel. Changed: timestamps carry an offset (+00:00) instead of no zone; pages hold at most 200 instead of 1,000 parcels, a larger per_page gives 400 and is no longer cut silently; an unknown parcel gives 404 instead of 200 with an empty body. Removed: GET /parcels/search, instead of which the filters of GET /parcels are used; the field weight_g, replaced by weight_grams since version 4. Left out: the new serialiser, the move to another repository, and the faster query.",
        description="""
Notes from the merge requests, not sorted yet.

- `GET /parcels` takes `updated_since`, so that nobody needs to read everything every night.
- New serialiser; the JSON is the same, byte for byte, except for the points below.
- Timestamps had no zone, although they were always UTC. They now end in `+00:00`.
- `per_page` was cut to 1,000 without a word. The maximum is now 200, and more than that is answered with 400.
- `GET /parcels/search` is gone. Since version 4 all its filters exist in `GET /parcels`.
- A parcel says whether its weight was measured or declared by the sender: `weight_source`.
- The API's code has moved into a repository of its own.
- An unknown parcel number used to be answered with 200 and an empty body. It is 404 now.
- `weight_g`, which stood beside `weight_grams` since version 4, is gone.
- The query behind `GET /parcels` takes half the time.
""",
    ),
    Chat(
        slug="timeline-sorting-stop",
        item_class="rewriting",
        kind="issue",
        title="Sorting belt 2 stood still on 11 September",
        tags=("incident", "timeline"),
        question="List what happened as a timeline in UTC, oldest first. The report uses local time, which was UTC+2.",
        answer="All times minus two hours, in order: 02:40 UTC the certificate of the belt's controller expires; 03:15 first parcels are diverted to belt 1 by hand; 03:20 the shift lead calls on-call; 03:50 on-call sees the refused connections and suspects the firewall; 04:30 the firewall is ruled out and the expired certificate found; 04:55 the new certificate is installed; 05:05 the belt runs; 08:00 the backlog is gone. The expiry comes first although the report mentions it last.",
        description="""
All times are local (UTC+2).

At 05:15 staff began to carry parcels to belt 1 by hand because belt 2 did not take any more. The shift lead called on-call five minutes later. At 05:50 on-call saw in the log that the controller refused the sorting service's connections, and suspected the change of the firewall on the day before.

That was wrong. At 06:30 the network team could show that packets went through, and somebody looked at the certificate: it had expired. A new one was made and installed at 06:55, and at 07:05 the belt was running again. The backlog of 8,200 parcels was gone at 10:00; 640 of them missed their tour.

The certificate's validity had ended at 04:40. The belt went on until its open connections were closed by the nightly restart of the sorting service, which is why nobody connected the two.

**To do:** expiry dates of all 31 controllers into the monitoring, with a warning 30 days before.
""",
    ),
    Chat(
        slug="test-cases-pickup-code",
        item_class="rewriting",
        kind="issue",
        title="Pick-up codes for parcel shops",
        tags=("test-cases", "security"),
        question="Derive test cases from the rules, as a table with the columns situation and expected result. One row for each rule.",
        answer="A table with a row for each of these rules: right code within 7 days: the parcel is handed out and the code is used up; the same code a second time: refused as used; code after 7 days: refused as expired, and the parcel goes back; three wrong codes for a parcel within an hour: input for this parcel is locked for an hour; right code while locked: refused as locked; a new code requested by the recipient: the old one is refused, the seven days do not start again; code of a parcel that lies in another shop: refused, with the name of the right shop. Small letters count like capitals and give the same result.",
        description="""
The recipient gets a code of six characters and shows or tells it in the parcel shop, where it is typed in.

Rules:

1. With the right code the parcel is handed out. The code is then used up.
2. A used code is refused with the words *already collected*.
3. A code is valid for 7 days from the message on. After that it is refused as expired, and the parcel goes back with the next tour.
4. After three wrong codes for the same parcel within an hour, input for this parcel is locked for an hour. During that time even the right code is refused.
5. The recipient may request a new code. The old one is invalid from then on. The 7 days do not begin anew.
6. If the parcel lies in another shop, the code is refused, and the screen shows the name of the right shop.
7. Small letters are accepted as capitals. The characters 0, O, 1 and I do not occur.

Not included: handing out to somebody else with a power of attorney. Staff do this with the existing form.
""",
    ),
    Chat(
        slug="faq-from-minutes",
        item_class="rewriting",
        kind="issue",
        title="New rules for bulky parcels",
        tags=("rewrite", "support"),
        question="Turn this into an FAQ for customers with exactly four questions and short answers. Leave out what concerns only us.",
        answer="Exactly four questions with answers, in the customers' words, which together cover: what counts as bulky (longest side above 120 cm, or longest plus shortest above 150 cm; round ones always); what it costs (6 EUR, from 1 March); what happens if a bulky parcel was not booked as one (it is delivered, and 9 EUR are charged afterwards, with a photo); and which bulky parcels are not taken at all (above 31.5 kg, or longer than 200 cm). Left out: the belts, the share of 3 %, the scanner's firmware and the staff's training.",
        description="""
From 1 March on we charge for bulky parcels. They are 3 % of all, but stop the belts four times a day on average.

A parcel is bulky if its longest side is above 120 cm, or if the longest and the shortest side together are above 150 cm. Whatever is round or rolls is bulky in any case, tyres for instance.

The surcharge is 6 EUR if it is booked. If it isn't, we deliver the parcel all the same, and charge 9 EUR afterwards. A photo from the measuring gate goes with the invoice, so that there is no argument about it.

Not taken at all: above 31.5 kg, or longer than 200 cm. Such parcels stay in the shop. Those that are found at the belt go back, at the sender's expense.

The measuring gates need firmware 3.1 by then. Staff in the depots are trained in February. Parcel shops get a measuring tape and a poster.
""",
    ),
)
