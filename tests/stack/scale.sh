#!/usr/bin/env bash
# Two Prometheus servers and an agent scrape the four exporters in BIN_DIR (else in
# target/release), write to a store, and the servers alert through a cluster of three
# Alertmanagers, all as processes on loopback with what deploy/scale makes for the containers.
# Each of the seven is killed, or the store ended, and started again: no gap, and each
# alert once. The store is VictoriaMetrics, or the one of scale/stores.sh that STORE names.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=$(realpath "${BIN_DIR:-$ROOT/target/release}")
FOLDER=$(mktemp -d)
DEPLOY=$FOLDER/deploy
PROMETHEUS=$DEPLOY/monitoring/prometheus
STORE=${STORE:-victoriametrics}
# Seconds that something may take
PATIENCE=60
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
# shellcheck source=tests/stack/scale/stores.sh
source "$ROOT/tests/stack/scale/stores.sh"
# shellcheck source=tests/stack/scale/logs.sh
source "$ROOT/tests/stack/scale/logs.sh"
# Seconds: of a scrape, and of a victim's absence
INTERVAL=${INTERVALS[$STORE]:?unknown store}
ABSENCE=$((2 * INTERVAL + 1))
VICTIMS=(prometheus-1 prometheus-2 agent alertmanager-1 alertmanager-2 alertmanager-3 store)
SERIES=('node_load1' 'machine_cpu_cores' 'redis_up' 'mysql_up')
declare -A PID PORT=([prometheus-1]=9090 [prometheus-2]=9091 [agent]=9092
  [alertmanager-1]=9093 [alertmanager-2]=9094 [alertmanager-3]=9095)
RECEIVER_PORT=9099
unset COMPOSE_FILE COMPOSE_PROJECT_NAME COMPOSE_PROFILES
# MariaDB's own user has to pass through.
chmod 711 "$FOLDER"

fetch() {
  curl -fsS --noproxy '*' --max-time 5 "$@"
}

# The files, and what their programs say of them

overlays() {
  local arguments=() file
  for file in "$@"; do
    arguments+=(-f "scale/$file.yml")
  done
  (cd "$DEPLOY" && docker-compose -f docker-compose.yml -f docker-compose.monitoring.yml "${arguments[@]}" config)
}

make_for() {
  "$DEPLOY/scale/make" --folder "$FOLDER/made-$1" --store "$1"
}

