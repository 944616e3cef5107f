# shellcheck shell=bash
# Alerts from the cause to the receiver: the shipped rules with a shorter "for",
# the shipped routes with a listener here behind both receivers.

LISTENER=''
LISTENER_PORT=$((PROMETHEUS_PORT + 1))

start_listener() {
  local gateway
  gateway=$(docker network inspect --format '{{(index .IPAM.Config 0).Gateway}}' twitch-chatters-proxy) || return
  python3 "$PARTS/listener.py" "$gateway" "$LISTENER_PORT" >"$FOLDER/notifications" &
  LISTENER=$!
  sed -i 's/^\( *for: \).*/\110s/' "$PROJECT"/monitoring/prometheus/rules/*.yml
  sed -i 's/evaluation_interval: .*/evaluation_interval: 2s/' "$PROJECT/monitoring/prometheus/prometheus.yml"
  sed -i -e 's/group_wait: .*/group_wait: 1s/' -e 's/group_interval: .*/group_interval: 2s/' \
    -e "s#^  - name: \(critical\|warning\)\$#&\n    webhook_configs: [{url: 'http://$gateway:$LISTENER_PORT/'}]#" \
    "$PROJECT/monitoring/alertmanager/alertmanager.yml"
  docker kill -s HUP twitch-chatters-prometheus && docker kill -s HUP twitch-chatters-alertmanager
}

stop_listener() {
  [[ -z $LISTENER ]] || kill "$LISTENER"
}

is_in_state() {
  value "count(ALERTS{alertname=\"$1\", alertstate=\"$2\"})"
}

# was_received ALERT STATUS RECEIVER
was_received() {
  jq -es --arg name "$1" --arg status "$2" --arg receiver "$3" 'any(.[]; .receiver == $receiver and
    any(.alerts[]; .labels.alertname == $name and .status == $status))' "$FOLDER/notifications"
}

# alert_fires NAME RECEIVER: what makes it fire has just been done
alert_fires() {
  eventually is_in_state "$1" pending && eventually is_in_state "$1" firing &&
    eventually was_received "$1" firing "$2"
}

start_load() {
  docker run --detach --name twitch-chatters-load --memory 32m --shm-size 32m \
    "busybox:$(setting BUSYBOX_VERSION)" sh -c 'dd if=/dev/zero of=/dev/shm/load bs=1M count=29; while :; do :; done'
}

alerts() {
  check 'a listener stands behind both receivers' start_listener
  docker stop twitch-chatters-redis twitch-chatters-mysql twitch-chatters-node-exporter >/dev/null
  check 'RedisDown is pending, fires, and is received' alert_fires RedisDown critical
  check 'MySQLDown fires and is received' eventually was_received MySQLDown firing critical
  check 'ContainerDown fires and is received' eventually was_received ContainerDown firing critical
  docker start twitch-chatters-redis twitch-chatters-mysql twitch-chatters-node-exporter >/dev/null
  check 'RedisDown is resolved' eventually was_received RedisDown resolved critical
  check 'MySQLDown is resolved' eventually was_received MySQLDown resolved critical
  check 'ContainerDown is resolved' eventually was_received ContainerDown resolved critical
  check 'a container uses all that it may' start_load
  check 'ContainerHighMemory is pending, fires, and is received' alert_fires ContainerHighMemory warning
  check 'ContainerHighCPU fires and is received' eventually was_received ContainerHighCPU firing warning
  docker rm --force twitch-chatters-load >/dev/null
  check 'ContainerHighMemory is resolved' eventually was_received ContainerHighMemory resolved warning
  check 'ContainerHighCPU is resolved' eventually was_received ContainerHighCPU resolved warning
}
