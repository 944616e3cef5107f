#!/usr/bin/env bash
# Runs the pods of the chart as containers of a private dockerd, with their user, mounts, rights and variables: whether that
# is enough for them. What the kubelet does, such as to make files of secrets, is not tried. Needs ./tools, and the static
# binaries in BIN_DIR (else in target/TARGET/release, where tests/run builds them).
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=${BIN_DIR:-$ROOT/target/$(rustc -vV | sed -n 's/^host: //p')/release}
FOLDER=$(mktemp -d)
TASKS=/run/containerd/io.containerd.runtime.v2.task
# Seconds that something may take
PATIENCE=60
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
export DOCKER_HOST=unix://$FOLDER/docker.sock DOCKER_BUILDKIT=0

start_daemon() {
  # As systemd makes it on a host; and a card, which only the host has
  mount --make-rshared /
  ip link add eth0 type veth peer name veth-eth0 && ip link set eth0 up && ip link set veth-eth0 up
  dockerd --host "$DOCKER_HOST" --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" \
    --pidfile "$FOLDER/pid" >"$FOLDER/log" 2>&1 &
  eventually docker version
}

images() {
  mkdir -p "$FOLDER/root/bin"
  cp /bin/busybox "$FOLDER/root/bin/sleep"
  tar -C "$FOLDER/root" -c . | docker import - busybox:test && "$ROOT/deploy/docker/build" --bin-dir "$BIN_DIR"
}

# A container of somebody's pod, as containerd would have made it: its files belong to root, and nobody else may read them.
start_web() {
  local id
  id=$(docker run --detach --name web --memory 64m busybox:test /bin/sleep 600) || return
  # The containerd of a dockerd makes it unlike one that stands alone.
  install -d -m 711 "${TASKS%/*}"
  (
    umask 077
    mkdir -p "$TASKS/k8s.io/$id"
    docker inspect --format '{{.State.Pid}}' web >"$TASKS/k8s.io/$id/init.pid"
    cat >"$TASKS/k8s.io/$id/config.json" <<'JSON'
{"annotations": {"io.kubernetes.cri.container-name": "web", "io.kubernetes.cri.container-type": "container",
  "io.kubernetes.cri.image-name": "registry.example/web:1", "io.kubernetes.cri.sandbox-name": "shop-7d9",
  "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-uid": "5f0c"}}
JSON
  )
}

# As the kubelet makes them: of root, readable for the group of the pod
make_secrets() {
  install -d "$FOLDER/secrets/redis-passwords" "$FOLDER/secrets/accounts"
  printf 'secret' >"$FOLDER/secrets/redis-passwords/password"
  printf '[client]\nuser = exporter\npassword = secret\n' >"$FOLDER/secrets/accounts/my.cnf"
  chown -R root:65534 "$FOLDER/secrets"
  chmod -R u=rX,g=rX,o= "$FOLDER/secrets"/*/*
  chmod 755 "$FOLDER" "$FOLDER/secrets"
}

# start EXPORTER [FLAG-OF-HELM...]
start() {
  local name=$1 arguments
  shift
  "$ROOT/target/kubernetes/venv/bin/python" -B "$HERE/as_docker.py" "$name" "$FOLDER/secrets" "$@" >"$FOLDER/arguments" || return
  mapfile -t arguments <"$FOLDER/arguments"
  docker rm --force "$name" &>/dev/null
  docker run --detach --name "$name" "${arguments[@]}" && eventually docker exec "$name" /exporter healthcheck
}

# has EXPORTER SERIES: a line of one scrape begins with the pattern
has() {
  docker exec "$1" /exporter scrape 2>"$FOLDER/errors" >"$FOLDER/scrape"
  grep -q -E "^$2" "$FOLDER/scrape" || {
    grep -E "^${2%%[^a-z_]*}" "$FOLDER/scrape"
    cat "$FOLDER/errors"
    return 1
  }
}

fails_nowhere() {
  docker exec "$1" /exporter scrape >/dev/null
}

# Nobody, not even root, may write below a folder of the node.
is_read_only() {
  [[ $(docker inspect --format '{{range .Mounts}}{{if .RW}}{{.Destination}} {{end}}{{end}}' "$1") == '' ]]
}

nodes() {
  check 'node starts' start node
  check 'node: the disk of the node' has node "node_filesystem_size_bytes\{.*mountpoint=\"/\"\} "
  check 'node: the network of the node' has node 'node_network_receive_bytes_total\{device="eth0"\}'
  check 'node: no collector fails' fails_nowhere node
  check 'node without its root starts' start node --set=node.rootfs=false
  check 'node without its root: the network of the node' has node 'node_network_receive_bytes_total\{device="eth0"\}'
  check 'node without its root: no collector fails' fails_nowhere node
}

containers() {
  local pod='container="web",namespace="shop",pod="shop-7d9",.*name="web"'
  check 'container starts' start container
  check 'container: a container with namespace and pod' has container "container_memory_working_set_bytes\{.*$pod"
  check 'container: its limit' has container "container_spec_memory_limit_bytes\{.*$pod.*\} 67108864"
  check 'container: the disks of the node' has container 'container_fs_reads_bytes_total\{id="/"|container_fs_reads_total\{id="/"'
  check 'container: no collector fails' fails_nowhere container
  check 'container: its mounts are read-only' is_read_only container
  check 'container with the root starts' start container --set=container.rootfs=true
  check 'container with the root: a container with namespace and pod' has container "container_memory_working_set_bytes\{.*$pod"
  check 'container with the root: space on disks' has container 'container_fs_limit_bytes\{id="/"'
}

servers() {
  check 'redis starts' start redis --set=redis.enabled=true,redis.address=redis://127.0.0.1:1,redis.existingSecret=redis-passwords
  check 'redis: its server is down' has redis 'redis_up 0'
  check 'redis without a server of its own starts' start redis --set=redis.enabled=true
  check 'redis without a server of its own: nothing fails' fails_nowhere redis
  check 'mysql starts' start mysql --set=mysql.enabled=true,mysql.existingSecret=accounts,mysql.address=127.0.0.1:1
  check 'mysql: its server is down' has mysql 'mysql_up 0'
}

main() {
  make_secrets
  check 'dockerd starts' start_daemon
  check 'images' images
  if ((FAILED == 0)); then
    check 'a container of a pod' start_web
    nodes
    containers
    servers
  fi
  conclude
}

main
