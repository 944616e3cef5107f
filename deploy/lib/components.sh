# shellcheck shell=bash disable=SC2034
# What a run is made of.

# In the order of their start; they stop in the reverse order.
COMPONENTS=(redis mariadb node-exporter container-exporter redis-exporter mysql-exporter
  alertmanager prometheus loki collector grafana)

EXPORTERS=(node-exporter container-exporter redis-exporter mysql-exporter)

declare -A PORT=(
  [node-exporter]=9100
  [container-exporter]=8080
  [redis-exporter]=9121
  [mysql-exporter]=9104
  [prometheus]=9090
  [alertmanager]=9093
  [redis]=6379
  [mariadb]=3306
  [loki]=3100
  [loki-grpc]=9095
  [collector]=9080
  [grafana]=3000
)

declare -A PORT_FLAG=(
  [node-exporter]=--node-port
  [container-exporter]=--container-port
  [redis-exporter]=--redis-exporter-port
  [mysql-exporter]=--mysql-exporter-port
  [prometheus]=--prometheus-port
  [alertmanager]=--alertmanager-port
  [redis]=--redis-port
  [mariadb]=--mysql-port
  [loki]=--loki-port
  [loki-grpc]=--loki-grpc-port
  [collector]=--collector-port
  [grafana]=--grafana-port
)

declare -A JOB=(
  [node-exporter]=node-exporter
  [container-exporter]=cadvisor
  [redis-exporter]=redis-exporter
  [mysql-exporter]=mysql-exporter
  [prometheus]=prometheus
  [alertmanager]=alertmanager
  [loki]=loki
  [collector]=promtail
  [grafana]=grafana
)

wants() {
  case $1 in
    redis) [[ $WITH_REDIS == yes ]] ;;
    mariadb) [[ $WITH_MYSQL == yes ]] ;;
    alertmanager) [[ $WITH_ALERTMANAGER == yes ]] ;;
    grafana) [[ $WITH_GRAFANA == yes ]] ;;
    loki | loki-grpc) [[ $WITH_LOKI == yes ]] ;;
    collector) [[ $WITH_LOKI == yes ]] && collector_program >/dev/null ;;
  esac
}

# An IPv6 address needs brackets wherever a port follows it.
bracketed() {
  if [[ $1 == *:* ]]; then
    printf '[%s]' "$1"
  else
    printf '%s' "$1"
  fi
}

listen_address() {
  printf '%s:%s' "$(bracketed "$LISTEN")" "${PORT[$1]}"
}

# Where this machine reaches what listens there.
own_address() {
  local host=$LISTEN
  [[ $1 != loki && $1 != collector ]] || host=127.0.0.1
  case $host in
    0.0.0.0) host=127.0.0.1 ;;
    ::) host=::1 ;;
  esac
  printf '%s:%s' "$(bracketed "$host")" "${PORT[$1]}"
}

# The address a person would open or connect to.
address_of() {
  case $1 in
    redis | mariadb) printf '127.0.0.1:%s' "${PORT[$1]}" ;;
    *-exporter) printf 'http://%s/metrics' "$(own_address "$1")" ;;
    *) printf 'http://%s' "$(own_address "$1")" ;;
  esac
}
