# shellcheck shell=bash
# docker-compose.tls.yml over the running stack, and off again.

with_tls() {
  "$PROJECT/tls/renew" --folder "$PROJECT/tls/files" --exporter "$BIN_DIR/node-exporter" &&
    guide_here v1 -f docker-compose.tls.yml up -d
}

# by_https: how Prometheus reaches our four
by_https() {
  local count
  count=$(prometheus 'targets?state=active' |
    jq '[.data.activeTargets[] | select(.health == "up" and (.scrapeUrl | startswith("https://")))] | length')
  [[ $count == 4 ]] && targets_are_up
}

# Without certificate and password
refuses_strangers() {
  local address
  for address in node-exporter:9100 cadvisor:8080 redis-exporter:9121 mysql-exporter:9104; do
    ! docker exec twitch-chatters-alertmanager wget -q -O - "http://$address/metrics" | grep '^# HELP' || return 1
  done
}

overlay() {
  check 'the overlay with TLS starts' with_tls
  check 'all services become healthy with TLS' eventually are_healthy
  check 'Prometheus scrapes with TLS, its certificate and password' eventually by_https
  check 'exporters with TLS tell strangers nothing' refuses_strangers
  check 'the overlay is left again' guide_here v1 up -d
  check 'all services become healthy without TLS' eventually are_healthy
  check 'Prometheus scrapes without TLS' eventually targets_are_up
}
