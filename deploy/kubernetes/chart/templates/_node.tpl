{{- define "exporters.node.host" -}}
{{- if .root.Values.node.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- end -}}

{{- define "exporters.node.user" -}}
{{ include "exporters.nobody" . }}
{{- end -}}

{{/* It stays in a network of its own: process 1 shows the node's. */}}
{{- define "exporters.node.env" -}}
- {name: NODE_EXPORTER_PATH_ROOTFS, value: /host}
- {name: NODE_EXPORTER_PATH_PROCFS, value: /host/proc}
- {name: NODE_EXPORTER_PATH_SYSFS, value: /host/sys}
- {name: NODE_EXPORTER_COLLECTOR_ARP_NETLINK, value: 'false'}
- {name: NODE_EXPORTER_COLLECTOR_NETDEV_NETLINK, value: 'false'}
{{- if .root.Values.node.rootfs }}
- {name: NODE_EXPORTER_PATH_UDEV_DATA, value: /host/run/udev/data}
# The default, and what the kubelet and the runtime mount for pods
- name: NODE_EXPORTER_COLLECTOR_FILESYSTEM_MOUNT_POINTS_EXCLUDE
  value: ^/(dev|proc|run/(containerd|containers|credentials|k3s|netns|user)/.+|sys|var/lib/(containerd|containers|docker|kubelet)/.+)($|/)
{{- else }}
- {name: NODE_EXPORTER_COLLECTOR_FILESYSTEM, value: 'false'}
- {name: NODE_EXPORTER_COLLECTOR_OS, value: 'false'}
{{- end }}
{{- end -}}

{{- define "exporters.node.mounts" -}}
{{- if .root.Values.node.rootfs }}
# What the node mounts later is seen too; a mount that follows the node's cannot be read-only all through.
- {name: rootfs, mountPath: /host, readOnly: true, mountPropagation: HostToContainer}
{{- else }}
- {name: proc, mountPath: /host/proc, {{ include "exporters.readOnly" . }}}
- {name: sys, mountPath: /host/sys, {{ include "exporters.readOnly" . }}}
{{- end }}
{{- end -}}

{{- define "exporters.node.volumes" -}}
{{- if .root.Values.node.rootfs }}
- {name: rootfs, hostPath: {path: /, type: Directory}}
{{- else }}
- {name: proc, hostPath: {path: /proc, type: Directory}}
- {name: sys, hostPath: {path: /sys, type: Directory}}
{{- end }}
{{- end -}}
