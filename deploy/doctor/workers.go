package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models/durable"
)

const (
	// pollerFresh is how long ago a poller may have been heard of: a poll is repeated after a minute at the latest.
	pollerFresh = 90 * time.Second
	// backlogOld is the age of a task that waits for a worker from which on there are too few of them.
	backlogOld = 10 * time.Second
)

// startOptions are those of the probe's workflow.
func startOptions(id, queue string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: id, TaskQueue: queue, WorkflowExecutionTimeout: probeTime,
		StaticSummary: "Probe of atender doctor: whether workers take work, and how soon",
	}
}

// queueState is what Temporal knows of those who poll a queue.
type queueState struct {
	name       string
	processes  map[string]bool // by identity
	builds     map[string]bool
	lastPolled time.Time // zero for never
	backlog    int64
	backlogAge time.Duration
}

// workers is whether workers poll each queue, and keep up.
func (p *patient) workers(ctx context.Context) Finding {
	queue := p.Config.TemporalTaskQueue
	if queue == "" {
		return skipped("needs " + config.Prefix + "TEMPORAL_TASK_QUEUE")
	}
	processes, builds, facts := map[string]bool{}, map[string]bool{}, map[string]any{}
	var silent, behind []string
	for _, q := range []struct {
		name string
		of   enumspb.TaskQueueType
	}{
		{queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{durable.DeliveriesQueue(queue), enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	} {
		state, err := p.queueState(ctx, q.name, q.of)
		if err != nil {
			return failedWith("Temporal cannot be asked who polls "+q.name, err)
		}
		maps.Copy(processes, state.processes)
		maps.Copy(builds, state.builds)
		entry := map[string]any{"pollers": len(state.processes), "backlog": state.backlog}
		if !state.lastPolled.IsZero() {
			entry["lastPolledSeconds"] = p.Now().Sub(state.lastPolled).Round(time.Second).Seconds()
		}
		facts[state.name] = entry
		if len(state.processes) == 0 {
			silent = append(silent, state.name+lastHeard(p.Now(), state.lastPolled))
		}
		if state.backlogAge > backlogOld {
			behind = append(
				behind,
				fmt.Sprintf("%s has about %d tasks, the oldest for %s", state.name, state.backlog,
					state.backlogAge.Round(time.Second)),
			)
		}
	}
	facts["builds"] = slices.Sorted(maps.Keys(builds))
	switch {
	case len(silent) > 0:
		return failed(
			"no worker polls "+strings.Join(silent, ", "),
			"start one: atender worker",
			"see that its TEMPORAL_NAMESPACE is "+p.namespace+" and its "+config.Prefix+"TEMPORAL_TASK_QUEUE is "+queue,
		).with(facts)
	case len(behind) > 0:
		return warning(
			"the workers do not keep up: "+strings.Join(behind, ", "),
			"start a worker, if none runs: atender worker",
			"add workers, or see what they wait for",
		).with(facts)
	}
	found := some(len(processes), "process polls", "processes poll") + " all three queues"
	if len(builds) > 1 {
		found += fmt.Sprintf("; they are of %d builds, as during an upgrade", len(builds))
	}
	return ok("%s", found).with(facts)
}

func lastHeard(now, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (the last did %s ago)", now.Sub(at).Round(time.Second))
}

// queueState asks Temporal for one queue.
func (p *patient) queueState(ctx context.Context, name string, of enumspb.TaskQueueType) (queueState, error) {
	answer, err := p.temporal.WorkflowService().DescribeTaskQueue(
		ctx,
		&workflowservice.DescribeTaskQueueRequest{
			Namespace: p.namespace, TaskQueue: &taskqueue.TaskQueue{Name: name, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
			TaskQueueType: of, ReportStats: true,
		},
	)
	if err != nil {
		return queueState{}, err
	}
	kind := map[enumspb.TaskQueueType]string{
		enumspb.TASK_QUEUE_TYPE_WORKFLOW: "workflows", enumspb.TASK_QUEUE_TYPE_ACTIVITY: "activities",
	}[of]
	state := queueState{
		name: name + " (" + kind + ")", processes: map[string]bool{}, builds: map[string]bool{},
		backlog:    answer.GetStats().GetApproximateBacklogCount(),
		backlogAge: answer.GetStats().GetApproximateBacklogAge().AsDuration(),
	}
	for _, poller := range answer.GetPollers() {
		polled := poller.GetLastAccessTime().AsTime()
		if polled.After(state.lastPolled) {
			state.lastPolled = polled
		}
		if p.Now().Sub(polled) > pollerFresh {
			continue
		}
		state.processes[poller.GetIdentity()] = true
		if build := poller.GetDeploymentOptions().GetBuildId(); build != "" {
			state.builds[build] = true
		}
	}
	return state, nil
}
