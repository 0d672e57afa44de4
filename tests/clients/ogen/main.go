// Command ogen is a program of an API user's, on the client that ogen generates from the served document. It makes a
// journey through the API and ends with an error at the first thing that is not as the document says.
//
//	ATENDER_KEY=sa_live_… ogen URL RECEIVER
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/ogen-go/ogen/ogenerrors"

	"atender.example/ogen/client"
)

// patience is how long the program waits for what happens by itself, such as a deadline that passes.
const patience = time.Minute

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2], os.Getenv("ATENDER_KEY")); err != nil {
		fmt.Fprintln(os.Stderr, "ogen:", err)
		os.Exit(1)
	}
	fmt.Println("done")
}

// key is how the program says who it is.
type key string

func (k key) Key(context.Context, client.OperationName) (client.Key, error) {
	return client.Key{Token: string(k)}, nil
}

func (key) AgentSession(context.Context, client.OperationName) (client.AgentSession, error) {
	return client.AgentSession{}, ogenerrors.ErrSkipClientSecurity
}

func (key) DockSessionToken(context.Context, client.OperationName) (client.DockSessionToken, error) {
	return client.DockSessionToken{}, ogenerrors.ErrSkipClientSecurity
}

// is takes the answer that is wanted out of those that there may be.
func is[T any](answer any, err error) (wanted T, _ error) {
	if err != nil {
		return wanted, err
	}
	wanted, ok := answer.(T)
	if !ok {
		return wanted, fmt.Errorf("the answer is %T: %+v", answer, answer)
	}
	return wanted, nil
}

// journey is what the program does, one step after the other.
type journey struct {
	*client.Client
	receiver     string
	webhook      client.Subscription
	conversation client.Conversation
}

func run(ctx context.Context, url, receiver, secret string) error {
	c, err := client.NewClient(url, key(secret))
	if err != nil {
		return err
	}
	j := &journey{Client: c, receiver: receiver}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"deadlines", j.deadlines}, {"webhook", j.subscribe}, {"conversation", j.create}, {"message", j.post},
		{"list", j.list}, {"change", j.change}, {"error", j.refused}, {"timeline", j.timeline},
		{"events", j.events}, {"deliveries", j.deliveries},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// deadlines makes a policy whose first reply is due within seconds, for everything.
func (j *journey) deadlines(ctx context.Context) error {
	policy, err := is[*client.SLAPolicyHeaders](j.CreateSlaPolicy(ctx, &client.NewSLAPolicy{
		Name: "Standard", IgnoreOfficeHours: client.NewOptBool(true),
		Targets: client.SLATargets{FirstReply: client.NewOptTargets(client.Targets{
			NormalTargetSeconds: 1, HighTargetSeconds: 2, UrgentTargetSeconds: 3,
		})},
	}, client.CreateSlaPolicyParams{}))
	if err != nil {
		return err
	}
	_, err = is[*client.SLAAssignmentHeaders](j.CreateSlaAssignment(ctx,
		&client.NewSLAAssignment{PolicyId: policy.Response.ID}, client.CreateSlaAssignmentParams{}))
	return err
}

func (j *journey) subscribe(ctx context.Context) error {
	made, err := is[*client.SubscriptionHeaders](j.CreateWebhook(ctx, &client.NewSubscription{
		Name: "CRM", URL: j.receiver, Events: client.SubscribedEvents{client.SubscribedEventsItem_},
	}, client.CreateWebhookParams{}))
	if err != nil {
		return err
	}
	j.webhook = made.Response
	if !j.webhook.Secret.IsSet() {
		return errors.New("a new webhook comes without its secret")
	}
	return nil
}

