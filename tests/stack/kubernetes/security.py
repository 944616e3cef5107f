"""What pods may do: the pod security standard "restricted", and for the exporters of nodes and
containers all of it that does not forbid what they are for."""

import re

from rendering import case, named, of_kind, pod_of, pods

# The conditions of the standard, as published: https://kubernetes.io/docs/concepts/security/pod-security-standards/
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod):
    """Each condition of "restricted" that a pod does not fulfil."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield key
    for volume in pod.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume['name']}"
    if pod["securityContext"].get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "seccompProfile"
    if not pod["securityContext"].get("runAsNonRoot"):
        yield "runAsNonRoot"
    if pod["securityContext"].get("runAsUser") == 0:
        yield "runAsUser"
    for container in pod["containers"]:
        context = container["securityContext"]
        if context.get("privileged") or context.get("allowPrivilegeEscalation") is not False:
            yield "allowPrivilegeEscalation"
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield "capabilities"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield "hostPort"


def redis_mysql_and_tests_are_restricted():
    for name in ("default", "everything", "probes"):
        for pod_name, pod in pods(case(name)):
            if not pod_name.endswith(("node-exporter", "container-exporter")):
                assert not list(violations(pod)), f"{name}: {pod_name}: {list(violations(pod))}"


def node_and_container_break_it_by_what_they_read_alone():
    expected = {
        "default": {
            "node-exporter": ["volume rootfs"],
            "container-exporter": ["volume proc", "volume sys", "volume machine-id", "volume runtime",
                                   "runAsNonRoot", "runAsUser"],
        },
        "everything": {
            "node-exporter": ["hostNetwork", "volume rootfs", "volume textfile"],
            "container-exporter": ["hostPID", "volume rootfs", "runAsNonRoot", "runAsUser"],
        },
    }
    for name, exporters in expected.items():
        objects = case(name)
        for exporter, reasons in exporters.items():
            found = list(violations(pod_of(named(objects, "DaemonSet", f"-{exporter}"))))
            assert found == reasons, f"{name}: {exporter}: {found}"


def nothing_of_the_node_can_be_written():
    for name in ("default", "everything", "probes"):
        for pod_name, pod in pods(case(name)):
            (container,) = pod["containers"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, pod_name
            for mount in container.get("volumeMounts", []):
                assert mount["readOnly"] is True, f"{pod_name}: {mount}"
                followed = mount.get("mountPropagation") == "HostToContainer"
                # Kubernetes refuses both together.
                assert not (followed and "recursiveReadOnly" in mount), f"{pod_name}: {mount}"


def no_folder_of_a_socket_is_mounted():
    for name in ("default", "probes"):
        for pod_name, pod in pods(case(name)):
            for volume in pod.get("volumes", []):
                path = volume.get("hostPath", {}).get("path", "")
                assert not re.match(r"^(/var)?(/run)?(/k3s)?/containerd/?$|\.sock$", path), f"{pod_name}: {path}"


def no_pod_has_a_token_or_the_variables_of_services():
    for name in ("default", "minimal", "everything"):
        objects = case(name)
        for pod_name, pod in pods(objects):
            assert pod["automountServiceAccountToken"] is False, pod_name
            assert pod["enableServiceLinks"] is False, pod_name
        for account in of_kind(objects, "ServiceAccount"):
            assert account["automountServiceAccountToken"] is False
        assert not of_kind(objects, "ClusterRole") and not of_kind(objects, "Role")


def secrets_are_files():
    objects = case("everything")
    assert not of_kind(objects, "Secret")
    for pod_name, pod in pods(objects):
        (container,) = pod["containers"]
        assert not [item for item in container.get("env", []) if "valueFrom" in item], pod_name
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                # Readable for the user of the pod, by its group, and for nobody else
                assert volume["secret"]["defaultMode"] == 0o440, f"{pod_name}: {volume}"


CHECKS = [
    redis_mysql_and_tests_are_restricted,
    node_and_container_break_it_by_what_they_read_alone,
    nothing_of_the_node_can_be_written,
    no_folder_of_a_socket_is_mounted,
    no_pod_has_a_token_or_the_variables_of_services,
    secrets_are_files,
]
