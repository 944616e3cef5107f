"""A pod of the chart as arguments of `docker run`, one a line: what it may do, reads and is told.

Usage: as_docker.py EXPORTER FOLDER-OF-SECRETS [FLAG-OF-HELM...]
"""

import sys
from pathlib import Path

from rendering import OLDEST, pods, render


def arguments(pod, secrets):
    (container,) = pod["containers"]
    context = pod["securityContext"]
    yield f"--user={context['runAsUser']}:{context['runAsGroup']}"
    yield f"--memory={container['resources']['limits']['memory'].removesuffix('i').lower()}"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    yield "--read-only"
    yield from (f"--cap-drop={name}" for name in container["securityContext"]["capabilities"]["drop"])
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    yield "--security-opt=no-new-privileges"
    yield from (f"--env={item['name']}={item['value']}" for item in container["env"])
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        volume = volumes[mount["name"]]
        source = volume["hostPath"]["path"] if "hostPath" in volume else Path(secrets) / volume["secret"]["secretName"]
        follows = ",bind-propagation=rslave" if mount.get("mountPropagation") else ""
        yield f"--mount=type=bind,source={source},target={mount['mountPath']},readonly{follows}"
    yield container["image"]
    yield from container.get("args", [])


def main():
    name, secrets, *flags = sys.argv[1:]
    found = dict(pods(render(*flags, version=OLDEST)))
    print("\n".join(arguments(found[f"exporters-{name}-exporter"], secrets)))


main()
