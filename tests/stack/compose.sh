#!/usr/bin/env bash
# Runs the compose files on a private dockerd in a network of its own: our images from
# the static binaries in BIN_DIR (else in target/TARGET/release, where tests/run builds
# them), the others' made of the distribution's packages.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=${BIN_DIR:-$ROOT/target/$(rustc -vV | sed -n 's/^host: //p')/release}
FOLDER=$(mktemp -d)
PROJECT=$FOLDER/project
DIRECTORY=$PROJECT
SOCKET=$FOLDER/docker.sock
# Seconds that something may take
PATIENCE=150
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
# What no package of the distribution can stand for
LEFT_OUT=(grafana)
PROMETHEUS_PORT=$((10000 + RANDOM % 10000))
# Of the machine under test no setting may shine through.
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES
export DOCKER_HOST=unix://$SOCKET DOCKER_BUILDKIT=0 NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1

for part in stand-ins configuration running overlay tls traefik logs queries alerts panels maintenance; do
  # shellcheck source=/dev/null
  source "$ROOT/tests/stack/compose/$part.sh"
done
# use_if_installed PROGRAM...: no package of the distribution either, but where these programs are,
# they make images. One without the others is of no use.
use_if_installed() {
  if type -P "$@" >/dev/null; then
    SERVICES+=("$@")
    TARGETS+=("$@")
  else
    LEFT_OUT+=("$@")
  fi
}
use_if_installed traefik
use_if_installed loki promtail

# A host has a network card: panels leave out bridges and what is behind them.
add_card() {
  ip link add eth0 type veth peer name veth-eth0 && ip link set eth0 up && ip link set veth-eth0 up
}

start_daemon() {
  dockerd --host "$DOCKER_HOST" --data-root "$FOLDER/data" --exec-root "$FOLDER/exec" \
    --pidfile "$FOLDER/pid" >>"$FOLDER/log" 2>&1 &
  DAEMON=$!
  eventually docker version
}

restart_daemon() {
  kill "$DAEMON" && wait "$DAEMON"
  start_daemon
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
  guide "$version" -f "$FOLDER/left-out.yml" "$@"
}

is_left_out() {
  [[ " ${LEFT_OUT[*]} " == *" $1 "* ]]
}

make_project() {
  local service
  cp -a "$ROOT/deploy" "$PROJECT"
  printf 'services:\n' >"$FOLDER/left-out.yml"
  for service in "${LEFT_OUT[@]}"; do
    printf '  %s: {profiles: [left-out]}\n' "$service" >>"$FOLDER/left-out.yml"
    rm -f "$PROJECT/monitoring/prometheus/targets/$service.yml"
  done
  sed -i -e "s|^DOCKER_SOCKET=.*|DOCKER_SOCKET=$SOCKET|" \
    -e "s|^PROMETHEUS_PORT=.*|PROMETHEUS_PORT=$PROMETHEUS_PORT|" \
    -e "s|^EXPORTERS_SOURCE=.*|EXPORTERS_SOURCE=$ROOT|" \
    -e "s|^COMPOSE_FILE=.*|&:$FOLDER/left-out.yml|" "$PROJECT/.env"
  sed -i "s/ports: \['80:80', '443:443'\]/ports: ['127.0.0.1:$HTTPS_PORT:443']/" "$PROJECT/docker-compose.yml"
  sed -i 's/scrape_interval: 15s/scrape_interval: 2s/' "$PROJECT/monitoring/prometheus/prometheus.yml"
}

v2_is_there() {
  docker compose version >/dev/null 2>&1
}

all_passed() {
  ((FAILED == 0))
}

report() {
  local service
  for service in "${LEFT_OUT[@]}"; do
    not_run "$service: its image cannot be made of packages"
  done
  conclude
}

# What follows a failure of these would fail for the same reason.
main() {
  make_project
  configuration
  check 'the host has a network card' add_card
  check 'dockerd starts' start_daemon
  ! all_passed || images
  ! all_passed || check 'up' guide_here v1 up -d
  if all_passed; then
    running
    tls
    is_left_out traefik || traefik_answers
    is_left_out loki || logs
    queries
    alerts
    panels
    last_alert_ends
    is_left_out loki || logs_are_deleted
    maintenance
    overlay
    ! v2_is_there || with_v2
  fi
  report
}

main
