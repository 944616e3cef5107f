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