promtool_accepts() {
  local folder=$FOLDER/made-$1 copy=$FOLDER/copy
  rm -rf "$copy"
  cp -a "$PROMETHEUS" "$copy" && cp "$folder"/*.yml "$copy" || return
  promtool check config "$copy"/prometheus-{1,2}.yml && promtool check config --agent "$copy/agent.yml"
}

# flags_are_known IMAGE PROGRAM HELP: all flags of the overlays' commands for this image
flags_are_known() {
  local image=$1 flag missing=0
  "$2" "$3" >"$FOLDER/help" 2>&1
  overlays ha agent victoriametrics >"$FOLDER/config" || return
  python3 - "$image" "$FOLDER/config" <<'PYTHON' >"$FOLDER/flags" || return
import sys, yaml
services = yaml.safe_load(open(sys.argv[2]))["services"].values()
flags = {word.split("=")[0].lstrip("-") for service in services if service["image"].startswith(sys.argv[1])
         for word in service["command"] if word.startswith("-")}
print("\n".join(flags) or sys.exit("no such image"))
PYTHON
  while read -r flag; do
    # Prometheus 2 has this as a feature.
    [[ $flag != agent ]] || flag='enable-feature= *.*'
    grep -qE -- "^ *--?(\[no-\])?${flag#no-}\b" "$FOLDER/help" || { echo "unknown: $flag" && missing=1; }
  done <"$FOLDER/flags"
  ((missing == 0))
}

rules_are_metricsql() {
  vmalert -dryRun -rule="$PROMETHEUS/rules/*.yml" -datasource.url="${QUERY[victoriametrics]}" -notifier.url=http://127.0.0.1:9093
}

made_yaml_is_right() {
  python3 - "$FOLDER" "$DEPLOY" <<'PYTHON'
import sys, yaml
folder, deploy = sys.argv[1:]
load = lambda path: yaml.safe_load(open(path))
loki = load(f"{folder}/made-mimir/loki.yml")
assert loki["common"]["storage"] == {"s3": {"endpoint": "minio:9000", "insecure": True, "s3forcepathstyle": True,
                                            "region": "us-east-1", "bucketnames": "loki"}}, loki["common"]
assert loki["schema_config"]["configs"][0]["object_store"] == loki["compactor"]["delete_request_store"] == "s3"
assert loki["limits_config"]["retention_period"] == "30d"
agent = load(f"{folder}/made-mimir/agent.yml")
mimir = load(f"{deploy}/scale/mimir/mimir.yml")["limits"]
labels = {rule.get("target_label") for rule in agent["remote_write"][0]["write_relabel_configs"]}
assert {mimir["ha_cluster_label"], mimir["ha_replica_label"]} <= labels, labels
for store, url in (("mimir", "http://mimir:8080/prometheus"), ("thanos", "http://thanos-query:10902"),
                   ("victoriametrics", "http://victoriametrics:8428")):
    source = load(f"{folder}/made-{store}/datasources.yml")["datasources"][0]
    assert (source["uid"], source["url"]) == ("prometheus", url), source
PYTHON
}

refuses() {
  ! "$DEPLOY/scale/make" --folder "$FOLDER/refused" "$@" 2>"$FOLDER/message" &&
    [[ ! -e $FOLDER/refused && $(wc -l <"$FOLDER/message") == 1 ]]
}

files() {
  local store
  for store in victoriametrics mimir thanos; do
    check "scale/make for $store" make_for "$store"
    check "Prometheus accepts what is made for $store" promtool_accepts "$store"
    check "docker-compose accepts the overlay of $store" overlays ha agent "$store"
  done
  check 'docker-compose accepts a pair alone' overlays ha
  check 'docker-compose accepts an agent alone' overlays agent
  check 'docker-compose accepts Loki on object storage' overlays loki-s3
  check 'stores, Loki and Grafana are told what belongs together' made_yaml_is_right
  check 'Prometheus knows the flags of the overlays' flags_are_known prom/prometheus prometheus --help
  check 'Alertmanager knows the flags of the overlays' flags_are_known prom/alertmanager prometheus-alertmanager --help
  check 'VictoriaMetrics knows the flags of the overlays' flags_are_known victoriametrics/victoria victoria-metrics -help
  check 'vmalert knows the flags of the overlays' flags_are_known victoriametrics/vmalert vmalert -help
  check 'vmalert accepts the rules' rules_are_metricsql
  check 'an unknown store is refused' refuses --store cortex
  check 'an address without a store is refused' refuses --url http://store.example/
}

# The processes

start() {
  local name=$1
  shift
  "$@" >>"$FOLDER/$name.log" 2>&1 </dev/null &
  PID[$name]=$!
}

launch() {
  local name=$1 peer peers=()
  case $name in
    prometheus-?)
      start "$name" prometheus --config.file="$PROMETHEUS/$name.yml" --storage.tsdb.path="$FOLDER/$name" \
        --web.listen-address="127.0.0.1:${PORT[$name]}"
      ;;
    agent)
      start agent prometheus --enable-feature=agent --config.file="$PROMETHEUS/agent.yml" \
        --storage.agent.path="$FOLDER/agent" --web.listen-address="127.0.0.1:${PORT[agent]}"
      ;;
    store) "launch_$STORE" ;;
    alertmanager-?)
      for peer in 1 2 3; do
        peers+=("--cluster.peer=127.0.0.1:1909$peer")
      done
      # Shorter than in earnest, so that a dead one is missed at once
      start "$name" prometheus-alertmanager --config.file="$DEPLOY/monitoring/alertmanager/alertmanager.yml" \
        --storage.path="$FOLDER/$name" --web.listen-address="127.0.0.1:${PORT[$name]}" \
        --cluster.listen-address="127.0.0.1:1909${name: -1}" --cluster.advertise-address="127.0.0.1:1909${name: -1}" \
        "${peers[@]}" --cluster.probe-interval=500ms --cluster.probe-timeout=250ms --cluster.reconnect-interval=1s
      ;;
  esac
}

is_ready() {
  case $1 in
    store) fetch -o /dev/null "${READY[$STORE]}" 2>/dev/null ;;
    *) fetch -o /dev/null "http://127.0.0.1:${PORT[$1]}/-/ready" 2>/dev/null ;;
  esac
}

start_servers() {
  mkdir "$FOLDER/redis" "$FOLDER/steps"
  start redis redis-server --port 6379 --bind 127.0.0.1 --save '' --maxmemory 64mb --dir "$FOLDER/redis"
  printf '[client]\nuser = exporter\n' >"$FOLDER/my.cnf"
  printf "CREATE USER exporter@'127.0.0.1';\nGRANT SELECT, PROCESS, SLAVE MONITOR ON *.* TO exporter@'127.0.0.1';\n" \
    >"$FOLDER/account.sql"
  install -d -o mysql "$FOLDER/mariadb"
  mariadb-install-db --no-defaults --user=mysql --datadir="$FOLDER/mariadb" --skip-test-db >"$OUTPUT" 2>&1 || return
  start mariadb mariadbd --no-defaults --user=mysql --datadir="$FOLDER/mariadb" --socket=mariadbd.sock \
    --init-file="$FOLDER/account.sql" --bind-address=127.0.0.1 --port=3306 --skip-name-resolve
  start node "$BIN_DIR/node-exporter" --web.listen-address=127.0.0.1:9100 --collector.textfile.directory="$FOLDER/steps"
  start container "$BIN_DIR/container-exporter" --listen_ip=127.0.0.1 --port=8080
  start redis-exporter "$BIN_DIR/redis-exporter" --web.listen-address=127.0.0.1:9121
  start mysql-exporter "$BIN_DIR/mysql-exporter" --web.listen-address=127.0.0.1:9104 \
    --config.my-cnf="$FOLDER/my.cnf" --mysqld.address=127.0.0.1:3306
  start receiver python3 "$ROOT/tests/stack/compose/listener.py" 127.0.0.1 "$RECEIVER_PORT"
  eventually answers_up 9121 'redis_up 1' && eventually answers_up 9104 'mysql_up 1' && return
  tail -n 5 "$FOLDER"/{redis,mariadb,redis-exporter,mysql-exporter}.log
  return 1
}

answers_up() {
  fetch "http://127.0.0.1:$1/metrics" 2>/dev/null | grep -x "$2" >/dev/null
}

# The files as they are made, with the addresses and the times of this test
configure() {
  local file victim
  "$DEPLOY/scale/make" --store "$STORE" || return
  cp "$DEPLOY"/scale/files/{prometheus-1,prometheus-2,agent}.yml "$PROMETHEUS"
  cp "$DEPLOY"/scale/targets/*.yml "$PROMETHEUS/targets"
  rm -f "$PROMETHEUS"/targets/{grafana,loki,promtail,traefik}.yml
  sed -i -e "s/scrape_interval: .*/scrape_interval: ${INTERVAL}s/" -e 's/evaluation_interval: .*/evaluation_interval: 1s/' \
    "$PROMETHEUS"/{prometheus-1,prometheus-2,agent}.yml
  for file in "$PROMETHEUS"/{prometheus-1,prometheus-2,agent}.yml "$PROMETHEUS"/targets/*.yml; do
    sed -i -e 's/prometheus-agent:9090/127.0.0.1:9092/' -e 's/prometheus-2:9090/127.0.0.1:9091/' \
      -e 's/prometheus:9090/127.0.0.1:9090/' -e 's/alertmanager-2:9093/127.0.0.1:9094/' \
      -e 's/alertmanager-3:9093/127.0.0.1:9095/' -e 's/alertmanager:9093/127.0.0.1:9093/' \
      -e 's/[a-z]*-exporter:\([0-9]\)/127.0.0.1:\1/' -e 's/\(victoriametrics\|thanos-receive\):/127.0.0.1:/' "$file"
  done
  rm -f "$PROMETHEUS"/rules/*
  printf 'groups:\n  - name: steps\n    rules:\n' >"$PROMETHEUS/rules/steps.yml"
  for victim in "${VICTIMS[@]}"; do
    printf '      - {alert: "without %s", expr: "step{without=\\"%s\\"} == 1", labels: {severity: critical}}\n' \
      "$victim" "$victim" >>"$PROMETHEUS/rules/steps.yml"
  done
  sed -i -e 's/group_wait: .*/group_wait: 1s/' \
    -e "s#^  - name: critical\$#&\n    webhook_configs: [{url: 'http://127.0.0.1:$RECEIVER_PORT/'}]#" \
    "$DEPLOY/monitoring/alertmanager/alertmanager.yml"
  promtool check config "$PROMETHEUS"/prometheus-{1,2}.yml && promtool check config --agent "$PROMETHEUS/agent.yml"
}

