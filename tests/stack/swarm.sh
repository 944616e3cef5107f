#!/usr/bin/env bash
# Deploys deploy/swarm on a swarm of one node, on a private dockerd in a network of its own: our
# images from the static binaries in BIN_DIR (else in target/TARGET/release, where tests/run builds
# them), the others' made of the distribution's packages.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=${BIN_DIR:-$ROOT/target/$(rustc -vV | sed -n 's/^host: //p')/release}
FOLDER=$(mktemp -d)
PROJECT=$FOLDER/deploy
STACK=$PROJECT/swarm/stack.yml
# Seconds that something may take
PATIENCE=60
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
export DOCKER_HOST=unix://$FOLDER/docker.sock DOCKER_BUILDKIT=0
export DOCKER_SOCKET=$FOLDER/docker.sock PROMETHEUS_NODE=$HOSTNAME
unset PROMETHEUS_VERSION SOCKET_PROXY_VERSION EXPORTERS_IMAGES EXPORTERS_VERSION APPLICATION_NETWORK CONFIG_VERSION

# shellcheck source=tests/stack/compose/stand-ins.sh
source "$ROOT/tests/stack/compose/stand-ins.sh"

make_project() {
  cp -a "$ROOT/deploy" "$PROJECT"
  # So that the test need not wait for what a stack has time for
  sed -i -E 's/(scrape|refresh)_interval: 15s/\1_interval: 2s/' "$PROJECT/swarm/prometheus.yml"
}

prometheus_takes_it() {
  local folder=$FOLDER/prometheus
  mkdir -p "$folder"
  cp "$ROOT/deploy/swarm/prometheus.yml" "$folder/"
  cp -r "$PROJECT/monitoring/prometheus/rules" "$folder/rules"
  promtool check config "$folder/prometheus.yml"
}

# The versions by default are those of the compose files.
versions_are_those_of_compose() {
  local name default
  while IFS=: read -r name default; do
    [[ $(setting "$name") == "$default" ]] || {
      printf '%s is %s in stack.yml, %s in .env\n' "$name" "$default" "$(setting "$name")"
      return 1
    }
  done < <(grep -oE '\$\{[A-Z_]+(VERSION|RETENTION|IMAGES):-[^}]+' "$STACK" | grep -v CONFIG_VERSION |
    sed -E 's/^\$\{//; s/:-/:/' | sort -u)
  [[ -n ${name+set} ]]
}

# As systemd makes it on a host; the namespace of this test has it private. What a host mounts
# later is then seen in the containers too.
share_mounts() {
  mount --make-rshared /
}

start_daemon() {
  dockerd --host "$DOCKER_HOST" --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" \
    --pidfile "$FOLDER/pid" >"$FOLDER/log" 2>&1 &
  eventually docker version
}

start_swarm() {
  docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377 &&
    docker network create --driver overlay --attachable application
}

images() {
  "$ROOT/deploy/docker/build" --bin-dir "$BIN_DIR" && add_busybox && add_prometheus && add_redis && add_socket_proxy
}

# What the application of somebody else would be: two of Redis, and one that is no MySQL
start_servers() {
  local service=(docker service create --detach --no-resolve-image --network application --endpoint-mode dnsrr)
  "${service[@]}" --name cache --replicas 2 --label prometheus.server=redis --label prometheus.port=6379 \
    "redis:$(setting REDIS_VERSION)" redis-server --requirepass "$(cat "$PROJECT/secrets/redis_password")" \
    --protected-mode no &&
    "${service[@]}" --name db --label prometheus.server=mysql --label prometheus.port=3306 \
      "busybox:$(setting BUSYBOX_VERSION)" sleep 600
}

deploy() {
  docker stack deploy --compose-file "$STACK" --resolve-image never monitoring
}

# Each service has all of its tasks.
all_run() {
  local name replicas count=0
  while read -r name replicas _; do
    count=$((count + 1))
    if [[ ${replicas%/*} == 0 || ${replicas%/*} != "${replicas#*/}" ]]; then
      docker service ps --no-trunc --format '{{.Name}} {{.CurrentState}} {{.Error}}' "$name"
      docker service logs --tail 5 "$name" 2>&1
      return 1
    fi
  done < <(docker service ls --format '{{.Name}} {{.Replicas}}')
  ((count == 8))
}

# From inside: no port is published.
prometheus() {
  local container
  container=$(docker ps --quiet --filter label=com.docker.swarm.service.name=monitoring_prometheus | head -n 1)
  docker exec "$container" wget -q -O - "http://127.0.0.1:9090/api/v1/$1"
}

# is_value EXPRESSION VALUE: of the only series
is_value() {
  local actual
  actual=$(prometheus "query?query=$(jq -rn --arg text "$1" '$text | @uri')" |
    jq -r '.data.result | if length == 1 then .[0].value[1] else "\(length) series" end')
  [[ $actual == "$2" ]] || {
    printf '%s is %s, not %s\n' "$1" "$actual" "$2"
    prometheus 'targets?state=active' | jq -r '.data.activeTargets[] | "\(.labels) \(.health) \(.lastError)"'
    return 1
  }
}

holds() {
  check "$1" eventually is_value "$2" "$3"
}

rules_are_loaded() {
  (($(prometheus rules | jq '[.data.groups[].rules[]] | length') == $(cat "$PROJECT"/monitoring/prometheus/rules/*.yml |
    grep -c -- '- alert: ')))
}

# Read requests of the kinds that it is for
proxy_refuses_the_rest() {
  local container answer
  container=$(docker ps --quiet --filter label=com.docker.swarm.service.name=monitoring_prometheus | head -n 1)
  docker exec "$container" wget -q -O /dev/null http://socket-proxy:2375/services || return 1
  answer=$(docker exec "$container" wget -O /dev/null http://socket-proxy:2375/secrets 2>&1)
  grep -q '403' <<<"$answer"
}

running() {
  local job
  for job in node-exporter cadvisor redis-exporter prometheus; do
    holds "$job is found and up" "sum(up{job=\"$job\", instance=\"$HOSTNAME\"})" 1
  done
  holds 'each task of Redis is found and answers' 'count(redis_up{instance=~"cache.[12]"} == 1)' 2
  holds 'the task that is no MySQL is found, and its exporter says so' 'sum(mysql_up{instance="db.1"} == 0)' 0
  holds 'the disk of the node is there' 'count(node_filesystem_size_bytes{mountpoint="/"})' 1
  holds 'containers have their names' \
    'count(container_last_seen{name=~"monitoring_.+"})' 6
  holds 'tasks have no state, which would raise alerts when they end' 'count(container_state) or vector(0)' 0
  check 'all alerts are loaded' rules_are_loaded
  check 'the proxy lets nothing else pass' proxy_refuses_the_rest
  check 'one of two tasks is taken away' docker service scale --detach cache=1
  holds 'and is no target any more' 'count(redis_up{job="redis-exporter", instance=~"cache.+"})' 1
}

main() {
  make_project
  check 'Prometheus takes its file' prometheus_takes_it
  check 'the versions are those of the compose files' versions_are_those_of_compose
  check 'mounts are shared' share_mounts
  check 'dockerd starts' start_daemon
  check 'a swarm of one node' start_swarm
  check 'images' images
  if ((FAILED == 0)); then
    check 'servers' start_servers
    check 'the stack is deployed' deploy
    check 'all services run' eventually all_run
    ((FAILED > 0)) || running
  fi
  conclude
}

main
