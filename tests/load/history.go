package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/tests/load/limit"
)

// historian counts history events of a namespace, exactly: closed executions say how many they have where they are
// listed; those that run are asked one by one.
type historian struct {
	client    client.Client
	namespace string
}

// historyCost is how many history events the run took, by workflow type.
type historyCost struct {
	Events       map[string]int64 `json:"historyEvents"`
	Total        int64            `json:"total"`
	PerOperation float64          `json:"perOperation"`
	// PerThousand counts only what deliveries cause, dispatch and retry workflows, for each 1,000 deliveries.
	PerThousand float64 `json:"deliveryEventsPerThousandDeliveries"`
}

func newHistorian(address, namespace string) (*historian, error) {
	c, err := client.NewLazyClient(client.Options{
		HostPort: address, Namespace: namespace, Logger: temporallog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	return &historian{client: c, namespace: namespace}, err
}

// lengths are the history lengths by run, with the workflow's type.
type lengths map[string]length

type length struct {
	workflow string
	id       string // of the workflow
	events   int64
}

// conversations is how many of the tenants' have an execution.
func (l lengths) conversations(tenants []durable.Tenant) int {
	ids := map[string]bool{}
	for _, tenant := range tenants {
		prefix := strings.TrimSuffix(durable.ConversationID(tenant, uuid.Nil, 0), uuid.Nil.String())
		for _, one := range l {
			if strings.HasPrefix(one.id, prefix) {
				ids[one.id] = true
			}
		}
	}
	return len(ids)
}

// total adds up by workflow type.
func (l lengths) total() map[string]int64 {
	sum := map[string]int64{}
	for _, one := range l {
		sum[one.workflow] += one.events
	}
	return sum
}

// read lists all executions.
func (h *historian) read(ctx context.Context) (lengths, error) {
	all := lengths{}
	var running []*workflow.WorkflowExecutionInfo
	var token []byte
	for {
		page, err := h.client.ListWorkflow(ctx,
			&workflowservice.ListWorkflowExecutionsRequest{Namespace: h.namespace, PageSize: 1000, NextPageToken: token})
		if err != nil {
			return nil, err
		}
		for _, info := range page.Executions {
			all[info.Execution.RunId] = length{info.Type.Name, info.Execution.WorkflowId, info.HistoryLength}
			if info.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
				running = append(running, info)
			}
		}
		if token = page.NextPageToken; len(token) == 0 {
			break
		}
	}
	events, errs := make([]int64, len(running)), make([]error, len(running))
	limit.Each(len(running), 8, func(i int) {
		d, err := h.client.DescribeWorkflowExecution(ctx, running[i].Execution.WorkflowId, running[i].Execution.RunId)
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return
		}
		if errs[i] = err; err == nil {
			events[i] = d.WorkflowExecutionInfo.HistoryLength
		}
	})
	for i, info := range running {
		all[info.Execution.RunId] = length{info.Type.Name, info.Execution.WorkflowId, events[i]}
	}
	return all, errors.Join(errs...)
}

// rest reads the lengths once those of conversations do not change any more: after the relay has told Temporal everything,
// workflows may still be at work, and the list lags behind: it is waited for until it has as many of the tenants'
// conversations as there are. listed is how many it has. Dispatchers go on for ever.
func (h *historian) rest(
	ctx context.Context, tenants []durable.Tenant, conversations int,
) (_ map[string]int64, listed int, _ error) {
	var last map[string]int64
	moved := true
	for range 60 {
		all, err := h.read(ctx)
		if err != nil {
			return nil, 0, err
		}
		now := all.total()
		moved, listed = last == nil || last[conversationWorkflow] != now[conversationWorkflow], all.conversations(tenants)
		if last = now; !moved && listed >= conversations {
			break
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, 0, err
		}
	}
	if moved {
		return nil, 0, errors.New("histories of Temporal do not come to rest")
	}
	return last, listed, nil
}

// cost is what came on top of an earlier reading.
func cost(before, after map[string]int64, operations, deliveries int) *historyCost {
	c := &historyCost{Events: map[string]int64{}}
	var sending int64
	for name, n := range after {
		d := n - before[name]
		c.Events[name] = d
		c.Total += d
		if name != conversationWorkflow {
			sending += d
		}
	}
	if operations > 0 {
		c.PerOperation = round(float64(c.Total) / float64(operations))
	}
	if deliveries > 0 {
		c.PerThousand = round(float64(sending) * 1000 / float64(deliveries))
	}
	return c
}
