package worker

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/logging"
)

// lines gives the lines that are logged within an activity, down to the stores, what they belong to: workflow, run, activity,
// attempt, tenant.
type lines struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*lines) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	i := &linedActivity{}
	i.Next = next
	return i
}

type linedActivity struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (a *linedActivity) ExecuteActivity(
	ctx context.Context,
	in *interceptor.ExecuteActivityInput,
) (any, error) {
	info := activity.GetInfo(ctx)
	ctx = logging.With(ctx,
		slog.String(logging.WorkflowID, info.WorkflowExecution.ID),
		slog.String(logging.RunID, info.WorkflowExecution.RunID),
		slog.String(logging.Activity, info.ActivityType.Name),
		slog.Int(logging.Attempt, int(info.Attempt)),
	)
	if tenant, known := tenantOf(in.Args); known {
		logging.Add(ctx, slog.String(logging.TenantID, tenant.String()))
	}
	return a.Next.ExecuteActivity(ctx, in)
}

// tenantOf is the tenant that an activity works for; dispatchers work for all.
func tenantOf(args []any) (uuid.UUID, bool) {
	for _, arg := range args {
		if of, ok := arg.(durable.OfTenant); ok {
			return of.Tenant(), true
		}
	}
	return uuid.Nil, false
}
