"""Chats of class `summary`: say what the text says, shorter, whole or a part of it."""

# ruff: noqa: E501 - the texts are prose with a paragraph a line, as people write them in GitLab
from __future__ import annotations

from chat.chat import Chat

SUMMARIES = (
    Chat(
        slug="summary-scanner-freeze",
        item_class="summary",
        kind="issue",
        title="Courier app freezes when the torch is on while a code is scanned",
        tags=("mobile", "bug"),
        question="Summarise this issue in two sentences for a product manager: what couriers notice, and what is planned.",
        answer="On phones of one model series with Android 14 the courier app freezes for 8 to 20 s when a code is scanned with the torch on, so about 300 couriers who deliver in dark stairwells restart the app several times a tour. Version 7.9 lowers the camera's resolution on these phones when the torch is on, which ends the freezes in the test of 40 couriers; the proper repair waits for the new camera library in version 8.",
        description="""
**Affected:** phones of the R5 series with Android 14, which about 300 of our couriers carry. Others are fine, R5 phones with Android 13 too.

**What happens.** The courier switches the torch on and holds the phone over a parcel. The preview stops, and nothing reacts for 8 to 20 seconds. Most couriers close the app and start again; according to the telemetry 3.1 times a tour in the dark months.

**Why.** With the torch on, this camera delivers pictures in its full size, 48 megapixels, whatever we asked for. Our decoder copies each of them twice on the main thread. Without the torch it delivers the 2 megapixels that we ask for.

**What we do.** In 7.9 we ask these phones for the lowest resolution that the decoder accepts, and drop larger pictures unread. 40 couriers tested it for two weeks without a single freeze. In version 8 the new camera library decodes beside the main thread, and the special case can go.

We don't ask the manufacturer, because the model series ended last year.
""",
    ),
    Chat(
        slug="bullets-event-format",
        item_class="summary",
        kind="epic",
        title="One format for tracking events",
        tags=("status", "api"),
        question="Give the state of this epic in exactly four bullet points of at most 15 words each.",
        answer="Exactly four bullets of at most 15 words each, which cover: the format (version 3) is agreed and published since March; 7 of 11 carriers send it, two more are in test; two carriers (the two smallest) refuse, so an adapter is needed, and the integrations team builds it by September; the old formats are switched off on 31 January, and reports still read the old table and have to be moved before that.",
        description="""
Each carrier sends its events in a form of its own, and every consumer of ours knows eleven forms. We want one, version 3, and nothing else behind the receiver.

*Format.* Version 3 was agreed with the consumers in February and is published since March. There have been no changes since then.

*Carriers.* Seven of eleven send version 3. Two more are in test; they have seen no errors for a week and will be switched when their contact is back from leave. The remaining two are our smallest ones and have told us that they will not change their systems.

*Adapter.* For those two, the integrations team builds an adapter in front of the receiver. It is planned until September. It has to be kept for as long as they are our carriers.

*Consumers.* Tracking page, notifications and billing read version 3 only. Reports still read the table that is filled from the old formats.

*End.* The old formats are switched off on 31 January. Reports must have been moved by then; the reports team has planned it for November.
""",
    ),
    Chat(
        slug="one-sentence-login",
        item_class="summary",
        kind="issue",
        title="Business customers are logged out in the middle of an import",
        tags=("bug", "authentication"),
        question="Give the gist of this issue in one sentence of at most 40 words.",
        answer="One sentence of at most 40 words, which says: sessions end after 30 minutes without a click, and an import of many addresses does not count as activity, so about 50 business customers a week lose imports that run longer; the progress request is to renew the session. The rejected longer session may be left out.",
        description="""
A business customer uploads a file of addresses, watches the bar, and after half an hour finds the login page instead. The import has been broken off, and nobody says which rows were done.

Our sessions end after 30 minutes without activity. Activity is a click. The bar asks for the progress every 5 seconds, but this request was deliberately excluded, because otherwise a forgotten tab would keep the session alive for ever.

An import of 20,000 addresses takes 35 minutes. About 50 customers a week are affected; small files are done before.

Longer sessions for all were rejected by the security team.

Instead, the progress request will renew the session as long as an import of this very user is running. A forgotten tab without an import still loses its session. The import itself will become restartable, but in an issue of its own.
""",
    ),
    Chat(
        slug="management-summary-cooling",
        item_class="summary",
        kind="epic",
        title="Chilled parcels",
        tags=("planning", "cost"),
        question="Summarise this epic for the management in three sentences: the opportunity, the cost, and the decision that is needed.",
        answer="Three sentences. Opportunity: 14 food shops have asked for chilled delivery, and six of them would bring about 90,000 parcels a year with a margin of 2.10 EUR each, 189,000 EUR. Cost: once 320,000 EUR for boxes, scanners with a temperature probe and two cold rooms, and 60,000 EUR a year for washing and losses. Decision: whether the trial in two cities (80,000 EUR, six months from April) is approved by 15 February, since the cold rooms must be ordered then; without technical details of the probes and labels.",
        description="""
Food shops want to send fresh goods without a courier of their own. 14 have asked since last summer. Six of these would sign; together they expect about 90,000 parcels a year, for which we would have a margin of 2.10 EUR each.

**What is needed**

- Insulated boxes that come back, 6,000 pieces.
- Hand scanners with a temperature probe (Bluetooth, calibrated once a year). The value is written into the parcel's history with each scan.
- A cold room in two depots.
- A label colour of its own, since staff sort by eye when the belt stands still.

Boxes, scanners and rooms cost 320,000 EUR once. Washing and lost boxes come to 60,000 EUR a year.

**Trial.** Two cities, six months from April, with rented rooms and 900 boxes: 80,000 EUR of the sum above. If more than 3 % of the parcels arrive too warm, we stop.

**By when.** The rooms must be ordered by 15 February. The management has to approve the trial before that; the rest is decided after it.
""",
    ),
    Chat(
        slug="discussion-digest-plus-codes",
        item_class="summary",
        kind="issue",
        title="Shall we print plus codes on labels?",
        tags=("discussion", "labels"),
        question="Sum up the discussion in at most 80 words: the arguments on both sides and where it ended.",
        answer="At most 80 words: for printing them: in the north 8 % of addresses lead to the wrong door, the code leads to within 3 m, and couriers already use such codes privately; against: the label has no room without shrinking the barcode, which costs reading quality on old belts, and scanning a second code takes 4 s a parcel. It ended without printing: the code is shown in the courier app instead, from the position that was confirmed at the last delivery, and printing is looked at again when the belts have been replaced.",
        description="""
**Depot Tromsø:** In our area 8 % of the addresses lead couriers to a wrong door. A plus code leads them to within 3 m. Some of us write them on parcels by hand. Please print them.

**Labels team:** There is no room. We would have to make the barcode 20 % smaller.

**Sorting team:** Please don't. The belts of the old generation read today's barcode at the first attempt in 98.5 % of the cases, and a smaller one in 91 %. We measured this two years ago when the logo was to become larger.

**Depot Tromsø:** Then a second label?

**Courier app team:** Somebody has to scan it, 4 seconds for each parcel and 150 parcels a tour. We could show the code in the app without anybody printing it. We know the position of the last confirmed delivery for 83 % of the addresses.

**Depot Tromsø:** That would be enough for us, new addresses are few.

**Labels team:** When the old belts have been replaced, in two years or so, the smaller barcode is no problem, and one can think about it again.

**Courier app team:** We take it for 8.2.
""",
    ),
    Chat(
        slug="part-summary-privacy",
        item_class="summary",
        kind="epic",
        title="Camera at the loading gates",
        tags=("privacy", "hardware"),
        question="Summarise only what the epic says on data protection, in at most three sentences.",
        answer="At most three sentences: the cameras look down at the gate's floor so that no faces are to be seen, and whatever is recognised as a person is blurred in the camera before a picture leaves it; pictures without damage are deleted after 24 hours, those with damage are kept until the claim is settled, at most a year; performance of staff may not be evaluated, which is laid down in the agreement with the works council of 3 May. No word on costs, accuracy or the roll-out.",
        description="""
Damage is often found only at the recipient's, and then nobody knows where it happened. Cameras above the loading gates shall take a picture of each parcel.

**Recognition.** A model marks dents, wet spots and torn corners. In the test it found 87 % of the damage and marked 2 % of the sound parcels.

**Mounting.** 3.20 m above the floor, looking straight down. In this way one sees the parcels, and no faces. Whatever the camera recognises as a person all the same is blurred within the camera, before the picture leaves it.

**Keeping.** Pictures without damage are deleted after 24 hours. With damage they are kept until the claim is settled, for at most one year.

**Costs.** 1,400 EUR for each gate; 62 gates.

**Works council.** Agreement of 3 May: pictures and times may not be used to evaluate how staff work. The council may look at the settings at any time.

**Roll-out.** Depot Bergen first, then one depot a month.
""",
    ),
    Chat(
        slug="interviews-main-complaints",
        item_class="summary",
        kind="issue",
        title="Interviews with 24 small shops",
        tags=("research", "customers"),
        question="Summarise the three complaints that most shops named, each with the number of shops, the most frequent one first.",
        answer="First: prices for surcharges are only seen on the invoice, 17 of 24 shops. Second: collection comes at changing times, 13 shops. Third: returns are visible only after days, 11 shops. Label printer trouble (6) and the lack of an app (4) follow and are not among the three. The praise (friendly couriers, 20) is no complaint and is left out.",
        description="""
In May and June we talked to 24 shops that send 20 to 300 parcels a week. Each could name as many points as it liked.

Thirteen would like to know when the van comes. It comes between 14 and 18 h, differently each day, and somebody has to wait.

Six have trouble with label printers, mostly after updates of the browser.

Seventeen complained about surcharges. What a parcel to an island or a bulky one really costs is only to be seen on the invoice at the end of the month, when the customer has long paid.

Four miss an app. The others are content with the web page.

Twenty said by themselves that the couriers are friendly and know their business.

For eleven, returns are a black box: a parcel that comes back appears in the account only when it has arrived, often after a week. They would like to refund their customers sooner.

Two thirds compare prices with the competition at least once a year. Nobody wanted to change at the moment.
""",
    ),
    Chat(
        slug="progress-paragraph-monolith",
        item_class="summary",
        kind="epic",
        title="Take customs out of the monolith",
        tags=("status", "architecture"),
        question="Write one paragraph of at most 70 words on what has been achieved since January and what is left.",
        answer="One paragraph of at most 70 words: since January declarations for exports run in the new service for all countries, 2.1 million so far, with 0.3 % instead of 1.1 % rejected; the tariff numbers have been moved and are maintained by the customs team itself. Left are imports (rules are being collected, planned for autumn), and removing the old code, for which the archive of old declarations, which must be kept for ten years, still needs a place. The statistics for the authority were dropped from the epic.",
        description="""
### January

Goal: declarations are made in a service that the customs team can change itself, without waiting for the monolith's monthly release.

### March

Exports to Switzerland run in the new service. Rejected by the authority: 0.4 %, in the monolith 1.1 %.

### May

Exports to all countries. The tariff numbers have moved; the customs team maintains them in a table with a history, without a developer.

The monthly statistics for the authority are no longer part of this epic. The finance team makes them from the warehouse.

### August

2.1 million declarations so far, 0.3 % rejected. The switch back to the monolith has been removed.

### Open

- Imports. The rules are being collected with the brokers. Development in autumn.
- Removing the old code. It still gives access to old declarations, which have to be kept for ten years. Where this archive goes has not been decided.
""",
    ),
)
