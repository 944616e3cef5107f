# shellcheck shell=bash
# The guide's commands on a running stack, the README's as they stand there.

# readme PATTERN: runs the commands of the README among which PATTERN stands
readme() {
  awk -v pattern="$1" '
    /^```/ { if (index(block, pattern)) printf "%s", block; block = ""; shell = /sh$/; next }
    shell { block = block $0 "\n" }' "$PROJECT/README.md" |
    sed "s/localhost:9090/localhost:$PROMETHEUS_PORT/" >"$FOLDER/commands"
  test -s "$FOLDER/commands" && cd "$PROJECT" && bash -euxo pipefail "$FOLDER/commands"
}

# Those with a health check healthy, the rest up
ps_says_healthy() {
  guide_here v1 ps >"$FOLDER/ps" && cat "$FOLDER/ps"
  [[ $(grep -c '^twitch-chatters-' "$FOLDER/ps") == "${#SERVICES[@]}" ]] &&
    [[ $(grep -cF 'Up (healthy)' "$FOLDER/ps") == $((${#SERVICES[@]} - 3)) ]] &&
    ! grep -E 'unhealthy|starting|Exit|Restarting' "$FOLDER/ps"
}

# interval_is SECONDS: of all jobs, in the configuration in force
interval_is() {
  prometheus status/config | jq -r .data.yaml | grep -qx "  scrape_interval: $1"
}

change_interval() {
  sed -i "s/^\( *scrape_interval: \).*/\1$1/" "$PROJECT/monitoring/prometheus/prometheus.yml"
}

restart_applies_the_file() {
  change_interval 3s
  guide_here v1 restart prometheus && eventually interval_is 3s
}

reload_applies_the_file() {
  change_interval 2s
  docker kill -s HUP twitch-chatters-prometheus && eventually interval_is 2s
}

amtool() {
  docker exec twitch-chatters-alertmanager amtool --alertmanager.url=http://localhost:9093 "$@"
}

silence_survives() {
  local silence
  silence=$(amtool silence add alertname=Test --author test --comment test) &&
    guide_here v1 up -d --force-recreate alertmanager && eventually amtool silence query --quiet &&
    [[ $(amtool silence query --quiet) == "$silence" ]]
}

# A file that grows meanwhile may end the copy: the README has a better way.
data_is_copied() {
  cd "$PROJECT" && rm -rf backup/prometheus-data &&
    docker cp twitch-chatters-prometheus:/prometheus ./backup/prometheus-data &&
    [[ -d backup/prometheus-data/wal ]]
}

retention_is_shortened() {
  sed -i 's/^PROMETHEUS_RETENTION=.*/PROMETHEUS_RETENTION=15d/' "$PROJECT/.env"
  compose v1 up -d prometheus && eventually retention_is 15d
}

survives_without_its_log() {
  docker exec twitch-chatters-prometheus rm -rf /prometheus/wal && targets_are_up
}

data_is_kept() {
  docker volume inspect twitch-chatters-{prometheus,alertmanager,mysql,redis}
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

# Now and then Docker 20.10 still counts an endpoint of a container that is gone, until the daemon
# starts again: https://github.com/moby/moby/issues/43286
goes_down() {
  guide_here v1 down && return
  [[ -z $(docker ps --all --quiet) ]] && restart_daemon && guide_here v1 down
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
  check 'ps says that all are healthy' eventually ps_says_healthy
  check 'logs of two services' guide_here v1 logs --tail 5 alertmanager prometheus
  check 'the short form of logs' compose v1 logs --tail 5 prometheus
  check 'the targets as the guide asks for them' lists_health
  check 'restart prometheus, by the long form, applies its file' restart_applies_the_file
  check "the README's restarts" readme 'restart prometheus alertmanager'
  check 'it comes back' eventually targets_are_up
  check 'Alertmanager reads its file again' docker kill -s HUP twitch-chatters-alertmanager
  check 'Prometheus reads its file again' reload_applies_the_file
  check 'a silence survives a new container' silence_survives
  check "the guide's copy of Prometheus's data" eventually data_is_copied
  rm -rf -- "$PROJECT/backup/prometheus-data"
  check 'the retention of .env is applied' retention_is_shortened
  check 'a snapshot is taken of a running Prometheus' snapshot_is_taken
  check 'the snapshot is restored' snapshot_is_restored
  check 'Prometheus survives the removal of its write-ahead log' survives_without_its_log
  check 'the write-ahead log is removed between stop and start' log_is_removed
  check 'down' goes_down
  check 'down keeps the data' data_is_kept
}

with_v2() {
  check 'up with docker compose, on the same data' guide_here v2 up -d
  check 'all services become healthy again' eventually are_healthy
  check 'Prometheus scrapes its targets again' eventually targets_are_up
  check 'ps with docker compose' guide_here v2 ps
  check 'down with docker compose' guide_here v2 down
}
