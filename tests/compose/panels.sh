# shellcheck shell=bash
# The dashboards without Grafana: their queries, asked as it would ask them.

every_panel_has_data() {
  "$ROOT/tests/dashboards/run" "http://127.0.0.1:$PROMETHEUS_PORT"
}

# The only query of a panel of the overview
panel() {
  jq -er --arg title "$1" '.panels[] | select(.title == $title).targets[0].expr' \
    "$PROJECT/monitoring/grafana/dashboards/twitch-chatters-overview.json"
}

status_is() {
  is_value "$(panel "$1 Status")" "$2"
}

panels() {
  local name
  check 'every panel has data' eventually every_panel_has_data
  not_run "$(tail -n 1 "$FOLDER/attempt" | sed 's/.*; \(.*\) not run/\1: Loki is left out/')"
  for name in Gateway Worker Analysis MySQL Redis; do
    check "the panel says UP of $name" eventually status_is "$name" 1
  done
  docker stop twitch-chatters-{gateway,worker,mysql-exporter,redis-exporter} >/dev/null
  for name in Gateway Worker MySQL Redis; do
    check "the panel says DOWN of $name without it or its exporter" eventually status_is "$name" 0
  done
  docker rm twitch-chatters-worker >/dev/null
  check 'the panel says DOWN of a container that is removed' eventually status_is Worker 0
  check 'up starts what is missing' guide_here v1 up -d
  for name in Gateway Worker MySQL Redis; do
    check "the panel says UP of $name again" eventually status_is "$name" 1
  done
}
