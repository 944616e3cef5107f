#!/usr/bin/env bash
# Runs the compose files on a private dockerd: our images from static binaries
# (in BIN_DIR, else built), the others' made of the distribution's packages.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FOLDER=$(mktemp -d)
PROJECT=$FOLDER/project
DIRECTORY=$PROJECT
OUTPUT=$FOLDER/output
SOCKET=$FOLDER/docker.sock
DAEMON=''
PASSED=0
FAILED=0
LEFT_OUT=(grafana loki promtail traefik)
SERVICES=(alertmanager analysis container-exporter gateway mysql mysql-exporter node-exporter
  prometheus redis redis-exporter socket-proxy worker)
TARGETS=(alertmanager cadvisor mysql-exporter node-exporter prometheus redis-exporter)
PROMETHEUS_PORT=$((10000 + RANDOM % 10000))
# Of the machine under test no setting may shine through.
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES
export DOCKER_HOST=unix://$SOCKET DOCKER_BUILDKIT=0 NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1

# shellcheck source=tests/compose/stand-ins.sh
source "$ROOT/tests/compose/stand-ins.sh"
# shellcheck source=tests/compose/alerts.sh
source "$ROOT/tests/compose/alerts.sh"

check() {
  local name=$1
  shift
  if "$@" >"$OUTPUT" 2>&1; then
    printf 'ok - %s\n' "$name"
    PASSED=$((PASSED + 1))
  else
    printf 'not ok - %s\n' "$name"
    tail -n 40 "$OUTPUT" | sed 's/^/    /'
    FAILED=$((FAILED + 1))
  fi
}

not_run() {
  printf 'not run - %s\n' "$1"
}

eventually() {
  local deadline=$((SECONDS + 150))
  until "$@" >"$FOLDER/attempt" 2>&1; do
    if ((SECONDS > deadline)); then
      cat "$FOLDER/attempt"
      return 1
    fi
    sleep 1
  done
}

start_daemon() {
  # The host's packet filter is not the test's to change.
  dockerd --host "$DOCKER_HOST" --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" \
    --pidfile "$FOLDER/pid" --bridge=none --iptables=false --ip6tables=false --ip-masq=false \
    >"$FOLDER/log" 2>&1 &
  DAEMON=$!
  eventually docker version
}

cleanup() {
  local mount
  stop_listener
  if [[ -n $DAEMON ]]; then
    guide v1 --file "$ROOT/tests/compose/left-out.yml" down --volumes --timeout 5 >/dev/null 2>&1
    docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1
    kill "$DAEMON"
    wait "$DAEMON" 2>/dev/null
    # The daemon leaves the network namespace of its host mounted.
    grep -oE " $FOLDER/[^ ]+" /proc/self/mounts | while read -r mount; do umount "$mount"; done
  fi
  rm -rf -- "$FOLDER"
}

# compose v1|v2 ARGUMENTS...
compose() {
  local version=$1
  shift
  cd "$DIRECTORY" || return
  case $version in
    v1) docker-compose "$@" ;;
    v2) docker compose "$@" ;;
  esac
}

# The command as the guide writes it
guide() {
  local version=$1
  shift
  compose "$version" -f docker-compose.yml -f docker-compose.monitoring.yml "$@"
}

# The same, without the services that have no image here
guide_here() {
  local version=$1
  shift
  guide "$version" -f "$ROOT/tests/compose/left-out.yml" "$@"
}

make_project() {
  local service
  cp -a "$ROOT/deploy" "$PROJECT"
  for service in "${LEFT_OUT[@]}"; do
    rm -f "$PROJECT/monitoring/prometheus/targets/$service.yml"
  done
  sed -i -e "s|^DOCKER_SOCKET=.*|DOCKER_SOCKET=$SOCKET|" \
    -e "s|^PROMETHEUS_PORT=.*|PROMETHEUS_PORT=$PROMETHEUS_PORT|" \
    -e "s|^EXPORTERS_SOURCE=.*|EXPORTERS_SOURCE=$ROOT|" \
    -e "s|^COMPOSE_FILE=.*|&:$ROOT/tests/compose/left-out.yml|" "$PROJECT/.env"
  sed -i 's/scrape_interval: 15s/scrape_interval: 2s/' "$PROJECT/monitoring/prometheus/prometheus.yml"
}

v2_is_there() {
  docker compose version >/dev/null 2>&1
}

