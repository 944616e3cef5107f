{{- define "exporters.pod" -}}
{{- $own := index .root.Values .name -}}
{{- $web := .root.Values.webConfig -}}
metadata:
  labels:
    {{- include "exporters.labels" . | nindent 4 }}
    {{- with $own.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- $annotations := dict }}
  {{- if and .root.Values.scrapeAnnotations (not .root.Values.monitor.kind) (include "exporters.hasMetrics" .) }}
  {{- $annotations = dict "prometheus.io/scrape" "true" "prometheus.io/port" (toString $own.port)
    "prometheus.io/path" "/metrics" "prometheus.io/scheme" (include "exporters.scheme" .) }}
  {{- end }}
  {{- with merge (deepCopy $own.podAnnotations) $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "exporters.serviceAccount" . }}
  automountServiceAccountToken: false
  # A service named container-exporter would set the variable of the flag --port, and so on.
  enableServiceLinks: false
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with include (printf "exporters.%s.host" .name) . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext:
    {{- include (printf "exporters.%s.user" .name) . | trim | nindent 4 }}
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: exporter
      image: {{ include "exporters.image" . }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      {{- with $own.extraArgs }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      # Variables rather than flags, so that a probe by command has them too.
      env:
        - {name: {{ include "exporters.prefix" . }}_WEB_LISTEN_ADDRESS, value: {{ printf ":%d" (int $own.port) | quote }}}
        {{- if $web.existingSecret }}
        - {name: {{ include "exporters.prefix" . }}_WEB_CONFIG_FILE, value: /etc/exporter/{{ $web.key }}}
        {{- end }}
        {{- include (printf "exporters.%s.env" .name) . | trim | nindent 8 }}
        {{- with $own.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - {name: metrics, containerPort: {{ $own.port }}, protocol: TCP}
      {{- if $web.existingSecret }}
      # The kubelet has neither password nor certificate; the command needs none.
      livenessProbe:
        exec: {command: [/exporter, healthcheck]}
        periodSeconds: 15
        timeoutSeconds: 5
      readinessProbe:
        exec: {command: [/exporter, healthcheck]}
        periodSeconds: 15
        timeoutSeconds: 5
      {{- else }}
      livenessProbe:
        httpGet: {path: /-/healthy, port: metrics}
        periodSeconds: 15
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /-/ready, port: metrics}
        periodSeconds: 15
        timeoutSeconds: 5
      {{- end }}
      {{- with $own.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      {{- $mounts := include (printf "exporters.%s.mounts" .name) . | trim }}
      {{- if or $mounts $web.existingSecret $own.extraVolumeMounts }}
      volumeMounts:
        {{- with $mounts }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- if $web.existingSecret }}
        - {name: web, mountPath: /etc/exporter, readOnly: true}
        {{- end }}
        {{- with $own.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- $volumes := include (printf "exporters.%s.volumes" .name) . | trim }}
  {{- if or $volumes $web.existingSecret $own.extraVolumes }}
  volumes:
    {{- with $volumes }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- if $web.existingSecret }}
    # Readable for the group of the pod alone
    - {name: web, secret: {secretName: {{ $web.existingSecret }}, defaultMode: 0440}}
    {{- end }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* What fulfils the standard "restricted" */}}
{{- define "exporters.nobody" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
fsGroup: 65534
{{- end -}}

{{/* Below a folder of the node there may be further mounts, which readOnly alone leaves writable. */}}
{{- define "exporters.readOnly" -}}
readOnly: true
{{- if semverCompare ">=1.31.0-0" .root.Capabilities.KubeVersion.Version }}, recursiveReadOnly: IfPossible{{ end -}}
{{- end -}}