all_are_ready() {
  local name
  for name in "${VICTIMS[@]}"; do
    is_ready "$name" || return 1
  done
}

# cluster_has NUMBER [WITHOUT]: as all of them say, or all but that one
cluster_has() {
  local port
  for port in 9093 9094 9095; do
    [[ $port != "${PORT[${2:-agent}]}" ]] || continue
    [[ $(fetch "http://127.0.0.1:$port/api/v2/status" | jq '.cluster.peers | length') == "$1" ]] || return 1
  done
}

# Each writer has reached it: at the start their samples come at different times.
store_has_all() {
  local series
  for series in "${SERIES[@]}"; do
    [[ $(fetch -G --data-urlencode "query=count_over_time(${series}[$((5 * INTERVAL))s]) >= 4" "${QUERY[$STORE]}/api/v1/query" |
      jq '.data.result | length') == 1 ]] || return 1
  done
}

delivered() {
  jq -rs --arg name "without $1" '[.[].alerts[] | select(.labels.alertname == $name and .status == "firing")] | length' \
    "$FOLDER/receiver.log"
}

was_delivered() {
  (($(delivered "$1") > 0))
}

# Kills it, raises an alert meanwhile, and starts it again. The store is asked to end: killed,
# it loses the seconds that it has not written yet.
do_without() {
  local victim=$1 deadline=$((SECONDS + ABSENCE)) signal=KILL
  [[ $victim != store ]] || signal=TERM
  kill -s "$signal" "${PID[$victim]}"
  wait "${PID[$victim]}" 2>/dev/null
  # Those that do not know it yet may both take its place: an alert of that second comes twice.
  [[ $victim != alertmanager-? ]] || eventually cluster_has 2 "$victim" || return
  printf 'step{without="%s"} 1\n' "$victim" >"$FOLDER/steps/new"
  mv "$FOLDER/steps/new" "$FOLDER/steps/$victim.prom"
  eventually was_delivered "$victim" || return
  while ((SECONDS < deadline)); do
    sleep 0.2
  done
  launch "$victim"
  eventually is_ready "$victim" || return
  [[ $victim != alertmanager-? ]] || eventually cluster_has 3
}

