# shellcheck shell=bash
# The images, and what holds while all services run.

SERVICES=(alertmanager analysis container-exporter gateway mysql mysql-exporter node-exporter
  prometheus redis redis-exporter socket-proxy worker)
TARGETS=(alertmanager cadvisor mysql-exporter node-exporter prometheus redis-exporter)

image() {
  printf '%s/%s:%s' "$(setting EXPORTERS_IMAGES)" "$1" "$(setting EXPORTERS_VERSION)"
}

is_small() {
  (($(docker image inspect --format '{{.Size}}' "$(image "$1")") <= 12 * 1024 * 1024))
}

is_described() {
  local format='{{.Config.User}} {{index .Config.Labels "org.opencontainers.image.title"}} {{.Config.Healthcheck.Test}}'
  [[ $(docker image inspect --format "$format" "$(image "$1")") == "65534:65534 $1 [CMD /exporter healthcheck]" ]]
}

images() {
  local name
  check 'deploy/docker/build packs the four images' "$ROOT/deploy/docker/build" --bin-dir "$BIN_DIR"
  for name in {node,container,redis,mysql}-exporter; do
    check "the image of $name has at most 12 MB" is_small "$name"
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
  local job answer
  answer=$(prometheus 'targets?state=active' | jq -r '.data.activeTargets[] | "\(.labels.job) \(.health) \(.lastError)"')
  for job in "${TARGETS[@]}"; do
    if ! grep -q "^$job up" <<<"$answer"; then
      printf '%s\n' "$answer"
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
    state=$(docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{gt .HostConfig.Memory 0}} {{index .HostConfig.LogConfig.Config "max-size"}} {{.HostConfig.RestartPolicy.Name}}' \
      "twitch-chatters-$name")
    [[ $state == 'true [ALL] true 10m unless-stopped' ]] || {
      printf '%s: %s\n' "$name" "$state"
      return 1
    }
  done
}

# Of the profile a container has the content.
exporters_are_confined() {
  local name
  for name in {node,container,redis,mysql}-exporter; do
    docker inspect --format '{{.HostConfig.SecurityOpt}}' "twitch-chatters-$name" |
      grep -F 'no-new-privileges:true' | grep -F 'seccomp={' | grep -F landlock_restrict_self || return 1
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

# Promtail finds containers and labels them by the code of Prometheus: a line
# each, of the container and its label.
promtail_finds() {
  mkdir -p "$FOLDER/discovery"
  {
    printf 'scrape_configs:\n'
    sed -n '/^  - job_name/,$p' "$PROJECT/monitoring/promtail/promtail.yml"
  } >"$FOLDER/discovery/prometheus.yml"
  chmod 755 "$FOLDER" "$FOLDER/discovery"
  beside_the_proxy --entrypoint /bin/promtool --volume "$FOLDER/discovery:/discovery:ro" \
    "prom/prometheus:$(setting PROMETHEUS_VERSION)" check service-discovery --timeout 5s /discovery/prometheus.yml docker |
    jq -r '.[].labels | select(. != null) | "\(.container_name) \(.container)"' | sort -u
}

promtail_finds_services() {
  diff <(promtail_finds) <(printf 'twitch-chatters-%s\n' "${SERVICES[@]}" | sed 's/.*chatters-\(.*\)/& \1/' | sort)
}

retention_is() {
  [[ $(prometheus status/runtimeinfo | jq -r .data.storageRetention) == "$1" ]]
}

# At the guide's ports and names, from another container
exporters_answer_inside() {
  local address
  for address in node-exporter:9100 cadvisor:8080 redis-exporter:9121 mysql-exporter:9104; do
    docker exec twitch-chatters-alertmanager wget -q -O - "http://$address/metrics" | grep '^# HELP' >/dev/null || return 1
  done
}

prometheus_answers_inside() {
  [[ $(compose v1 exec -T alertmanager wget -q -O - 'http://prometheus:9090/api/v1/query?query=up' | jq -r .status) == success ]]
}

# The exporter's account has what application/mysql/exporter.sh grants, and no more.
account_only_reads() {
  mysql_says "SHOW GRANTS FOR exporter@'%'" >"$FOLDER/grants"
  [[ $(wc -l <"$FOLDER/grants") == 1 ]] &&
    grep -q '^GRANT SELECT, PROCESS, BINLOG MONITOR, SLAVE MONITOR ON \*\.\* TO' "$FOLDER/grants"
}

running() {
  check 'all services become healthy' eventually are_healthy
  check 'Prometheus scrapes its targets' eventually targets_are_up
  check 'Prometheus keeps 30 days' retention_is 30d
  check 'Redis is reached by name, with its password' is_value redis_up 1
  check "Redis has the limit of its command" is_value redis_memory_max_bytes 134217728
  check 'MariaDB is reached by name, with its account' is_value mysql_up 1
  check "the exporter's account may only read" account_only_reads
  check 'MariaDB tells of its locks' is_value \
    'count({__name__=~"mysql_global_status_(table_locks_(immediate|waited)|innodb_row_lock_waits)"})' 3
  check "exporters answer at the guide's ports and names" exporters_answer_inside
  check 'Prometheus answers by name, by the short form of exec' prometheus_answers_inside
  check "the host's network is seen" network_is_the_hosts
  check "the host's root has its size" root_has_its_size
  check 'each container is seen by its name' eventually containers_are_seen
  check 'the exporters warn of nothing' exporters_fail_nowhere
  check 'containers are read-only, without capabilities, within limits, restarted' hardened
  check "exporters have the profile of system calls" exporters_are_confined
  check 'ports are on the loopback interface' listens_on_loopback_only
  check 'images hold the roots of trust' has_trust_roots
  check 'the gateway logs JSON' logs_are_json gateway
  check 'the worker logs JSON' logs_are_json worker
  check 'exporters can be asked from outside Prometheus' exporters_scrape_once
  check "the daemon's proxy refuses commands" proxy_refuses_commands
  check "Promtail's rules name each service" promtail_finds_services
}
