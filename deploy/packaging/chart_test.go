package packaging

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const (
	chartDir    = "../kubernetes/atender"
	examplesDir = "../kubernetes/examples"
)

// serviceMonitor is the Prometheus operator's, as far as the chart uses it.
type serviceMonitor struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]any    `json:"metadata"`
	Spec       serviceMonitoring `json:"spec"`
}

type serviceMonitoring struct {
	JobLabel  string              `json:"jobLabel"`
	Selector  map[string]any      `json:"selector"`
	Endpoints []map[string]string `json:"endpoints"`
}

// objects are what a release of the chart is made of.
type objects struct {
	deployments []*appsv1.Deployment
	jobs        []*batchv1.Job
	services    []*corev1.Service
	budgets     []*policyv1.PodDisruptionBudget
	scalers     []*autoscalingv2.HorizontalPodAutoscaler
	policies    []*networkingv1.NetworkPolicy
	ingresses   []*networkingv1.Ingress
	monitors    []*serviceMonitor
	notes       string
}

// render renders the chart as Helm does for `helm install support`, the schema of its values applied.
func render(ctx context.Context, values map[string]any) (map[string]string, error) {
	chart, err := loader.Load(chartDir)
	if err != nil {
		return nil, err
	}
	all, err := chartutil.ToRenderValues(chart, values,
		common.ReleaseOptions{Name: "support", Namespace: "support", Revision: 1, IsInstall: true}, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.RenderWithContext(ctx, chart, all)
}

// read decodes a values file.
func read(t *testing.T, path string) (values map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &values))
	return values
}

// decoded renders the chart and decodes every object into the type of its kind: a field that the type does not have, or that is
// there twice, is an error.
func decoded(t *testing.T, values map[string]any) (o objects) {
	t.Helper()
	files, err := render(t.Context(), values)
	require.NoError(t, err)
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			o.notes = text
			continue
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			var head struct{ APIVersion, Kind string }
			require.NoError(t, yaml.Unmarshal([]byte(document), &head), "%s:\n%s", name, document)
			switch head.APIVersion + " " + head.Kind {
			case " ": // comments, or nothing
			case "apps/v1 Deployment":
				o.deployments = append(o.deployments, decode[appsv1.Deployment](t, document))
			case "batch/v1 Job":
				o.jobs = append(o.jobs, decode[batchv1.Job](t, document))
			case "v1 Service":
				o.services = append(o.services, decode[corev1.Service](t, document))
			case "policy/v1 PodDisruptionBudget":
				o.budgets = append(o.budgets, decode[policyv1.PodDisruptionBudget](t, document))
			case "autoscaling/v2 HorizontalPodAutoscaler":
				o.scalers = append(o.scalers, decode[autoscalingv2.HorizontalPodAutoscaler](t, document))
			case "networking.k8s.io/v1 NetworkPolicy":
				o.policies = append(o.policies, decode[networkingv1.NetworkPolicy](t, document))
			case "networking.k8s.io/v1 Ingress":
				o.ingresses = append(o.ingresses, decode[networkingv1.Ingress](t, document))
			case "monitoring.coreos.com/v1 ServiceMonitor":
				o.monitors = append(o.monitors, decode[serviceMonitor](t, document))
			default:
				require.Fail(t, "an object that the tests do not know", "%s: %v", name, head)
			}
		}
	}
	return o
}

func decode[T any](t *testing.T, document string) *T {
	t.Helper()
	into := new(T)
	require.NoError(t, yaml.UnmarshalStrict([]byte(document), into), document)
	return into
}

// examples are the values files, by their names.
func examples(t *testing.T) map[string]map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(examplesDir, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	all := map[string]map[string]any{}
	for _, path := range paths {
		all[filepath.Base(path)] = read(t, path)
	}
	return all
}

func TestThePodsOfTheChart(t *testing.T) {
	t.Parallel()
	for name, values := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := decoded(t, values)
			require.Len(t, o.deployments, 2)
			for _, d := range o.deployments {
				requirePod(t, d.Spec.Template)
				container := d.Spec.Template.Spec.Containers[0]
				role := container.Args[0]
				require.Equal(t, "support-atender-"+role, d.Name)
				require.Subset(t, d.Spec.Template.Labels, d.Spec.Selector.MatchLabels)
				requireProbes(t, container)
				require.Equal(t, int64(30), *d.Spec.Template.Spec.TerminationGracePeriodSeconds)
				require.Len(t, d.Spec.Template.Spec.TopologySpreadConstraints, 2)
				for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
					require.Equal(t, d.Spec.Selector.MatchLabels, c.LabelSelector.MatchLabels)
				}
				i := slices.IndexFunc(o.budgets, func(b *policyv1.PodDisruptionBudget) bool { return b.Name == d.Name })
				require.GreaterOrEqual(t, i, 0, "%s has no budget of disruptions", role)
				require.Equal(t, d.Spec.Selector.MatchLabels, o.budgets[i].Spec.Selector.MatchLabels)
				require.Equal(t, 1, o.budgets[i].Spec.MaxUnavailable.IntValue())
			}
			for _, job := range o.jobs {
				requirePod(t, job.Spec.Template)
				require.Equal(t, corev1.RestartPolicyNever, job.Spec.Template.Spec.RestartPolicy)
				require.Equal(t, "pre-install,pre-upgrade", job.Annotations["helm.sh/hook"])
				require.Positive(t, *job.Spec.ActiveDeadlineSeconds)
			}
			require.NotContains(t, o.notes, "<no value>")
			require.Contains(t, o.notes, "deployment/support-atender-api")
		})
	}
}

