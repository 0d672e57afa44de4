package demo

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/atender/atender/models/contact"
	"github.com/atender/atender/models/conversation"
	"github.com/atender/atender/models/wire"
)

// stories are the conversations. The times in them count from now.
func stories() []story {
	return []story{
		{
			reference: "demo-1001", subject: "Where is my order 4521?", channel: "email",
			contact: contact.Identity{Email: "noor@customers.example", Name: "Noor Haddad", Phone: "+4520123456"},
			message: "Hello, my order 4521 should have arrived on Monday. Can you see where it is?",
			tags:    []string{"delivery"}, customFields: map[string]any{"order_id": "4521"},
		},
		{
			reference: "demo-1002", subject: "The lamp arrived broken", channel: "webchat",
			contact: contact.Identity{Email: "mateo@customers.example", Name: "Mateo Silva"},
			message: "The glass is in pieces. I have photos.", tags: []string{"damage", "vip"},
			customFields: map[string]any{"order_id": "4498"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return first(
					func() error {
						to := conversation.Assign{AssigneeID: wire.Some(d.agent.ID), TeamID: wire.Some(d.support.ID)}
						return d.do(ctx, d.lead, id, to)
					},
					func() error {
						return d.reply(ctx, d.agent, id, "I am sorry about that. A new one leaves our warehouse today.", false)
					},
				)
			},
		},
		{
			reference: "demo-1003", subject: "Refund for the returned chair", channel: "email",
			contact: contact.Identity{Email: "ingrid@customers.example", Name: "Ingrid Berg"},
			message: "I sent the chair back last week. When will I see the money?", tags: []string{"refund"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return first(
					func() error { return d.do(ctx, d.lead, id, conversation.Assign{TeamID: wire.Some(d.billing.ID)}) },
					func() error {
						return d.do(ctx, d.lead, id, conversation.Snooze{Until: time.Now().Add(24 * time.Hour)})
					},
				)
			},
		},
		{
			reference: "demo-1004", subject: "Please call me back", channel: "phone",
			contact: contact.Identity{Email: "kwame@customers.example", Name: "Kwame Boateng", Phone: "+4531987654"},
			message: "Call me in a moment, I am on a train.",
			then: func(ctx context.Context, d *desk, id uuid.UUID) error { // wakes while the user looks
				return d.do(ctx, d.agent, id, conversation.Snooze{Until: time.Now().Add(2 * time.Minute)})
			},
		},
		{
			reference: "demo-1005", subject: "Do you ship to the Faroe Islands?", channel: "messenger",
			contact: contact.Identity{Email: "rakul@customers.example", Name: "Rakul Joensen"},
			message: "And what would it cost?", tags: []string{"question"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return d.reply(ctx, d.agent, id, "We do, for 99 kr.", true)
			},
		},
		{
			reference: "demo-1006", subject: "Invoice for March", channel: "email",
			contact: contact.Identity{Email: "chen@customers.example", Name: "Chen Wei"},
			message: "Our accountant needs the invoice for March.", tags: []string{"invoice"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error { // archived, and continued by a successor
				return first(
					func() error { return d.reply(ctx, d.lead, id, "It is attached.", true) },
					func() error { return d.do(ctx, d.lead, id, conversation.Archive{}) },
					func() error { return d.customer(ctx, id, "Thank you. Could we have April, too?") },
				)
			},
		},
		{
			reference: "demo-1007", subject: "طلبي لم يصل بعد", channel: "whatsapp",
			contact: contact.Identity{Email: "layla@customers.example", Name: "ليلى منصور"},
			message: "مرحبا، هل يمكنكم التحقق من الطلب رقم ٤٥٣٠؟", tags: []string{"delivery"},
		},
		{
			reference: "demo-1008", subject: "Which sofa bed for a small flat?", channel: "webchat",
			contact: contact.Identity{Email: "tomas@customers.example", Name: "Tomáš Novák"},
			message: "I have 2.1 m × 3.4 m and guests twice a year. What would you take?", tags: []string{"advice"},
			customFields: map[string]any{"budget": "6000 kr"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error { // longer than a page; the customer has the last word
				if err := d.do(ctx, d.lead, id, conversation.Assign{AssigneeID: wire.Some(d.agent.ID)}); err != nil {
					return err
				}
				for i := range 30 {
					q := advice[i%len(advice)]
					if err := d.reply(ctx, d.agent, id, q.reply, false); err != nil {
						return err
					}
					if err := d.customer(ctx, id, q.question); err != nil {
						return err
					}
				}
				return d.note(ctx, d.agent, id, "Measures the flat on Saturday; the showroom keeps the grey one until Monday.")
			},
		},
		{
			reference: "demo-1009", channel: "email",
			subject: "Fwd: Re: Re: Reklamation vedrørende leveringsbekræftelse, ordrenummer 4533, samt spørgsmål om " +
				"efterlevering af reservedele til spisebordsstolenes armlænsbetræk",
			contact: contact.Identity{
				Email: "maximiliane.wolfeschlegelsteinhausenbergerdorff@ein-sehr-langer-firmenname.customers.example",
				Name:  "Maximiliane Henriette Wolfeschlegelsteinhausenbergerdorff-Andersen",
			},
			message: "Siehe unten.\n\nDonaudampfschifffahrtsgesellschaftskapitänskajütentürschlüsselanhänger" +
				"donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
			tags: []string{"delivery", "spare-parts", "waiting-for-the-warehouse-in-frederikshavn"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return first(
					func() error { return d.do(ctx, d.lead, id, conversation.Assign{TeamID: wire.Some(d.support.ID)}) },
					func() error { return d.reply(ctx, d.lead, id, "Die Teile gehen morgen in die Post.", false) },
				)
			},
		},
		{
			reference: "demo-1010", subject: "Your newsletter looks broken", channel: "email",
			contact: contact.Identity{Email: "grace@customers.example", Name: "Grace Okafor"},
			message: "This is what I get. Is it meant to look like that?", html: &newsletter, tags: []string{"feedback"},
		},
		{
			reference: "demo-1011", subject: "ההזמנה הגיעה פעמיים", channel: "sms",
			contact: contact.Identity{Email: "noa@customers.example", Name: "נועה לוי", Phone: "+972501234567"},
			message: "קיבלתי את order 4540 פעמיים (2). להחזיר אחת?", tags: []string{"returns"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return d.reply(ctx, d.agent, id, "כן, תודה! תווית ההחזרה בדרך אליך.", false)
			},
		},
		{
			reference: "demo-1012", subject: "Thank you!", channel: "email",
			contact: contact.Identity{Email: "jonas@customers.example", Name: "Jonas Lind"},
			message: "The table is wonderful.", tags: []string{"feedback"},
			then: func(ctx context.Context, d *desk, id uuid.UUID) error {
				return first(
					func() error { return d.reply(ctx, d.agent, id, "That makes our day.", true) },
					func() error { return d.do(ctx, d.lead, id, conversation.Archive{}) },
				)
			},
		},
	}
}

// advice is what agent and customer say in turn in the long conversation.
var advice = []struct{ reply, question string }{
	{"The Lervik folds out to 1.4 m and needs 20 cm behind it.", "And if the wall is not quite straight?"},
	{"Then keep 25 cm; its feet are adjustable.", "Does the cover come off for washing?"},
	{"It does, 40 °C. https://shop.example/lervik#care has the details.", "My cat will have opinions about the fabric."},
	{"The bouclé is the one cats leave alone, mostly.", "Could I see it somewhere before I decide?"},
	{"In the showroom in Aarhus, every day until five.", "What would delivery to the third floor cost?\n\nThere is no lift."},
}

// newsletter is HTML as customers forward it: tables, styles, an image that is elsewhere and tells when it was seen.
var newsletter = `<html><head><style>td{font-family:Georgia}</style></head><body bgcolor="#f4efe6">
<table width="600" align="center" cellpadding="16"><tr><td bgcolor="#27424f" style="color:#ffffff"><h1>Spring sale</h1></td></tr>
<tr><td><img src="https://images.shop.example/newsletter/spring.png?recipient=grace" width="560" height="180"
alt="A chair in the sun"><p>Dear <b>{FIRSTNAME}</b>,</p>
<p>everything for your balcony is <span style="color:#b3261e">20 %</span> off.</p>
<ul><li>Chairs</li><li>Tables</li><li>Cushions</li></ul>
<p><a href="https://shop.example/spring">To the sale</a> · <a href="https://shop.example/unsubscribe">Unsubscribe</a></p>
<script>document.title = "newsletters bring such things, too"</script></td></tr></table></body></html>`
