package api

import (
	"github.com/atender/atender/api/contract"
	"github.com/atender/atender/api/conversations"
	"github.com/atender/atender/api/docks"
	"github.com/atender/atender/api/people"
	"github.com/atender/atender/api/settings"
	"github.com/atender/atender/api/webhooks"
	"github.com/atender/atender/api/worktime"
)

// The handlers of each group of tags, under names that an embedding type can tell apart.
type (
	conversationHandlers = conversations.Handlers
	peopleHandlers       = people.Handlers
	webhookHandlers      = webhooks.Handlers
	dockHandlers         = docks.Handlers
	worktimeHandlers     = worktime.Handlers
	settingsHandlers     = settings.Handlers
)

// handlers are the operations of the document. What reaches them has passed the middlewares.
type handlers struct {
	*conversationHandlers
	*peopleHandlers
	*webhookHandlers
	*dockHandlers
	*worktimeHandlers
	*settingsHandlers
	*service
}

var _ contract.StrictServerInterface = (*handlers)(nil)