// requirePod holds a pod against the strictest of Kubernetes' standards for pods, and its environment against the binary.
func requirePod(t *testing.T, pod corev1.PodTemplateSpec) {
	t.Helper()
	spec := pod.Spec
	require.Len(t, spec.Containers, 1)
	c := spec.Containers[0]
	require.False(t, *spec.AutomountServiceAccountToken)
	require.True(t, *spec.SecurityContext.RunAsNonRoot)
	require.Equal(t, int64(65532), *spec.SecurityContext.RunAsUser)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.Empty(t, c.SecurityContext.Capabilities.Add)
	require.Empty(t, c.Command, "the image's entrypoint is atender")
	require.False(t, c.Resources.Requests.Cpu().IsZero())
	require.False(t, c.Resources.Limits.Memory().IsZero())
	require.LessOrEqual(t, *spec.TerminationGracePeriodSeconds, int64(30))

	env := map[string]string{}
	for _, v := range c.Env {
		require.NotContains(t, env, v.Name, "set twice")
		env[v.Name] = v.Value
	}
	requireEnvironment(t, c.Args[0], env)
	mounted := map[string]string{}
	for _, m := range c.VolumeMounts {
		require.True(t, m.ReadOnly)
		mounted[m.Name] = m.MountPath
	}
	files := map[string]bool{}
	for _, v := range spec.Volumes {
		require.NotNil(t, v.Secret)
		require.NotZero(t, v.Secret.DefaultMode)
		for _, item := range v.Secret.Items {
			files[mounted[v.Name]+"/"+item.Path] = true
		}
		delete(mounted, v.Name)
	}
	require.Empty(t, mounted, "mounted and not there")
	for name, value := range env {
		if strings.HasSuffix(name, "_FILE") {
			require.True(t, files[value], "%s names %s, which no volume has", name, value)
		}
	}
}

// requireProbes holds probes against ports: those of the binary's defaults, or of the environment.
func requireProbes(t *testing.T, c corev1.Container) {
	t.Helper()
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if c.Args[0] == "api" {
		require.Equal(t, map[string]int32{"http": 8080, "metrics": 9090}, ports)
	} else {
		require.Equal(t, map[string]int32{"metrics": 9091}, ports)
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		require.Equal(t, path, probe.HTTPGet.Path)
		require.Contains(t, ports, probe.HTTPGet.Port.StrVal)
		require.Greater(t, probe.TimeoutSeconds, int32(2), "readiness takes up to 2 s")
	}
	require.Equal(t, c.LivenessProbe.HTTPGet, c.StartupProbe.HTTPGet)
}

