{{/* How Prometheus logs in, and when it asks: the same in all objects of the operator. Takes a dict with root, and
interval and scrapeTimeout of its own. */}}
{{- define "exporters.monitor.times" -}}
{{- with default .root.Values.monitor.interval .interval }}
interval: {{ . }}
{{- end }}
{{- with default .root.Values.monitor.scrapeTimeout .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- end -}}

{{- define "exporters.monitor.login" -}}
{{- with .root.Values.monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.monitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An endpoint of a ServiceMonitor or PodMonitor */}}
{{- define "exporters.monitor.endpoint" -}}
{{- $own := index .root.Values .name -}}
port: metrics
path: /metrics
scheme: {{ include "exporters.scheme" . }}
{{- with include "exporters.monitor.times" . | trim }}
{{ . }}
{{- end }}
{{- with include "exporters.monitor.login" . | trim }}
{{ . }}
{{- end }}
{{- if eq .name "container" }}
# Namespace, pod and container of a sample are those of the container that it is about.
honorLabels: true
{{- end }}
relabelings:
  - {targetLabel: job, replacement: {{ $own.job }}}
  {{- if has .name (list "node" "container") }}
  - {sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: instance}
  {{- else if $own.address }}
  - {targetLabel: instance, replacement: {{ $own.address | quote }}}
  {{- end }}
  {{- if eq .name "container" }}
  - {action: labeldrop, regex: pod|container}
  {{- end }}
  {{- with .root.Values.monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
