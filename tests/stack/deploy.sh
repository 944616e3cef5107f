#!/usr/bin/env bash
# Runs deploy/up and deploy/down with the exporters in target/release, or in
# BIN_DIR, on free ports, with data and a network of its own.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=${BIN_DIR:-$ROOT/target/release}
JOBS=(cadvisor mysql-exporter node-exporter redis-exporter)
PORT_FLAGS=(--node-port --container-port --redis-exporter-port --mysql-exporter-port
  --prometheus-port --alertmanager-port --redis-port --mysql-port)

FOLDER=$(mktemp -d)
DATA=$FOLDER/data
OUTPUT=$FOLDER/output
PORTS=()
PORT_OPTIONS=()
PASSED=0
FAILED=0

# MariaDB's own user has to pass through.
chmod 711 "$FOLDER"

cleanup() {
  "$ROOT/deploy/down" --data-dir "$DATA" --purge >/dev/null 2>&1
  rm -rf -- "$FOLDER"
}

# check NAME COMMAND...: passes where the command succeeds
check() {
  local name=$1
  shift
  if "$@"; then
    printf 'ok - %s\n' "$name"
    PASSED=$((PASSED + 1))
  else
    printf 'not ok - %s\n' "$name"
    sed 's/^/    /' "$OUTPUT"
    FAILED=$((FAILED + 1))
  fi
}

up() {
  "$ROOT/deploy/up" --no-build --bin-dir "$BIN_DIR" --scrape-interval 1s --data-dir "$DATA" \
    "${PORT_OPTIONS[@]}" "$@" >"$OUTPUT" 2>&1
}

down() {
  "$ROOT/deploy/down" --data-dir "$DATA" "$@" >"$OUTPUT" 2>&1
}

# exits CODE COMMAND...
exits() {
  local expected=$1 code=0
  shift
  "$@" || code=$?
  ((code == expected))
}

shows() {
  grep -qF -- "$1" "$OUTPUT"
}

is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range from which the kernel takes the ports of outgoing connections
choose_ports() {
  local flag port=$((10000 + RANDOM % 20000))
  for flag in "${PORT_FLAGS[@]}"; do
    until is_free "$port"; do
      port=$((port + 1))
    done
    PORTS+=("$port")
    PORT_OPTIONS+=("$flag" "$port")
    port=$((port + 1))
  done
}

prometheus() {
  curl -fsS --noproxy '*' --max-time 10 "http://127.0.0.1:${PORTS[4]}/api/v1/$1"
}

all_targets_up() {
  local job targets
  targets=$(prometheus 'targets?state=active' | sed 's/"scrapePool"/\n&/g') || return 1
  for job in "${JOBS[@]}"; do
    grep -q "^\"scrapePool\":\"$job\".*\"health\":\"up\"" <<<"$targets" || return 1
  done
}

every_alert_healthy() {
  local alerts
  alerts=$(cat "$ROOT"/deploy/monitoring/prometheus/rules/*.yml | grep -c -- '- alert:')
  [[ $(prometheus 'rules?type=alert' | grep -o '"health":"ok"' | wc -l) == "$alerts" ]]
}

recorded_pids() {
  cut -d ' ' -f 1 "$DATA"/run/*.pid
}

# A process that ended stays as a zombie where nobody waits for it.
none_alive() {
  local pid
  for pid in "$@"; do
    ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" || return 1
  done
}

detached_run() {
  local pids
  check 'up --detach starts everything' up --detach
  check 'up shows a value of each exporter' values_shown
  check 'Prometheus scrapes the four exporters' all_targets_up
  check 'Prometheus evaluates every alert' eventually every_alert_healthy
  check '--status exits with 0 while all is up' exits 0 up --status
  check 'a second up is refused' exits 1 up --detach
  check 'a second up says why' shows 'already running'
  port_conflict
  mapfile -t pids < <(recorded_pids)
  check 'there are eight processes' test "${#pids[@]}" -eq 8
  check 'down stops what was detached' down
  check 'no process is left after down' none_alive "${pids[@]}"
  check '--status exits with 3 when nothing runs' exits 3 up --status
}

values_shown() {
  shows 'load over one minute' && ! shows 'no value'
}

port_conflict() {
  local own=$DATA
  DATA=$FOLDER/other
  check 'ports in use are refused' exits 1 up --detach
  check 'the error names port and flag' shows "port ${PORTS[4]} (prometheus) is in use: pass --prometheus-port N"
  check 'all conflicts are listed at once' shows "port ${PORTS[7]} (mariadb) is in use: pass --mysql-port N"
  check 'nothing is created before the ports are checked' test ! -e "$DATA"
  DATA=$own
}

foreground_run() {
  local script pids code=0
  # Without job control, bash makes what runs in the background ignore SIGINT.
  set -m
  up --listen 127.0.0.1 &
  script=$!
  set +m
  check 'up stays in the foreground' eventually shows 'Logs follow'
  mapfile -t pids < <(recorded_pids)
  kill -INT -- "-$script"
  wait "$script" || code=$?
  check 'SIGINT ends it with success' test "$code" -eq 0
  check 'no process is left after SIGINT' none_alive "${pids[@]}"
  check 'the exporters stop before their servers' stops_in_order
}

# eventually COMMAND...
eventually() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

stops_in_order() {
  # Without the column of the logs where the end comes before they are followed.
  [[ $(sed -nE 's/^(.*\| )?stopping ([a-z-]+)$/\2/p' "$OUTPUT" | tr '\n' ' ') == \
    'prometheus alertmanager mysql-exporter redis-exporter container-exporter node-exporter mariadb redis ' ]]
}

command_line() {
  check '--help exits with 0' exits 0 up --help
  check 'an unknown flag exits with 2' exits 2 up --unknown
  check 'an unknown flag is told in one line' test "$(wc -l <"$OUTPUT")" -eq 1
  check '--no-mysql without an account exits with 2' exits 2 up --no-mysql
}

data_folder() {
  local own=$DATA
  check 'down --purge removes the data' down --purge
  check 'the data is gone' test ! -e "$DATA"
  DATA=$FOLDER/foreign
  mkdir "$DATA" && touch "$DATA/file"
  check "up refuses another's folder" exits 1 up --detach
  check "down --purge refuses another's folder" exits 1 down --purge
  check "another's folder is left as it is" test -e "$DATA/file"
  DATA=$own
}

trap cleanup EXIT
trap 'exit 130' INT TERM
: >"$OUTPUT"
choose_ports
command_line
detached_run
foreground_run
data_folder
printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
((FAILED == 0))