// Without autoscalers the number of pods is the values'; with them it is theirs, and workers grow with what is late.
func TestTheChartScalesWorkersOnWhatIsLate(t *testing.T) {
	t.Parallel()
	plain := decoded(t, examples(t)["minimal.yaml"])
	require.Empty(t, plain.scalers)
	for _, d := range plain.deployments {
		require.Equal(t, int32(2), *d.Spec.Replicas)
	}
	o := decoded(t, examples(t)["production.yaml"])
	require.Len(t, o.scalers, 2)
	for _, d := range o.deployments {
		require.Nil(t, d.Spec.Replicas, "an upgrade would undo what the autoscaler did")
	}
	for _, s := range o.scalers {
		i := slices.IndexFunc(o.deployments, func(d *appsv1.Deployment) bool { return d.Name == s.Spec.ScaleTargetRef.Name })
		require.GreaterOrEqual(t, i, 0)
		var metrics []string
		for _, m := range s.Spec.Metrics {
			if m.Resource != nil {
				metrics = append(metrics, string(m.Resource.Name))
				require.NotEmpty(t, o.deployments[i].Spec.Template.Spec.Containers[0].Resources.Requests[m.Resource.Name])
				continue
			}
			metrics = append(metrics, m.External.Metric.Name+" "+m.External.Target.Value.String())
		}
		if o.deployments[i].Spec.Template.Spec.Containers[0].Args[0] == "worker" {
			require.Equal(t, []string{
				"atender_timers_due_oldest_seconds 3", "atender_deliveries_owed_oldest_seconds 20", "cpu",
			}, metrics)
		} else {
			require.Equal(t, []string{"cpu"}, metrics)
		}
	}
	// The adapter makes them of the metrics that workers have.
	var adapter struct {
		Rules struct {
			External []struct{ SeriesQuery, MetricsQuery string }
		}
	}
	text, err := os.ReadFile("../kubernetes/prometheus-adapter.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &adapter))
	require.Len(t, adapter.Rules.External, 2)
	exported, err := os.ReadFile("../prometheus/README.md") // which is held against what processes export
	require.NoError(t, err)
	for i, name := range []string{"atender_timers_due_oldest_seconds", "atender_deliveries_owed_oldest_seconds"} {
		require.Contains(t, adapter.Rules.External[i].SeriesQuery, name+"{")
		require.Contains(t, string(exported), name)
	}
}

// Services, the ingress, the monitor and the network's rules meet the pods that they are for.
func TestTheChartsObjectsMeet(t *testing.T) {
	t.Parallel()
	o := decoded(t, examples(t)["production.yaml"])
	selected := func(selector map[string]string) (names []string) {
		for _, d := range o.deployments {
			if contains(d.Spec.Template.Labels, selector) {
				names = append(names, d.Spec.Template.Spec.Containers[0].Args[0])
			}
		}
		for _, j := range o.jobs {
			if contains(j.Spec.Template.Labels, selector) {
				names = append(names, "migrate")
			}
		}
		return names
	}
	jobs := map[string]string{}
	for _, s := range o.services {
		of := selected(s.Spec.Selector)
		require.Len(t, of, 1, s.Name)
		if job := s.Labels[o.monitors[0].Spec.JobLabel]; job != "" {
			jobs[of[0]] = job
		}
	}
	require.Equal(t, map[string]string{"api": "atender-api", "worker": "atender-worker"}, jobs)
	backend := o.ingresses[0].Spec.Rules[0].HTTP.Paths[0].Backend.Service
	i := slices.IndexFunc(o.services, func(s *corev1.Service) bool { return s.Name == backend.Name })
	require.Equal(t, []string{"api"}, selected(o.services[i].Spec.Selector))

	require.Len(t, o.policies, 3)
	for _, p := range o.policies {
		of := selected(p.Spec.PodSelector.MatchLabels)
		require.Len(t, of, 1)
		require.Len(t, p.Spec.PolicyTypes, 2)
		if of[0] == "migrate" {
			require.Empty(t, p.Spec.Ingress)
			require.Len(t, p.Spec.Egress, 2, "names and the database")
			require.NotEmpty(t, p.Annotations["helm.sh/hook"], "the job runs before what is not a hook is there")
		} else {
			require.Len(t, p.Spec.Egress, 4)
		}
	}
	require.Equal(t, "registry.example.com/atender:1.0.0", o.deployments[0].Spec.Template.Spec.Containers[0].Image)
}

func contains(labels, selector map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

func TestTheChartRefusesValuesThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	good := func() map[string]any { return read(t, filepath.Join(examplesDir, "minimal.yaml")) }
	_, err := render(t.Context(), good())
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]any){
		"publicUrl":            func(v map[string]any) { delete(v, "publicUrl") },
		"publicUrl with path":  func(v map[string]any) { v["publicUrl"] = "https://example.com/atender" },
		"temporal.address":     func(v map[string]any) { v["temporal"] = map[string]any{"address": "temporal"} },
		"unknown":              func(v map[string]any) { v["replicas"] = 3 },
		"env of the chart's":   func(v map[string]any) { v["env"] = map[string]any{"ATENDER_SECRET_KEYS": "k1:…"} },
		"env of another":       func(v map[string]any) { v["env"] = map[string]any{"LD_PRELOAD": "x"} },
		"trustedProxies":       func(v map[string]any) { v["trustedProxies"] = []any{"10.0.0.1"} },
		"ingress without host": func(v map[string]any) { v["ingress"] = map[string]any{"enabled": true} },
		"certificate without secret": func(v map[string]any) {
			v["temporal"].(map[string]any)["tls"] = map[string]any{"enabled": true, "clientCertificate": true}
		},
		"digest": func(v map[string]any) { v["image"] = map[string]any{"digest": "latest"} },
	} {
		values := good()
		change(values)
		_, err := render(t.Context(), values)
		require.Error(t, err, name)
	}
}
