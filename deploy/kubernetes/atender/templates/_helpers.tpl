{{- define "atender.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the release's objects: 50 characters, so that there is room for what they are. */}}
{{- define "atender.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "atender.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "atender.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a role. Takes {root, role}. */}}
{{- define "atender.selector" -}}
app.kubernetes.io/name: {{ include "atender.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "atender.labels" -}}
{{ include "atender.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "atender.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Who a pod runs as, and what it may do: nothing but be a process. */}}
{{- define "atender.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "atender.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The environment that api and worker have. */}}
{{- define "atender.env" -}}
- { name: ATENDER_DATABASE_URL_FILE, value: /run/secrets/atender/database-url }
- { name: ATENDER_SECRET_KEYS_FILE, value: /run/secrets/atender/secret-keys }
- { name: ATENDER_PUBLIC_URL, value: {{ .Values.publicUrl | quote }} }
- { name: ATENDER_LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: ATENDER_METRICS_ADDR, value: ":9090" }
- { name: ATENDER_WORKER_METRICS_ADDR, value: ":9091" }
{{- with .Values.trustedProxies }}
- { name: ATENDER_TRUSTED_PROXIES, value: {{ join "," . | quote }} }
{{- end }}
- { name: TEMPORAL_ADDRESS, value: {{ .Values.temporal.address | quote }} }
- { name: TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }} }
{{- with .Values.temporal.uiUrl }}
- { name: ATENDER_TEMPORAL_UI_URL, value: {{ . | quote }} }
{{- end }}
{{- if .Values.temporal.apiKey.existingSecret }}
- name: TEMPORAL_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.temporal.apiKey.existingSecret }}
      key: {{ .Values.temporal.apiKey.key }}
{{- end }}
{{- with .Values.temporal.tls }}
{{- if .enabled }}
- { name: TEMPORAL_TLS, value: "true" }
{{- end }}
{{- if .clientCertificate }}
- { name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /run/secrets/temporal/tls.crt }
- { name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /run/secrets/temporal/tls.key }
{{- end }}
{{- if .serverCa }}
- { name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /run/secrets/temporal/ca.crt }
{{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end -}}

{{- define "atender.volumeMounts" -}}
- { name: secrets, mountPath: /run/secrets/atender, readOnly: true }
{{- if .Values.temporal.tls.existingSecret }}
- { name: temporal, mountPath: /run/secrets/temporal, readOnly: true }
{{- end }}
{{- end -}}

{{- define "atender.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.secrets.existingSecret }}
    defaultMode: 0440
    items:
      - { key: {{ .Values.secrets.databaseUrlKey }}, path: database-url }
      - { key: {{ .Values.secrets.secretKeysKey }}, path: secret-keys }
{{- with .Values.temporal.tls.existingSecret }}
- name: temporal
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- end -}}

{{/* Pods of a role over zones, and over nodes. Takes {root, role}. */}}
{{- define "atender.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels: {{- include "atender.selector" $ | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "atender.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
