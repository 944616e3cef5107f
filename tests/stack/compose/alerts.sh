# shellcheck shell=bash
# Alerts from the cause to the receiver: the shipped rules with a shorter "for", a
# minute in place of five and half of the CPU time, the shipped routes with a listener
# here behind both receivers. The rules as they are have tests of their own, with a
# clock of their own.

LISTENER_PORT=$((PROMETHEUS_PORT + 1))

start_listener() {
  local gateway
  gateway=$(docker network inspect --format '{{(index .IPAM.Config 0).Gateway}}' twitch-chatters-proxy) || return
  python3 "$PARTS/listener.py" "$gateway" "$LISTENER_PORT" >"$FOLDER/notifications" &
  sed -i -e 's/^\( *for: \).*/\110s/' -e '/container_cpu_usage/s/> 80/> 40/' -e 's/\[5m\]/[1m]/g' \
    "$PROJECT"/monitoring/prometheus/rules/*.yml
  sed -i 's/evaluation_interval: .*/evaluation_interval: 2s/' "$PROJECT/monitoring/prometheus/prometheus.yml"
  sed -i -e 's/group_wait: .*/group_wait: 1s/' -e 's/group_interval: .*/group_interval: 2s/' \
    -e "s#^  - name: \(critical\|warning\)\$#&\n    webhook_configs: [{url: 'http://$gateway:$LISTENER_PORT/'}]#" \
    "$PROJECT/monitoring/alertmanager/alertmanager.yml"
  docker kill -s HUP twitch-chatters-prometheus && docker kill -s HUP twitch-chatters-alertmanager
}

was_in_state() {
  value "count(last_over_time(ALERTS{alertname=\"$1\", alertstate=\"$2\"}[1h]))"
}

# was_received ALERT STATUS RECEIVER
was_received() {
  jq -es --arg name "$1" --arg status "$2" --arg receiver "$3" 'any(.[]; .receiver == $receiver and
    any(.alerts[]; .labels.alertname == $name and .status == $status))' "$FOLDER/notifications"
}

# alert_fires ALERT RECEIVER
alert_fires() {
  eventually was_in_state "$1" pending && eventually was_in_state "$1" firing &&
    eventually was_received "$1" firing "$2"
}

# Of Alertmanager, and of Prometheus for each alert
notifications_link_to_public_names() {
  jq -es 'length > 0 and all(.[]; .externalURL == "https://alerts.vignemail1.eu" and
    all(.alerts[]; .generatorURL | startswith("https://prometheus.vignemail1.eu/graph")))' "$FOLDER/notifications"
}

# Nearly all of its memory, and more than half of a core: to the kernel all containers
# are one process, so that beside builds none gets a core for a whole minute.
start_load() {
  docker run --detach --name twitch-chatters-load --memory 32m --shm-size 32m --cpus 0.7 \
    "busybox:$(setting BUSYBOX_VERSION)" sh -c 'dd if=/dev/zero of=/dev/shm/load bs=1M count=29
      busy() { while [ -e /dev/shm/load ]; do :; done; }
      busy & busy; while :; do sleep 1; done'
}

# The container goes on: of one that is gone ContainerMissing would silence the
# warnings, their ends too.
end_load() {
  docker exec twitch-chatters-load busybox rm /dev/shm/load
}

servers_are_shown_down() {
  status_is MySQL 0 && status_is Redis 0
}

alerts() {
  local alert down=(redis mysql node-exporter)
  # On a busy machine the load does not get what it may.
  # shellcheck disable=SC2034 # eventually reads it
  local PATIENCE=400
  check 'a listener stands behind both receivers' start_listener
  # First: the load takes what all other tests on this machine need.
  for alert in ContainerHighMemory ContainerHighCPU; do
    check "$alert is pending, fires, and is received" alert_fires "$alert" warning
  done
  check 'the load ends' end_load
  check 'ContainerHighMemory is resolved' eventually was_received ContainerHighMemory resolved warning
  docker stop "${down[@]/#/twitch-chatters-}" >/dev/null
  for alert in RedisDown MySQLDown ContainerDown; do
    check "$alert is pending, fires, and is received" alert_fires "$alert" critical
  done
  check 'the panels say DOWN of servers that are stopped' servers_are_shown_down
  docker start "${down[@]/#/twitch-chatters-}" >/dev/null
  for alert in RedisDown MySQLDown ContainerDown; do
    check "$alert is resolved" eventually was_received "$alert" resolved critical
  done
  check 'notifications link to the public names' notifications_link_to_public_names
}

# A minute after the load, which passes with other tests
last_alert_ends() {
  # shellcheck disable=SC2034 # eventually reads it
  local PATIENCE=400
  check 'ContainerHighCPU is resolved' eventually was_received ContainerHighCPU resolved warning
  docker rm --force twitch-chatters-load >/dev/null
}
