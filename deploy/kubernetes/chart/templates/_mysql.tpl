{{- define "exporters.mysql.host" -}}{{- end -}}

{{- define "exporters.mysql.user" -}}
{{ include "exporters.nobody" . }}
{{- end -}}

{{- define "exporters.mysql.env" -}}
- {name: MYSQL_EXPORTER_CONFIG_MY_CNF, value: /run/secrets/mysql/{{ .root.Values.mysql.secretKey }}}
{{- with .root.Values.mysql.address }}
- {name: MYSQL_EXPORTER_MYSQLD_ADDRESS, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "exporters.mysql.mounts" -}}
- {name: accounts, mountPath: /run/secrets/mysql, readOnly: true}
{{- end -}}

{{- define "exporters.mysql.volumes" -}}
- {name: accounts, secret: {secretName: {{ required "mysql.existingSecret: the secret with the option file of the accounts is needed" .root.Values.mysql.existingSecret }}, defaultMode: 0440}}
{{- end -}}