# As v1 prints the ports; those of Traefik are meant for everybody.
ports_are_private() {
  guide v1 config | sed '/^  traefik:/,/^  [a-z]/d' >"$FOLDER/private"
  ! sed -n '/ports:/,/^    [a-z]/p' "$FOLDER/private" | grep -E '^    - ' | grep -v '127\.0\.0\.1:'
}

# Beside an application of another, without one of our services
monitoring_stands_alone() {
  local alone=$FOLDER/alone
  mkdir -p "$alone"
  cp -a "$PROJECT/." "$alone/"
  cp "$ROOT/tests/compose/application.yml" "$alone/docker-compose.yml"
  DIRECTORY=$alone guide "$1" config --quiet
}

secrets_are_renewed() {
  "$PROJECT/secrets/renew" && ! grep -rq change-me "$PROJECT/secrets" --include='*_*' --exclude=renew
}

queries_parse() {
  cp -a "$ROOT/tests/compose/logql" "$FOLDER/logql"
  (cd "$FOLDER/logql" && npm install --no-package-lock --no-audit --no-fund --silent &&
    node check.mjs "$PROJECT/monitoring/loki/queries.logql" "$PROJECT"/README{,.fr}.md)
}

# What must be there for Loki to delete anything at all
loki_keeps_30_days() {
  local line
  for line in '  retention_period: 30d' '  retention_enabled: true' '  delete_request_store: filesystem' \
    '      schema: v13' '      index: {prefix: index_, period: 24h}'; do
    grep -qxF -- "$line" "$PROJECT/monitoring/loki/loki.yml" || return 1
  done
  python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$PROJECT/monitoring/loki/loki.yml"
}

configuration() {
  check 'secrets/renew replaces every shipped password' secrets_are_renewed
  check 'docker-compose accepts both files' guide v1 config --quiet
  check 'the short form means both files' compose v1 config --services
  check 'docker-compose accepts the monitoring beside another application' monitoring_stands_alone v1
  check "each query for Loki parses and stands in both guides" queries_parse
  check 'Loki has what retention needs' loki_keeps_30_days
  check 'only Traefik publishes ports to others' ports_are_private
  if v2_is_there; then
    check 'docker compose accepts both files' guide v2 config --quiet
    check 'docker compose accepts the monitoring beside another application' monitoring_stands_alone v2
  else
    not_run 'docker compose: there is no such plugin here'
  fi
}

image() {
  printf '%s/%s:%s' "$(setting EXPORTERS_IMAGES)" "$1" "$(setting EXPORTERS_VERSION)"
}

is_small() {
  (($(docker image inspect --format '{{.Size}}' "$(image "$1")") <= 8 * 1024 * 1024))
}

is_described() {
  local format='{{.Config.User}} {{index .Config.Labels "org.opencontainers.image.title"}} {{.Config.Healthcheck.Test}}'
  [[ $(docker image inspect --format "$format" "$(image "$1")") == "65534:65534 $1 [CMD /exporter healthcheck]" ]]
}

images() {
  local name bin_dir=()
  [[ -z ${BIN_DIR:-} ]] || bin_dir=(--bin-dir "$BIN_DIR")
  check 'deploy/docker/build packs the four images' "$ROOT/deploy/docker/build" "${bin_dir[@]}"
  for name in {node,container,redis,mysql}-exporter; do
    check "the image of $name has at most 8 MB" is_small "$name"
    check "the image of $name has a user, a name and a health check" is_described "$name"
  done
  add_stand_ins
}

