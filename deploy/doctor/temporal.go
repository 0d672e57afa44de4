package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/atender/atender/deploy/config"
	"github.com/atender/atender/models/durable"
	"github.com/atender/atender/models/webhook"
	"github.com/atender/atender/workflows"
)

// leastRetention is how long Temporal should keep what has ended, so that an operator can still look at it the next day.
const leastRetention = 24 * time.Hour

// reachTemporal is whether Temporal's frontend answers.
func (p *patient) reachTemporal(ctx context.Context) Finding {
	if p.temporalError != nil {
		return failedWith(
			"Temporal's client cannot be made",
			p.temporalError,
			"see the variables TEMPORAL_… (atender help config)",
		)
	}
	info, err := p.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if _, old := errors.AsType[*serviceerror.Unimplemented](err); err != nil && !old {
		return failedWith(
			"Temporal at "+p.temporalAddress()+" cannot be asked",
			err,
			"see that it runs, and that TEMPORAL_ADDRESS, TEMPORAL_TLS and TEMPORAL_API_KEY are right (atender help config)",
		)
	}
	return ok("version %s answers at %s", info.GetServerVersion(), p.temporalAddress()).
		with(map[string]any{"version": info.GetServerVersion()})
}

func (p *patient) temporalAddress() string {
	if p.Temporal.HostPort == "" {
		return "localhost:7233"
	}
	return p.Temporal.HostPort
}

// describeNamespace is whether the namespace is there and keeps what has ended.
func (p *patient) describeNamespace(ctx context.Context) Finding {
	answer, err := p.temporal.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
	if isNotFound(err) {
		return failed(
			"there is no namespace "+p.namespace,
			"temporal operator namespace create --namespace "+p.namespace+
				" --retention 72h",
			"or set TEMPORAL_NAMESPACE to the one that the workers use",
		)
	}
	if err != nil {
		return failedWith("namespace "+p.namespace+" cannot be described", err,
			"see that the credentials of TEMPORAL_API_KEY or the client's certificate are for this namespace")
	}
	if state := answer.GetNamespaceInfo().GetState(); state != enumspb.NAMESPACE_STATE_REGISTERED {
		return failed(fmt.Sprintf("namespace %s is %s", p.namespace, state),
			"set TEMPORAL_NAMESPACE to one that is in use")
	}
	keeps := answer.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	facts := map[string]any{"namespace": p.namespace, "retentionHours": keeps.Hours()}
	if keeps < leastRetention {
		return warning(
			fmt.Sprintf("namespace %s keeps workflows that have ended for %s only", p.namespace, keeps),
			"temporal operator namespace update --namespace "+p.namespace+" --retention 72h",
		).with(facts)
	}
	return ok("%s is there and keeps what has ended for %s", p.namespace, keeps).with(facts)
}

func isNotFound(err error) bool {
	_, namespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	_, other := errors.AsType[*serviceerror.NotFound](err)
	return namespace || other
}

// temporalData is whether Temporal has the data that the workers have last seen (P3.6).
func (p *patient) temporalData(ctx context.Context) Finding {
	answer, err := p.temporal.WorkflowService().DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
	if err != nil {
		return failedWith("namespace "+p.namespace+" cannot be described", err)
	}
	stored, err := p.store.Sweep.Namespace(ctx, p.namespace)
	switch {
	case err != nil:
		return failedWith("the stored id of the namespace cannot be read", err)
	case stored == "":
		return warning(
			"no worker has met namespace "+p.namespace+" with this database yet",
			"start one: atender worker",
		)
	case stored != answer.GetNamespaceInfo().GetId():
		return warning(
			"the namespace is another one than that which the workers have last seen: Temporal has lost its data, or "+
				"TEMPORAL_ADDRESS leads to another cluster",
			"if the address is right, see that a worker runs: it makes all workflows again within seconds",
		)
	}
	return ok("the namespace is the one that the workers have last seen")
}

