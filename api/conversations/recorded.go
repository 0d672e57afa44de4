package conversations

import (
	"net/http"

	"github.com/atender/atender/api/respond"
	"github.com/atender/atender/models/idempotency"
)

// recorded is the answer to a call that was rendered before it was written, to be stored with what it tells.
type recorded idempotency.Answer

// VisitPostMessageResponse implements contract.PostMessageResponseObject.
func (r recorded) VisitPostMessageResponse(w http.ResponseWriter) error { return r.write(w) }

// VisitCreateOutboundConversationResponse implements contract.CreateOutboundConversationResponseObject.
func (r recorded) VisitCreateOutboundConversationResponse(w http.ResponseWriter) error {
	return r.write(w)
}

// VisitCreateInboundConversationResponse implements contract.CreateInboundConversationResponseObject.
func (r recorded) VisitCreateInboundConversationResponse(w http.ResponseWriter) error {
	return r.write(w)
}

func (r recorded) write(w http.ResponseWriter) error { return respond.Again(w, idempotency.Answer(r)) }
