{{/* All of these take a dict: root, the scope of the whole chart, and name, one of node, container, redis, mysql. */}}

{{/* Beginning of the names of all objects; the longest end, -container-exporter, fits behind it. */}}
{{- define "exporters.fullname" -}}
{{- $chart := default .root.Chart.Name .root.Values.nameOverride -}}
{{- $name := .root.Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = ternary .root.Release.Name (printf "%s-%s" .root.Release.Name $chart) (contains $chart .root.Release.Name) -}}
{{- end -}}
{{- $name | trunc 39 | trimSuffix "-" -}}
{{- end -}}

{{- define "exporters.name" -}}
{{ include "exporters.fullname" . }}-{{ .name }}-exporter
{{- end -}}

{{- define "exporters.selectorLabels" -}}
app.kubernetes.io/name: {{ .name }}-exporter
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "exporters.commonLabels" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "exporters.labels" -}}
app.kubernetes.io/name: {{ .name }}-exporter
{{ include "exporters.commonLabels" . }}
{{- end -}}

{{- define "exporters.serviceAccount" -}}
{{- if .root.Values.serviceAccount.create -}}
{{ include "exporters.name" . }}
{{- else -}}
{{ default "default" .root.Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "exporters.image" -}}
{{- $image := (index .root.Values .name).image -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .root.Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{/* Prefix of an exporter's variables */}}
{{- define "exporters.prefix" -}}
{{ upper .name }}_EXPORTER
{{- end -}}

{{/* "yes" if /metrics tells more than that there is no server to ask. */}}
{{- define "exporters.hasMetrics" -}}
{{- if or (ne .name "mysql") .root.Values.mysql.address -}}yes{{- end -}}
{{- end -}}

{{- define "exporters.scheme" -}}
{{- if .root.Values.webConfig.tls }}https{{ else }}http{{ end -}}
{{- end -}}

{{/* Path and parameter of the pages that ask any server */}}
{{- define "exporters.probePath" -}}
{{- if eq .name "redis" }}/scrape{{ else }}/probe{{ end -}}
{{- end -}}

{{/* Flags that objects of this chart depend on have a value; a password is no flag, as everybody who may see the pod
would read it. No message repeats a flag's value. */}}
{{- define "exporters.checkArguments" -}}
{{- $name := .name -}}
{{- $owned := dict "web.listen-address" "port" "port" "port" "listen_ip" "port" "web.config.file" "webConfig"
  "web.telemetry-path" "" "web.route-prefix" "" "prometheus_endpoint" "" "url_base_prefix" "" "web.systemd-socket" "" -}}
{{- $secret := list "redis.password" "basic-auth-password" "basic-auth-hash-password" -}}
{{- range $index, $argument := (index .root.Values .name).extraArgs -}}
{{- $flag := regexReplaceAll "^--?([^=]*)(=(?s:.*))?$" $argument "${1}" -}}
{{- if hasKey $owned $flag -}}
{{- $instead := get $owned $flag -}}
{{- if eq $instead "port" }}{{ $instead = printf "use %s.port" $name }}{{ end -}}
{{- if eq $instead "webConfig" }}{{ $instead = "use webConfig.existingSecret" }}{{ end -}}
{{- fail (printf "%s.extraArgs[%d]: --%s is not to be set here: %s" $name $index $flag (default "probes and scrapes rely on it" $instead)) -}}
{{- else if has $flag $secret -}}
{{- fail (printf "%s.extraArgs[%d]: --%s would show a secret to everybody who may see pods: use a secret (%s)" $name $index $flag (ternary "redis.existingSecret" "webConfig.existingSecret" (eq $flag "redis.password"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* An address with a password; of Redis, what stands alone before @ is one too. */}}
{{- define "exporters.password" -}}
(^|,)[a-z]+://[^,@:]*:[^,@]+@|(^|,)[a-z]+://[^,@:]+@|(^|,)[^,@:/]*:[^,@/][^,@]*@
{{- end -}}

{{/* Addresses hold no password: they are in the pod and in labels. */}}
{{- define "exporters.checkAddresses" -}}
{{- $own := index .root.Values .name -}}
{{- if regexMatch (include "exporters.password" .) $own.address -}}
{{- fail (printf "%s.address: a password has no place in an address: use %s.existingSecret" .name .name) -}}
{{- end -}}
{{- $name := .name -}}
{{- $password := include "exporters.password" . -}}
{{- $seen := dict -}}
{{- range $index, $probe := $own.probes -}}
{{- if hasKey $seen $probe.name -}}
{{- fail (printf "%s.probes[%d]: there are two of the name %s" $name $index $probe.name) -}}
{{- end -}}
{{- $_ := set $seen $probe.name true -}}
{{- range $target := $probe.targets -}}
{{- if regexMatch $password $target -}}
{{- fail (printf "%s.probes[%d]: a password has no place in a target: use %s.existingSecret" $name $index $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
