#!/usr/bin/env bash
# Checks tests/isolated on a host (a network namespace) that forwards nothing and has
# Docker's first address itself: containers reach each other all the same, and when the
# script is told to end in the middle of it, nothing stays behind.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATIENCE=30
OUTPUT=''
SCRIPT=''

fail() {
  printf 'not ok - %s\n' "$1"
  exit 1
}

# eventually COMMAND...
eventually() {
  local deadline=$((SECONDS + PATIENCE))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

# In the namespaces: two containers on a bridge, and a port that is published
containers() {
  local root=$TMPDIR/root
  export DOCKER_HOST=unix://$TMPDIR/docker.sock
  mkdir "$TMPDIR/docker" "$root"
  dockerd --host "$DOCKER_HOST" --data-root "$TMPDIR/docker/data" --exec-root "$TMPDIR/docker/exec" \
    --pidfile "$TMPDIR/docker/pid" >"$TMPDIR/docker/log" 2>&1 &
  eventually docker version || fail "dockerd does not start: $(tail -n 5 "$TMPDIR/docker/log")"
  cp /bin/busybox "$root/busybox"
  tar -C "$root" -c . | docker import --change 'ENTRYPOINT ["/busybox"]' - box >/dev/null
  docker network create bridge-of-the-test >/dev/null
  docker run --detach --network bridge-of-the-test --name serves --publish 127.0.0.1:8080:80 box httpd -f -p 80 >/dev/null
  eventually docker run --rm --network bridge-of-the-test box wget -q -O /dev/null http://serves/busybox ||
    fail 'a container does not reach another'
  eventually curl -fs --noproxy '*' --max-time 5 --output /dev/null http://127.0.0.1:8080/busybox ||
    fail 'a published port does not answer'
  printf 'folder %s\ncontainer %s\nready\n' "$TMPDIR" "$(docker ps --quiet --no-trunc)"
  exec sleep infinity
}

# The host, as another daemon may have left it
hostile_host() {
  ip link set lo up
  ip link add docker0 type bridge
  ip address add 172.17.0.1/16 dev docker0
  for chain in INPUT FORWARD OUTPUT; do
    iptables --policy "$chain" DROP
  done
}

# What there is of the host's own: rules, interfaces and mounts
host() {
  iptables-save | grep -v '^#' | sed 's/\[.*\]//'
  ip -oneline address | sed 's/valid_lft.*//'
  cat /proc/self/mounts
}

# descendants PROCESS: all processes that it has started, directly or not
descendants() {
  local child
  for child in $(pgrep --parent "$1"); do
    printf '%s\n' "$child"
    descendants "$child"
  done
}

cleanup() {
  [[ -z $SCRIPT ]] || kill "$SCRIPT" 2>/dev/null
  rm -f -- "$OUTPUT"
}

check() {
  local before started processes process folder container code=0
  OUTPUT=$(mktemp)
  trap cleanup EXIT
  hostile_host || fail 'the host is not as it should be'
  before=$(host)
  "$ROOT/tests/isolated" "$0" containers >"$OUTPUT" 2>&1 &
  SCRIPT=$!
  PATIENCE=100 eventually grep -qE '^(ready|not ok)' "$OUTPUT"
  grep -qx ready "$OUTPUT" || fail "$(sed "s/^not ok - //" "$OUTPUT")"
  printf 'ok - neither policies nor addresses of the host count\n'
  mapfile -t processes < <(descendants "$SCRIPT")
  ((${#processes[@]} > 5)) || fail "there are ${#processes[@]} processes only"
  started=$SECONDS
  kill -TERM "$SCRIPT"
  wait "$SCRIPT" || code=$?
  ((code == 143 && SECONDS - started <= 5)) || fail "it ended with $code after $((SECONDS - started)) s"
  printf 'ok - it ends within seconds\n'
  for process in "${processes[@]}"; do
    [[ ! -e /proc/$process ]] || fail "there is still: $(tr '\0' ' ' <"/proc/$process/cmdline")"
  done
  folder=$(sed -n 's/^folder //p' "$OUTPUT")
  container=$(sed -n 's/^container //p' "$OUTPUT")
  [[ -n $folder && ! -e $folder ]] || fail "there is still $folder"
  [[ -n $container && -z $(find /sys/fs/cgroup -name "*$container*") ]] || fail "there is a control group of $container"
  [[ $(host) == "$before" ]] || fail "the host has changed: $(diff <(printf '%s\n' "$before") <(host))"
  printf 'ok - no process, folder, control group, rule, interface or mount stays behind\n'
}

case ${1:-} in
  containers) containers ;;
  check) check ;;
  *) exec unshare --net "$0" check ;;
esac