each_was_delivered_once() {
  local victim times wrong=0
  for victim in "${VICTIMS[@]}"; do
    times=$(delivered "$victim")
    [[ $times == 1 ]] || { echo "without $victim: delivered $times times" && wrong=1; }
  done
  ((wrong == 0))
}

both_have_notified() {
  local port
  for port in 9090 9091; do
    fetch "http://127.0.0.1:$port/metrics" | grep '^prometheus_notifications_sent_total{.*} [1-9]' || return 1
  done
}

# What was kept back while the store was away arrives when its writers try again.
has_no_gap() {
  python3 "$ROOT/tests/stack/scale/gaps.py" "${QUERY[$STORE]}" "$INTERVAL" "${GAPS[$STORE]}" "$BEGAN" "$ENDED" "${SERIES[@]}" >"$FOLDER/gaps"
}

tells_its_gaps() {
  eventually has_no_gap
  local code=$?
  cat "$FOLDER/gaps"
  return "$code"
}

running() {
  local name
  check 'exporters and their servers run' start_servers
  check 'Prometheus accepts the configuration of this test' configure
  for name in "${VICTIMS[@]}"; do
    launch "$name"
  done
  check 'all seven are ready' eventually all_are_ready
  check 'the three Alertmanagers know one another' eventually cluster_has 3
  check 'the store has the series of the four exporters' eventually store_has_all
  ((FAILED == 0)) || return
  BEGAN=$(date +%s)
  for name in "${VICTIMS[@]}"; do
    check "an alert is delivered without $name, which comes back" do_without "$name"
  done
  ENDED=$(date +%s)
  sleep $((3 * INTERVAL))
  check 'each alert was delivered once' each_was_delivered_once
  check 'both servers have notified' both_have_notified
  check "the store has no gap longer than ${GAPS[$STORE]} intervals" tells_its_gaps
  cat "$FOLDER/gaps"
}

cp -a "$ROOT/deploy" "$DEPLOY"
rm -rf "$DEPLOY/scale/files"
files
((FAILED > 0)) || running
if type -P loki minio >/dev/null; then
  logs_on_object_storage
else
  not_run 'Loki on object storage: its programs are not installed'
fi
conclude
