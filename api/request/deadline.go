package request

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
)

// workTime is the time that the work for a request may take.
type workTime struct {
	connection context.Context //nolint:containedctx // the request's, as it was before
	d          time.Duration
	cancel     func()
}

// StartDeadline calls the work for a request off when it takes longer than d. The work is done when stop is called.
func StartDeadline(c *gin.Context, d time.Duration) (stop func()) {
	work := &workTime{connection: c.Request.Context(), d: d}
	ctx, cancel := context.WithTimeout(work.connection, d)
	work.cancel = cancel
	c.Set(workTimeKey, work)
	c.Request = c.Request.WithContext(ctx)
	return func() { work.cancel() }
}

// RestartDeadline gives the work for a request its whole time again: what a slow client took to send a body is none of it.
func RestartDeadline(c *gin.Context) {
	v, ok := c.Get(workTimeKey)
	if !ok {
		return
	}
	work := v.(*workTime)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), work.d)
	stop := context.AfterFunc(work.connection, cancel) // the client hangs up
	earlier := work.cancel
	work.cancel = func() { stop(); cancel(); earlier() }
	c.Request = c.Request.WithContext(ctx)
}