// searchAttributes is whether operators find workflows by what the workflows publish.
func (p *patient) searchAttributes(ctx context.Context) Finding {
	answer, err := p.temporal.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: p.namespace})
	if err != nil {
		return warningWith(
			"the search attributes cannot be listed",
			err,
			"in Temporal Cloud see the namespace's page: "+listed(
				slices.Sorted(maps.Keys(workflows.AttributeTypes())),
			),
		)
	}
	has, want := answer.GetCustomAttributes(), workflows.AttributeTypes()
	var missing, other, create, remove []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		is, there := has[name]
		switch {
		case !there:
			missing = append(missing, name)
			create = append(create, "--name "+name+" --type "+want[name].String())
		case is != want[name]:
			other = append(other, fmt.Sprintf("%s is %s and has to be %s", name, is, want[name]))
			remove = append(remove, "--name "+name)
			create = append(create, "--name "+name+" --type "+want[name].String())
		}
	}
	facts := map[string]any{"registered": len(want) - len(create), "wanted": len(want)}
	if len(create) == 0 {
		return ok("all %d are registered", len(want)).with(facts)
	}
	const command = "temporal operator search-attribute "
	var found, do []string
	if len(missing) > 0 {
		found = append(found, "missing: "+strings.Join(missing, ", "))
	}
	if len(other) > 0 {
		found = append(found, strings.Join(other, ", "))
		do = append(do, command+"remove --namespace "+p.namespace+" "+strings.Join(remove, " "))
	}
	do = append(do, command+"create --namespace "+p.namespace+" "+strings.Join(create, " "),
		"or start a worker anew, which registers those that are missing")
	return failed(strings.Join(found, "; "), do...).with(facts)
}

// warningWith is a warning that an error says it all about.
func warningWith(what string, err error, do ...string) Finding {
	f := failedWith(what, err, do...)
	f.State = Warning
	return f
}

// dispatchers is whether the workflows run that make first attempts of webhooks (P4).
func (p *patient) dispatchers(ctx context.Context) Finding {
	want := p.Config.DispatchShards
	if want == 0 {
		return skipped("needs " + config.Prefix + "DISPATCH_SHARDS")
	}
	var away []string
	for i := range min(want+1, webhook.Shards) { // one more than there are to be: it tells of a worker with another setting
		answer, err := p.temporal.DescribeWorkflowExecution(ctx, durable.DispatchID(i), "")
		if err != nil && !isNotFound(err) {
			return failedWith("the dispatch workflows cannot be described", err)
		}
		isRunning := answer.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		switch {
		case i == want && isRunning:
			return warning(
				fmt.Sprintf(
					"%s runs, though there are to be %d: another process has more",
					durable.DispatchID(i),
					want,
				),
				"set "+config.Prefix+"DISPATCH_SHARDS to the same number everywhere; then terminate those that are too many: "+
					"temporal workflow terminate --namespace "+p.namespace+" --workflow-id "+durable.DispatchID(
					i,
				),
			)
		case i < want && !isRunning:
			away = append(away, durable.DispatchID(i))
		}
	}
	facts := map[string]any{"running": want - len(away), "wanted": want}
	if len(away) > 0 {
		return failed("these do not run, and first attempts of their webhooks are not made: "+listed(away),
			"start a worker, which starts them within 15 s: atender worker").with(facts)
	}
	return ok("all %d run", want).with(facts)
}

const (
	// probeTime bounds the probe, so that one that no worker takes is gone soon after.
	probeTime = 5 * time.Second
	// probeSlow is the round trip from which on workers count as slow: a first attempt of a webhook is promised within 1 s.
	probeSlow = time.Second
)

// dispatch is how soon workers take work: a workflow with an activity on each queue, there and back.
func (p *patient) dispatch(ctx context.Context) Finding {
	began := time.Now()
	run, err := p.temporal.ExecuteWorkflow(
		ctx,
		startOptions(durable.ProbeID(uuid.NewString()), p.Config.TemporalTaskQueue),
		durable.ProbeWorkflow,
		durable.ProbeInput{},
	)
	if err != nil {
		return failedWith(
			"the probe cannot be started",
			err,
			"see that the credentials may start workflows in "+p.namespace,
		)
	}
	var result durable.ProbeResult
	err = run.Get(ctx, &result)
	took := time.Since(began)
	facts := map[string]any{"roundTripMs": millis(took), "queues": result.Queues, "workflow": run.GetID()}
	do := []string{
		"start a worker, if none runs: atender worker (Temporal lists pollers for five minutes after they have gone)",
		"see that those that run are of this version",
		"see the workers' logs and CPU; add workers where they are busy",
	}
	if err != nil {
		return failed(
			fmt.Sprintf("workers did not carry a probe out within %s (%s)", probeTime, run.GetID()),
			do...).with(facts)
	}
	for _, queue := range result.Queues {
		if queue.Failed {
			return failed("no worker has taken the activity of the probe on "+queue.Queue, do...).with(facts)
		}
	}
	if took > probeSlow {
		return warning(
			fmt.Sprintf("a round trip through the workers takes %s", took.Round(time.Millisecond)),
			do...).with(facts)
	}
	return ok("a round trip through the workers takes %s", took.Round(time.Millisecond)).with(facts)
}
