{{- define "exporters.container.host" -}}
{{- if .root.Values.container.hostPID }}
hostPID: true
{{- end }}
{{- end -}}

{{/* The files of the runtimes belong to root and nobody else may read them; without any capability root may do no
more than that. */}}
{{- define "exporters.container.user" -}}
runAsUser: 0
runAsGroup: 0
{{- end -}}

{{- define "exporters.container.env" -}}
{{- $own := .root.Values.container -}}
- {name: CONTAINER_EXPORTER_DOCKER, value: ''}
- {name: CONTAINER_EXPORTER_PODMAN, value: ''}
- {name: CONTAINER_EXPORTER_DOCKER_ONLY, value: 'true'}
- {name: CONTAINER_EXPORTER_PATH_ROOTFS, value: /rootfs}
- {name: CONTAINER_EXPORTER_PATH_SYSFS, value: /rootfs/sys}
- {name: CONTAINER_EXPORTER_PATH_CGROUP, value: /rootfs/sys/fs/cgroup}
- {name: CONTAINER_EXPORTER_DISABLE_METRICS, value: {{ ternary $own.disableMetrics (append $own.disableMetrics "disk") $own.rootfs | uniq | sortAlpha | join "," | quote }}}
# Names of containers are those of the pods' manifests, the same in many pods: these labels tell them apart.
- {name: CONTAINER_EXPORTER_STORE_CONTAINER_LABELS, value: 'false'}
- name: CONTAINER_EXPORTER_CONTAINER_RENAME_LABELS
  value: io.kubernetes.pod.namespace=namespace,io.kubernetes.pod.name=pod,io.kubernetes.container.name=container
{{- end -}}

{{/* Where the exporter looks for what the runtime keeps */}}
{{- define "exporters.container.state" -}}
{{- if eq .root.Values.container.runtime "cri-o" -}}
/run/containers/storage/overlay-containers
{{- else -}}
/run/containerd/io.containerd.runtime.v2.task
{{- end -}}
{{- end -}}

{{- define "exporters.container.mounts" -}}
{{- if .root.Values.container.rootfs }}
- {name: rootfs, mountPath: /rootfs, readOnly: true, mountPropagation: HostToContainer}
{{- else }}
- {name: proc, mountPath: /rootfs/proc, {{ include "exporters.readOnly" . }}}
- {name: sys, mountPath: /rootfs/sys, {{ include "exporters.readOnly" . }}}
- {name: machine-id, mountPath: /rootfs/etc/machine-id, readOnly: true}
{{- end }}
{{- if or .root.Values.container.runtimeFolder (eq .root.Values.container.runtime "k3s") (not .root.Values.container.rootfs) }}
- {name: runtime, mountPath: /rootfs{{ include "exporters.container.state" . }}, {{ include "exporters.readOnly" . }}}
{{- end }}
{{- end -}}

{{- define "exporters.container.volumes" -}}
{{- $own := .root.Values.container -}}
{{- $usual := dict "k3s" "/run/k3s/containerd/io.containerd.runtime.v2.task" -}}
{{- $folder := default (get $usual $own.runtime | default (include "exporters.container.state" .)) $own.runtimeFolder -}}
{{- if $own.rootfs }}
- {name: rootfs, hostPath: {path: /, type: Directory}}
{{- else }}
- {name: proc, hostPath: {path: /proc, type: Directory}}
- {name: sys, hostPath: {path: /sys, type: Directory}}
- {name: machine-id, hostPath: {path: /etc/machine-id, type: File}}
{{- end }}
{{- if or $own.runtimeFolder (eq $own.runtime "k3s") (not $own.rootfs) }}
# Not the folder above, where the runtime's socket is
- {name: runtime, hostPath: {path: {{ $folder }}, type: Directory}}
{{- end }}
{{- end -}}