// create makes two conversations with a first message and every kind of custom field.
func (j *journey) create(ctx context.Context) error {
	fields := client.CustomFields{
		"order_id": client.NewStringCustomFieldsItem("4521"), "amount": client.NewFloat64CustomFieldsItem(49.9),
		"paid": client.NewBoolCustomFieldsItem(true), "coupon": client.NewNullCustomFieldsItem(struct{}{}),
	}
	for _, reference := range []string{"order-2", "order-1"} {
		made, err := is[*client.CreateInboundConversationCreatedHeaders](j.CreateOutboundConversation(ctx,
			&client.NewOutboundConversation{
				ExternalReference: reference, Subject: "Where is my order?",
				Contact: client.NewContact{
					Email: "ada@example.com", Name: client.NewOptString("Ada"),
					ExternalId: client.NewOptString("customer-1"), Phone: client.NewOptString("+44 20 7946 0958"),
				},
				OutboundContext: client.NewOptOutboundContext(client.OutboundContext{
					OriginalMessage: client.NewOptString("It has not come."),
				}),
				Tags: []string{"vip"}, CustomFields: client.NewOptCustomFields(fields),
			}, client.CreateOutboundConversationParams{}))
		if err != nil {
			return err
		}
		j.conversation = made.Response
	}
	read, err := is[*client.GetConversationOKHeaders](j.GetConversation(ctx, client.GetConversationParams{
		ID: j.conversation.ID, Include: client.NewOptString("messages"),
	}))
	if err != nil {
		return err
	}
	for name, value := range fields {
		if got := read.Response.CustomFields[name]; got != value {
			return fmt.Errorf("custom field %s was %+v and is %+v", name, value, got)
		}
	}
	switch c := read.Response; {
	case len(c.Messages) != 1 || c.Messages[0].Text.Value != "It has not come.":
		return fmt.Errorf("its messages are %+v", c.Messages)
	case c.Contact.ExternalId.Value != "customer-1" || c.Contact.Phone.Value != "+442079460958":
		return fmt.Errorf("its contact is %+v", c.Contact)
	case c.SLA.Null || len(c.SLA.Value.Metrics) != 1:
		return fmt.Errorf("its clocks are %+v", c.SLA)
	}
	return nil
}

// post adds a note twice with one Idempotency-Key, which makes it one.
func (j *journey) post(ctx context.Context) error {
	params := client.PostMessageParams{ID: j.conversation.ID, IdempotencyKey: client.NewOptString(uuid.NewString())}
	var ids []uuid.UUID
	for range 2 {
		posted, err := is[*client.PostMessageCreatedHeaders](j.PostMessage(ctx, &client.NewMessage{
			Direction: client.NewOptDirection(client.DirectionNote), Text: client.NewOptString("She called."),
		}, params))
		if err != nil {
			return err
		}
		if posted.IdempotencyReplayed.IsSet() != (len(ids) == 1) {
			return fmt.Errorf("answer %d says of a replay %+v", len(ids)+1, posted.IdempotencyReplayed)
		}
		ids = append(ids, posted.Response.ID)
	}
	if ids[0] != ids[1] {
		return fmt.Errorf("two messages: %v", ids)
	}
	return nil
}

// list reads the conversations a page at a time.
func (j *journey) list(ctx context.Context) error {
	params := client.ListConversationsParams{
		Limit: client.NewOptInt(1), Sort: client.NewOptListConversationsSort(client.ListConversationsSortCreatedAt),
	}
	var references []string
	for {
		page, err := is[*client.ConversationPage](j.ListConversations(ctx, params))
		if err != nil {
			return err
		}
		for _, c := range page.Data {
			references = append(references, c.ExternalReference.Value)
		}
		if page.NextCursor.Null {
			break
		}
		params.Cursor = client.NewOptString(page.NextCursor.Value)
	}
	if !slices.Equal(references, []string{"order-2", "order-1"}) {
		return fmt.Errorf("they are %v", references)
	}
	return nil
}

// change renames the conversation, if it is what was read, which it is no more the second time.
func (j *journey) change(ctx context.Context) error {
	read, err := is[*client.GetConversationOKHeaders](
		j.GetConversation(ctx, client.GetConversationParams{ID: j.conversation.ID}))
	if err != nil {
		return err
	}
	params := client.UpdateConversationParams{ID: j.conversation.ID, IfMatch: read.ETag}
	subject := &client.ConversationChange{Subject: client.NewOptString("Where is my parcel?")}
	changed, err := is[*client.GetConversationOKHeaders](j.UpdateConversation(ctx, subject, params))
	if err != nil {
		return err
	}
	if changed.Response.Subject != subject.Subject.Value || changed.Response.Version <= read.Response.Version {
		return fmt.Errorf("it is %+v", changed.Response)
	}
	subject.Subject.Value = "Too late"
	_, err = is[*client.UpdateConversationPreconditionFailed](j.UpdateConversation(ctx, subject, params))
	return err
}

