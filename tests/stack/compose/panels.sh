# shellcheck shell=bash
# The dashboards without Grafana: their queries, asked as it would ask them.

every_panel_has_data() {
  local loki=()
  is_left_out loki || loki=("$LOKI")
  "$ROOT/tests/stack/dashboards/run" "http://127.0.0.1:$PROMETHEUS_PORT" "${loki[@]}"
}

# The only query of a panel of the overview
panel() {
  jq -er --arg title "$1" '.panels[] | select(.title == $title).targets[0].expr' \
    "$PROJECT/monitoring/grafana/dashboards/twitch-chatters-overview.json"
}

status_is() {
  is_value "$(panel "$1 Status")" "$2"
}

# By the names that compose gives to the containers of a service without a name
start_workers() {
  local number
  for number in 1 2; do
    docker run --detach --name "twitch-chatters-worker-$number" "busybox:$(setting BUSYBOX_VERSION)" \
      sh -c 'while :; do sleep 1; done' || return
  done
}

promtail_names_workers() {
  diff <(promtail_finds | grep worker) <(printf 'twitch-chatters-worker-%s worker\n' 1 2)
}

panels() {
  local name
  check 'every panel has data' eventually every_panel_has_data
  ! is_left_out loki || not_run "$(tail -n 1 "$FOLDER/attempt" | sed 's/.*; \(.*\) not run/\1: Loki is left out/')"
  for name in Gateway Worker Analysis MySQL Redis; do
    check "the panel says UP of $name" eventually status_is "$name" 1
  done
  docker stop twitch-chatters-{gateway,worker,mysql-exporter,redis-exporter} >/dev/null
  for name in Gateway Worker MySQL Redis; do
    check "the panel says DOWN of $name without it or its exporter" eventually status_is "$name" 0
  done
  docker rm twitch-chatters-worker >/dev/null
  check 'the panel says DOWN of a container that is removed' eventually status_is Worker 0
  check 'two workers of one service start' start_workers
  check 'the panel says UP of several workers' eventually status_is Worker 1
  check "Promtail's rules name several workers alike" promtail_names_workers
  docker rm --force twitch-chatters-worker-{1,2} >/dev/null
  check 'up starts what is missing' guide_here v1 up -d
  for name in Gateway Worker MySQL Redis; do
    check "the panel says UP of $name again" eventually status_is "$name" 1
  done
}