# With a health check healthy, without one running
are_healthy() {
  local name state
  for name in "${SERVICES[@]}"; do
    state=$(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' \
      "twitch-chatters-$name") || return 1
    if [[ $state != healthy && $state != running ]]; then
      printf '%s is %s\n' "$name" "$state"
      docker logs --tail 5 "twitch-chatters-$name" 2>&1
      docker inspect --format '{{json .State.Health}}' "twitch-chatters-$name"
      return 1
    fi
  done
}

prometheus() {
  curl -fsS --noproxy '*' --max-time 10 "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1" "${@:2}"
}

targets_are_up() {
  local job targets
  targets=$(prometheus 'targets?state=active' | jq -r '.data.activeTargets[] | "\(.labels.job) \(.health) \(.lastError)"')
  for job in "${TARGETS[@]}"; do
    if ! grep -q "^$job up" <<<"$targets"; then
      printf '%s\n' "$targets"
      return 1
    fi
  done
}

# value EXPRESSION: of the only series
value() {
  prometheus query --data-urlencode "query=$1" |
    jq -er '.data.result | if length == 1 then .[0].value[1] else error("\(length) series") end'
}

is_value() {
  local actual
  actual=$(value "$1")
  [[ $actual == "$2" ]] || {
    printf '%s is %s, not %s\n' "$1" "$actual" "$2"
    return 1
  }
}

# The other ends of the containers' interfaces, which only the host has
network_is_the_hosts() {
  is_value 'count(node_network_receive_bytes_total{device=~"veth.+"}) > bool 5' 1
}

root_has_its_size() {
  is_value 'node_filesystem_size_bytes{mountpoint="/"}' "$(($(stat --file-system --format '%b * %S' /)))"
}

# All of ours that run, each once
containers_are_seen() {
  is_value 'count(container_last_seen{name=~"twitch-chatters-.+"})' "${#SERVICES[@]}"
}

exporters_fail_nowhere() {
  local name
  for name in {node,container,redis,mysql}-exporter; do
    docker logs "twitch-chatters-$name" >"$FOLDER/logs" 2>&1 && grep -q listening "$FOLDER/logs" || return 1
    ! grep -E 'level=(warn|error)' "$FOLDER/logs" || return 1
  done
}

hardened() {
  local name state
  for name in "${SERVICES[@]}"; do
    state=$(docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{gt .HostConfig.Memory 0}} {{index .HostConfig.LogConfig.Config "max-size"}}' \
      "twitch-chatters-$name")
    [[ $state == 'true [ALL] true 10m' ]] || {
      printf '%s: %s\n' "$name" "$state"
      return 1
    }
  done
}

listens_on_loopback_only() {
  ! docker ps --format '{{.Ports}}' | grep -E '(0\.0\.0\.0|\[?::\]?):'
}

has_trust_roots() {
  docker cp twitch-chatters-redis-exporter:/etc/ssl/certs/ca-certificates.crt "$FOLDER/roots" &&
    grep -q 'BEGIN CERTIFICATE' "$FOLDER/roots"
}

logs_are_json() {
  docker logs "twitch-chatters-$1" 2>&1 | jq -es 'length > 0 and all(has("level", "path", "duration", "msg"))' &&
    return 0
  docker logs "twitch-chatters-$1" 2>&1 | tail -3
  return 1
}

# On the network of the log collector
beside_the_proxy() {
  docker run --rm --network twitch-chatters-socket "$@"
}

proxy_refuses_commands() {
  local answer
  answer=$(beside_the_proxy "busybox:$(setting BUSYBOX_VERSION)" \
    wget -O - --post-data '' http://socket-proxy:2375/containers/twitch-chatters-worker/kill 2>&1)
  [[ $answer == *'403 Forbidden'* ]]
}

# Promtail finds containers and labels them by the code of Prometheus.
promtail_finds_services() {
  local found
  mkdir -p "$FOLDER/discovery"
  {
    printf 'scrape_configs:\n'
    sed -n '/^  - job_name/,$p' "$PROJECT/monitoring/promtail/promtail.yml"
  } >"$FOLDER/discovery/prometheus.yml"
  chmod 755 "$FOLDER" "$FOLDER/discovery"
  found=$(beside_the_proxy --entrypoint /bin/promtool --volume "$FOLDER/discovery:/discovery:ro" \
    "prom/prometheus:$(setting PROMETHEUS_VERSION)" check service-discovery /discovery/prometheus.yml docker |
    jq -r '.[].labels | select(. != null) | .container' | sort -u | tr '\n' ' ')
  printf '%s\n' "$found"
  [[ $found == "$(printf '%s\n' "${SERVICES[@]}" | sort | tr '\n' ' ')" ]]
}

retention_is_kept() {
  [[ $(prometheus status/runtimeinfo | jq -r .data.storageRetention) == 30d ]]
}

running() {
  check 'all services become healthy' eventually are_healthy
  check 'Prometheus scrapes its targets' eventually targets_are_up
  check 'Prometheus keeps 30 days' retention_is_kept
  check 'Redis is reached by name, with its password' is_value redis_up 1
  check "Redis has the limit of its command" is_value redis_memory_max_bytes 134217728
  check 'MariaDB is reached by name, with its account' is_value mysql_up 1
  check "the host's network is seen" network_is_the_hosts
  check "the host's root has its size" root_has_its_size
  check 'each container is seen by its name' eventually containers_are_seen
  check 'the exporters warn of nothing' exporters_fail_nowhere
  check 'containers are read-only, without capabilities, within limits' hardened
  check 'ports are on the loopback interface' listens_on_loopback_only
  check 'images hold the roots of trust' has_trust_roots
  check 'the gateway logs JSON' logs_are_json gateway
  check 'the worker logs JSON' logs_are_json worker
  check 'exporters can be asked from outside Prometheus' exporters_scrape_once
  check "the daemon's proxy refuses commands" proxy_refuses_commands
  check "Promtail's rules name each service" promtail_finds_services
}

# readme PATTERN: runs the commands of the README among which PATTERN stands
readme() {
  awk -v pattern="$1" '
    /^```/ { if (index(block, pattern)) printf "%s", block; block = ""; shell = /sh$/; next }
    shell { block = block $0 "\n" }' "$PROJECT/README.md" |
    sed "s/localhost:9090/localhost:$PROMETHEUS_PORT/" >"$FOLDER/commands"
  test -s "$FOLDER/commands" && cd "$PROJECT" && bash -euxo pipefail "$FOLDER/commands"
}

snapshot_is_taken() {
  sed -i 's/^PROMETHEUS_ADMIN_API=.*/PROMETHEUS_ADMIN_API=--web.enable-admin-api/' "$PROJECT/.env"
  compose v1 up -d prometheus && eventually targets_are_up && readme '/admin/tsdb/snapshot' &&
    test -n "$(ls "$PROJECT/backup/prometheus-data")"
}

# What was written after the snapshot is gone, what stood before it is there.
snapshot_is_restored() {
  local before
  before=$(value 'min_over_time(timestamp(up{job="prometheus"})[1h:1s])')
  readme 'cp -R /backup' && eventually targets_are_up || return 1
  is_value 'min_over_time(timestamp(up{job="prometheus"})[1h:1s])' "$before"
}

log_is_removed() {
  readme 'rm -v twitch-chatters-prometheus' && eventually targets_are_up
}

exporters_scrape_once() {
  local name
  for name in redis mysql; do
    docker exec "twitch-chatters-$name-exporter" /exporter scrape >/dev/null || return 1
  done
}

lists_health() {
  [[ $(curl -s "http://localhost:$PROMETHEUS_PORT/api/v1/targets" |
    jq '.data.activeTargets[].health' | sort -u) == '"up"' ]]
}

maintenance() {
  check 'ps' guide_here v1 ps
  check 'logs of two services' guide_here v1 logs --tail 5 alertmanager prometheus
  check 'the short form of logs' compose v1 logs --tail 5 prometheus
  check 'the targets as the guide asks for them' lists_health
  check 'restart prometheus, by the long form' guide_here v1 restart prometheus
  check "the README's restarts" readme 'restart prometheus alertmanager'
  check 'it comes back' eventually targets_are_up
  check 'Alertmanager reads its file again' docker kill -s HUP twitch-chatters-alertmanager
  check 'Prometheus reads its file again' docker kill -s HUP twitch-chatters-prometheus
  check 'a snapshot is taken of a running Prometheus' snapshot_is_taken
  check 'the snapshot is restored' snapshot_is_restored
  check 'the write-ahead log is removed between stop and start' log_is_removed
  check 'down' guide_here v1 down
}

with_v2() {
  check 'up with docker compose, on the same data' guide_here v2 up -d
  check 'all services become healthy again' eventually are_healthy
  check 'Prometheus scrapes its targets again' eventually targets_are_up
  check 'ps with docker compose' guide_here v2 ps
  check 'down with docker compose' guide_here v2 down
}

all_passed() {
  ((FAILED == 0))
}

report() {
  local service
  for service in "${LEFT_OUT[@]}"; do
    not_run "$service: its image cannot be made of packages"
  done
  printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
  all_passed
}

# What follows a failure of these would fail for the same reason.
main() {
  make_project
  configuration
  check 'dockerd starts' start_daemon
  ! all_passed || images
  ! all_passed || check 'up' guide_here v1 up -d
  if all_passed; then
    running
    alerts
    maintenance
    ! v2_is_there || with_v2
  fi
  report
}

trap cleanup EXIT
trap 'exit 130' INT TERM
main