// refused asks for what there is already, and for what there is not.
func (j *journey) refused(ctx context.Context) error {
	again, err := is[*client.CreateOutboundConversationConflict](j.CreateOutboundConversation(ctx,
		&client.NewOutboundConversation{
			ExternalReference: "order-1", Subject: "Where is it?", Contact: client.NewContact{Email: "ada@example.com"},
		}, client.CreateOutboundConversationParams{}))
	if err != nil {
		return err
	}
	if again.Error.Code != client.ErrorCodeEXTERNALREFERENCEEXISTS {
		return fmt.Errorf("the code is %s", again.Error.Code)
	}
	id := string(again.Error.Details.Value["conversationId"])
	if id != fmt.Sprintf("%q", j.conversation.ID) {
		return fmt.Errorf("the details name %s, not %s", id, j.conversation.ID)
	}
	lost, err := is[*client.NotFoundHeaders](j.GetConversation(ctx, client.GetConversationParams{ID: uuid.New()}))
	if err == nil && lost.Response.Error.Code != client.ErrorCodeNOTFOUND {
		err = fmt.Errorf("the code is %s", lost.Response.Error.Code)
	}
	return err
}

// timeline waits until the deadlines have passed: first the warnings, then the breach.
func (j *journey) timeline(ctx context.Context) error {
	return eventually(ctx, func() error {
		page, err := is[*client.TimelinePage](j.ListTimeline(ctx, client.ListTimelineParams{ID: j.conversation.ID}))
		if err != nil {
			return err
		}
		var kinds []client.TimelineKind
		for _, entry := range page.Data {
			kinds = append(kinds, entry.Kind)
		}
		for _, kind := range []client.TimelineKind{
			client.TimelineKindCreated, client.TimelineKindNoteAdded, client.TimelineKindEdited,
			client.TimelineKindSLAWarning, client.TimelineKindSLABreached,
		} {
			if !slices.Contains(kinds, kind) {
				return fmt.Errorf("there is no %s in %v", kind, kinds)
			}
		}
		return nil
	})
}

// events reads the feed to its end.
func (j *journey) events(ctx context.Context) error {
	params := client.ListEventsParams{Limit: client.NewOptInt(2)}
	types := map[client.EventType]int{}
	for {
		page, err := is[*client.EventPage](j.ListEvents(ctx, params))
		if err != nil {
			return err
		}
		for _, e := range page.Data {
			if e.Type != e.Payload.Event || len(e.Payload.Data) == 0 {
				return fmt.Errorf("an event of type %s says %+v", e.Type, e.Payload)
			}
			types[e.Type]++
		}
		if !page.HasMore {
			break
		}
		params.After = client.NewOptString(page.NextCursor)
	}
	if types[client.EventTypeConversationCreated] != 2 || types[client.EventTypeContactCreated] != 1 ||
		types[client.EventTypeSLABreached] == 0 {
		return fmt.Errorf("they are %v", types)
	}
	return nil
}

// deliveries waits until one has succeeded, and reads what was sent.
func (j *journey) deliveries(ctx context.Context) error {
	return eventually(ctx, func() error {
		page, err := is[*client.DeliveryPage](j.ListDeliveries(ctx, client.ListDeliveriesParams{
			ID: j.webhook.ID, Status: client.NewOptDeliveryStatus(client.DeliveryStatusDelivered),
		}))
		if err != nil {
			return err
		}
		if len(page.Data) == 0 {
			return errors.New("none is delivered")
		}
		detail, err := is[*client.DeliveryDetail](j.GetDelivery(ctx,
			client.GetDeliveryParams{ID: j.webhook.ID, DeliveryId: page.Data[0].ID}))
		if err == nil && detail.Payload.Value.Event != page.Data[0].Event {
			err = fmt.Errorf("the payload of %+v is %+v", page.Data[0], detail.Payload)
		}
		return err
	})
}

// eventually repeats f until it succeeds, and returns its last error when that takes too long.
func eventually(ctx context.Context, f func() error) error {
	deadline, tick := time.After(patience), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}
