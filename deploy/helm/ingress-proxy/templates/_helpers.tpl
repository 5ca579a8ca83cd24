{{- /* Names begin with that of the release, so that several fit into one cluster. */ -}}
{{- define "name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "common" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "labels" -}}
{{ include "common" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "webhook.labels" -}}
{{ include "common" . }}
app.kubernetes.io/component: admission-webhook
{{- end }}

{{- /* A binding of a role to the account: kind, name, and the namespace of both if they have one. */ -}}
{{- define "binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .of }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include (default "labels" .labels) .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ default .of .ref }}
  name: {{ default .name .role }}
subjects:
  - kind: ServiceAccount
    name: {{ include "name" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- /* Whether the addresses of Ingresses are those of the Service; if not, those of the nodes. */ -}}
{{- define "publishes.service" -}}
{{- if and .Values.service.enabled (eq .Values.service.type "LoadBalancer") }}yes{{ end }}
{{- end }}
