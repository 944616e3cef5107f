{{- define "exporters.redis.host" -}}{{- end -}}

{{- define "exporters.redis.user" -}}
{{ include "exporters.nobody" . }}
{{- end -}}

{{- define "exporters.redis.env" -}}
- {name: REDIS_ADDR, value: {{ .root.Values.redis.address | quote }}}
{{- if .root.Values.redis.existingSecret }}
- {name: REDIS_PASSWORD_FILE, value: /run/secrets/redis/{{ .root.Values.redis.secretKey }}}
{{- end }}
# What memory is measured by where the server has no maxmemory
- {name: REDIS_EXPORTER_INCL_SYSTEM_METRICS, value: 'true'}
{{- end -}}

{{- define "exporters.redis.mounts" -}}
{{- if .root.Values.redis.existingSecret -}}
- {name: password, mountPath: /run/secrets/redis, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "exporters.redis.volumes" -}}
{{- if .root.Values.redis.existingSecret -}}
- {name: password, secret: {secretName: {{ .root.Values.redis.existingSecret }}, defaultMode: 0440}}
{{- end -}}
{{- end -}}
