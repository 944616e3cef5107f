"""Makes or removes a pod with one container in a private containerd, through its CRI.

Usage: cri.py FOLDER start|end

FOLDER has the socket containerd.sock. `start` prints the id of the container, which has written
100 kB. Requests are gRPC by curl, written here in the wire format of protocol buffers.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

IMAGE = "localhost/busybox:1"
OCI = "application/vnd.oci.image"


def number(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def part(field, content):
    content = content.encode() if isinstance(content, str) else content
    return number(field << 3 | 2) + number(len(content)) + content


def ask(folder, method, message):
    """The id in the answer, if there is one."""
    request = b"\0" + len(message).to_bytes(4, "big") + message
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "60", "--http2-prior-knowledge"]
    command += ["--unix-socket", f"{folder}/containerd.sock", "--dump-header", f"{folder}/headers"]
    command += ["--header", "content-type: application/grpc", "--header", "te: trailers"]
    command += ["--data-binary", "@-", f"http://localhost/runtime.v1.RuntimeService/{method}"]
    answer = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True).stdout
    with open(f"{folder}/headers", encoding="utf-8") as file:
        headers = file.read()
    if "grpc-status: 0" not in headers:
        sys.exit(f"{method}: {headers}")
    found = re.search(rb"[0-9a-f]{64}", answer)
    return found.group().decode() if found else None


def add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def blob(archive, content):
    digest = hashlib.sha256(content).hexdigest()
    add(archive, f"blobs/sha256/{digest}", content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def import_image(folder):
    """An image of nothing but busybox."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "dd"):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    path = f"{folder}/image.tar"
    with tarfile.open(path, "w") as archive:
        add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        tar = blob(archive, layer.getvalue())
        root = {"type": "layers", "diff_ids": [tar["digest"]]}
        command = {"Cmd": ["/bin/sh", "-c", "sleep 1000"]}
        config = {"architecture": "amd64", "os": "linux", "config": command, "rootfs": root}
        config = blob(archive, json.dumps(config).encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": {"mediaType": f"{OCI}.config.v1+json"} | config,
            "layers": [{"mediaType": f"{OCI}.layer.v1.tar"} | tar],
        }
        manifest = blob(archive, json.dumps(manifest).encode())
        names = {"io.containerd.image.name": IMAGE, "org.opencontainers.image.ref.name": "1"}
        entry = {"mediaType": f"{OCI}.manifest.v1+json", "annotations": names} | manifest
        add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    importing = ["ctr", "--address", f"{folder}/containerd.sock", "--namespace", "k8s.io", "images", "import", path]
    subprocess.run(importing, check=True, stdout=subprocess.DEVNULL)


def start(folder):
    import_image(folder)
    # The network of the node: there is no plugin that makes another one.
    options = part(2, part(1, number(1 << 3) + number(2)))
    pod = part(1, part(1, "pod") + part(2, "uid") + part(3, "default")) + part(8, options)
    sandbox = ask(folder, "RunPodSandbox", part(1, pod))
    with open(f"{folder}/sandbox", "w", encoding="utf-8") as file:
        file.write(sandbox)
    script = "dd if=/dev/zero of=/x bs=1024 count=100; sleep 1000"
    command = part(3, "/bin/sh") + part(4, "-c") + part(4, script)
    config = part(1, part(1, "writer")) + part(2, part(1, IMAGE)) + command
    container = ask(folder, "CreateContainer", part(1, sandbox) + part(2, config) + part(3, pod))
    ask(folder, "StartContainer", part(1, container))
    print(container)


def end(folder):
    if os.path.exists(f"{folder}/sandbox"):
        with open(f"{folder}/sandbox", encoding="utf-8") as file:
            ask(folder, "RemovePodSandbox", part(1, file.read()))


if __name__ == "__main__":
    {"start": start, "end": end}[sys.argv[2]](sys.argv[1])
