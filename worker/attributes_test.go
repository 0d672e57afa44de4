package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/atender/atender/workflows"
)

// operated is a Temporal whose operator service answers the registration of search attributes with an error.
type operated struct {
	client.Client
	operatorservice.OperatorServiceClient
	err error
}

func (o operated) OperatorService() operatorservice.OperatorServiceClient { return o }

func (o operated) AddSearchAttributes(
	context.Context, *operatorservice.AddSearchAttributesRequest, ...grpc.CallOption,
) (*operatorservice.AddSearchAttributesResponse, error) {
	return nil, o.err
}

// Regression: a worker never began where it may not register search attributes, as in Temporal Cloud.
func TestAWorkerBeginsWhereItMayNotRegisterAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		err          error
		waits, tells bool
	}{
		"registered":       {nil, false, false},
		"there already":    {serviceerror.NewAlreadyExists("there"), false, false},
		"not allowed":      {serviceerror.NewPermissionDenied("no", ""), false, true},
		"no such service":  {serviceerror.NewUnimplemented("no"), false, true},
		"away":             {serviceerror.NewUnavailable("away"), true, false},
		"something unseen": {errors.New("unseen"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			w := &Worker{
				cfg:  Config{Namespace: "acme.prod"},
				deps: Deps{Temporal: operated{err: c.err}, Logger: slog.New(slog.NewTextHandler(&log, nil))},
			}
			require.Equal(t, c.waits, w.registerAttributes(t.Context()) != nil)
			if !c.tells {
				require.Empty(t, log.String())
				return
			}
			for attribute := range workflows.AttributeTypes() {
				require.Contains(t, log.String(), attribute, "an operator is told what to make")
			}
		})
	}
}
