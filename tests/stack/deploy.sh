#!/usr/bin/env bash
# Runs deploy/up and deploy/down with the exporters in target/release, or in
# BIN_DIR, on free ports, with data and a network of its own.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=${BIN_DIR:-$ROOT/target/release}
JOBS=(cadvisor mysql-exporter node-exporter redis-exporter)
PORT_FLAGS=(--node-port --container-port --redis-exporter-port --mysql-exporter-port
  --prometheus-port --alertmanager-port --redis-port --mysql-port --grafana-port --loki-port
  --loki-grpc-port --collector-port)
# Whatever is installed on this machine
WITHOUT_GRAFANA=(--no-grafana --no-logs)

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
    "${WITHOUT_GRAFANA[@]}" "${PORT_OPTIONS[@]}" "$@" >"$OUTPUT" 2>&1
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
  check 'the queries of the overview are plotted without Grafana' plots
  mapfile -t pids < <(recorded_pids)
  check 'there are eight processes' test "${#pids[@]}" -eq 8
  check 'down stops what was detached' down
  check 'no process is left after down' none_alive "${pids[@]}"
  check '--status exits with 3 when nothing runs' exits 3 up --status
}

plots() {
  local page="http://127.0.0.1:${PORTS[4]}/consoles/plots.html"
  /usr/bin/python3 "$ROOT/tests/stack/plots.py" "$page" >"$OUTPUT" 2>&1
}

# library CODE: in a shell with the libraries of deploy/up and its variables
library() {
  # shellcheck disable=SC2016
  env MONITORING="$ROOT/deploy/monitoring" DEPLOY="$ROOT/deploy" HOLDER="$FOLDER/library" bash -euc \
    'for name in terminal components options data databases process packages grafana plots ready; do
      source "$DEPLOY/lib/$name.sh"
    done
    DATA_DIR=$HOLDER
    '"$1" >"$OUTPUT" 2>&1
}

page_of() {
  # shellcheck disable=SC2016
  library 'prometheus() { printf "prometheus, version %s (branch: x)" '"$1"'; }; query_page' && shows "$2"
}

# Where none of them is there, and where a program for genetics has the name of one
without_grafana() {
  # shellcheck disable=SC2016
  check 'what is missing is told in one line' library '
    command() { [[ $2 == loki ]] && printf /bin/echo; }
    look_for_grafana
    [[ $WITH_GRAFANA$WITH_LOKI == autoauto && $(show_what_is_missing | wc -l) == 1 ]]
    show_what_is_missing | grep -F "Grafana (package grafana), Loki (package loki), a collector of logs (package alloy), in Grafana"
    command() { [[ $2 == promtail || $2 == grafana ]] && printf %s "$2"; }
    NOT_INSTALLED=()
    look_for_grafana
    show_what_is_missing | grep -xE " +not installed +Loki \(package loki\), in .*"'
  # shellcheck disable=SC2016
  check 'Grafana alone gets the data source of Prometheus alone' library '
    WITH_GRAFANA=yes WITH_LOKI=no WITH_ALERTMANAGER=no
    write_provisioning "$DATA_DIR"
    [[ $(grep -c "^  - name:" "$DATA_DIR"/provisioning/datasources/datasources.yml) == 1 ]]
    [[ ! -e $DATA_DIR/provisioning/alerting/alerting.yml ]] && ! grep -r alertmanagerUid "$DATA_DIR"'
  check 'Prometheus 2 has its queries at /graph' page_of 2.42.0+ds /graph
  check 'Prometheus 3 has its queries at /query' page_of 3.16.0 /query
}

# With stand-ins for Grafana, Loki and Promtail, which no package of the distribution has
with_grafana() {
  local name path=$PATH pids
  mkdir "$FOLDER/stand-ins"
  for name in grafana-server loki promtail; do
    cp "$ROOT/tests/stack/deploy/stand-in" "$FOLDER/stand-ins/$name"
  done
  PATH=$FOLDER/stand-ins:$PATH WITHOUT_GRAFANA=()
  check 'up starts Grafana, Loki and a collector where they are' up --detach
  check 'up tells the login of Grafana' shows "admin, password in $DATA/grafana/admin_password"
  mapfile -t pids < <(recorded_pids)
  check 'there are eleven processes then' test "${#pids[@]}" -eq 11
  check 'they are called with what was made for this run' made_for_grafana
  JOBS+=(grafana loki promtail)
  check 'Prometheus scrapes them too' eventually all_targets_up
  check 'down stops them too' down
  check 'none of them is left' none_alive "${pids[@]}"
  PATH=$path
}

made_for_grafana() {
  /usr/bin/python3 "$ROOT/tests/stack/deploy/check.py" "$FOLDER/stand-ins" "$DATA" "$ROOT/deploy/monitoring" >"$OUTPUT" 2>&1
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
without_grafana
detached_run
foreground_run
with_grafana
data_folder
printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
((FAILED == 0))
