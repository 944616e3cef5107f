#!/usr/bin/env bash
# A Prometheus with the files of deploy/fleet finds machines, Redis and MariaDB servers by files and
# by HTTP, and scrapes them through the exporters in BIN_DIR (else in target/release).
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ -n ${ISOLATED:-} ]] || exec "$ROOT/tests/isolated" "$0" "$@"

BIN_DIR=$(realpath "${BIN_DIR:-$ROOT/target/release}")
FOLDER=$(mktemp -d)
FLEET=$FOLDER/fleet
PATIENCE=60
# shellcheck source=tests/stack/checks.sh
source "$ROOT/tests/stack/checks.sh"
# MariaDB's own user has to pass through.
chmod 711 "$FOLDER"

fetch() {
  curl -fsS --noproxy '*' --max-time 5 "$@" 2>/dev/null
}

start() {
  local name=$1
  shift
  "$@" >"$FOLDER/$name.log" 2>&1 </dev/null &
}

start_servers() {
  mkdir "$FOLDER/redis"
  start redis redis-server --port 6379 --bind 127.0.0.1 --save '' --dir "$FOLDER/redis"
  printf "CREATE USER exporter@'127.0.0.1';\nCREATE USER reports@'127.0.0.1';\n" >"$FOLDER/accounts.sql"
  printf '[client]\nuser = exporter\n[client.reports]\nuser = reports\n' >"$FOLDER/my.cnf"
  install -d -o mysql "$FOLDER/mariadb"
  mariadb-install-db --no-defaults --user=mysql --datadir="$FOLDER/mariadb" --skip-test-db || return
  start mariadb mariadbd --no-defaults --user=mysql --datadir="$FOLDER/mariadb" --socket=mariadbd.sock \
    --init-file="$FOLDER/accounts.sql" --bind-address=127.0.0.1 --port=3306 --skip-name-resolve
  # Three machines
  start node "$BIN_DIR/node-exporter" --web.listen-address=127.0.0.{1,2,3}:9100
  start container "$BIN_DIR/container-exporter" --port=8080
  start redis-exporter "$BIN_DIR/redis-exporter" --web.listen-address=127.0.0.1:9121
  start mysql-exporter "$BIN_DIR/mysql-exporter" --web.listen-address=127.0.0.1:9104 --config.my-cnf="$FOLDER/my.cnf"
  start inventory python3 "$ROOT/tests/stack/fleet/inventory.py" 8000 "$FOLDER/inventory.json"
}

# The shipped files, with addresses that are here
configure() {
  cp -a "$ROOT/deploy/fleet" "$FLEET"
  sed -i -e 's/_interval: .*/_interval: 1s/' -e 's/\(redis\|mysql\)-exporter:/127.0.0.1:/' \
    -e 's/inventory.example.org/127.0.0.1:8000/' "$FLEET/prometheus.yml"
  sed -i -e 's/web-1.example.org/127.0.0.1/' -e 's/web-2.example.org/127.0.0.2/' -e 's/db-1.example.org/127.0.0.1/' \
    -e 's/db-2.example.org/127.0.0.1/' -e 's/rediss:.*6380/redis:\/\/127.0.0.1:6380/' "$FLEET"/targets/{redis,mysql}.yml
  sed -i -e 's/web-1.example.org/127.0.0.1/' -e 's/web-2.example.org/127.0.0.2/' -e 's/db-1.example.org/127.0.0.3/' \
    "$FLEET/targets/machines.yml"
  # Two targets of one server are told apart by their names.
  sed -i '0,/127.0.0.1:3306/s//localhost:3306/' "$FLEET/targets/mysql.yml"
  printf '[{"targets": ["127.0.0.3:9100"], "labels": {"site": "lyon"}}]' >"$FOLDER/inventory.json"
  promtool check config "$FLEET/prometheus.yml"
}

start_prometheus() {
  start prometheus prometheus --config.file="$FLEET/prometheus.yml" --storage.tsdb.path="$FOLDER/data" \
    --web.listen-address=127.0.0.1:9090
  eventually fetch http://127.0.0.1:9090/-/ready
}

# shows NUMBER QUERY: the number of its series
shows() {
  local number=$1
  [[ $(fetch -G --data-urlencode "query=$2" http://127.0.0.1:9090/api/v1/query | jq '.data.result | length') == "$number" ]]
}

discovered() {
  check 'three machines by name only, with both exporters' eventually shows 3 \
    'up{job="node-exporter", host=~"127.0.0.[123]", instance=~".*:9100", site="paris"} == 1'
  check 'each has its containers' eventually shows 3 'up{job="cadvisor", host=~"127.0.0.[123]", instance=~".*:8080"} == 1'
  check 'labels of the list are those of the samples' eventually shows 1 'node_load1{role="database", host="127.0.0.3"}'
  check 'a Redis through the exporter' eventually shows 1 'redis_up{instance="redis://127.0.0.1:6379", site="paris"} == 1'
  check 'a Redis that is down is a value' eventually shows 1 'redis_up{instance="redis://127.0.0.1:6380"} == 0'
  check 'and no failed scrape' eventually shows 2 'up{job="redis-exporter"} == 1'
  check 'a MariaDB through the exporter' eventually shows 1 'mysql_up{instance="localhost:3306"} == 1'
  check 'a MariaDB with an account of its own' eventually shows 1 'mysql_up{instance="127.0.0.1:3306"} == 1'
  check 'the account is no label' shows 0 'mysql_up{auth_module!=""}'
  check 'a machine of the inventory' eventually shows 1 'up{job="inventory", instance="127.0.0.3:9100", site="lyon"} == 1'
}

uses_both_accounts() {
  local user
  for user in exporter reports; do
    mariadb --no-defaults --socket="$FOLDER/mariadb/mariadbd.sock" --batch --skip-column-names -e \
      "SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE user = '$user'" | grep -x 1 || return
  done
}

# Without a reload
changes() {
  printf -- '- targets: ["127.0.0.2:9100"]\n  labels: {site: nice}\n' >"$FLEET/targets/machines-nice.yml"
  check 'a file that is added counts' eventually shows 1 'up{job="node-exporter", site="nice", host="127.0.0.2"} == 1'
  rm "$FLEET/targets/machines-nice.yml"
  check 'a file that is removed counts' eventually shows 0 'up{site="nice"}'
  printf '[{"targets": ["127.0.0.2:9100"], "labels": {"site": "lille"}}]' >"$FOLDER/inventory.new"
  mv "$FOLDER/inventory.new" "$FOLDER/inventory.json"
  check 'the inventory counts as it is now' eventually shows 1 'up{job="inventory", site="lille"} == 1'
  check 'what it no longer names is not asked' eventually shows 0 'up{job="inventory", site="lyon"}'
}

# of_shard NUMBER: the targets of the jobs that it keeps, as promtool tells them
of_shard() {
  local job
  sed "/^      - {target_label: __address__, replacement: \|replacement: '\${1}:/r $FLEET/shard.part.yml" "$FLEET/prometheus.yml" |
    sed "s/regex: SHARD/regex: '$1'/" >"$FLEET/shard-$1.yml"
  for job in node-exporter cadvisor redis-exporter mysql-exporter; do
    promtool check service-discovery --timeout=3s "$FLEET/shard-$1.yml" "$job" |
      jq -r '.[].labels | select(length > 0) | .job + " " + .instance'
  done | sort -u
}

shards_share_the_targets() {
  of_shard 0 >"$FOLDER/shard-0"
  of_shard 1 >"$FOLDER/shard-1"
  head -v -n 20 "$FOLDER"/shard-{0,1}
  [[ -s $FOLDER/shard-0 && -s $FOLDER/shard-1 && -z $(comm -12 "$FOLDER"/shard-{0,1}) ]] &&
    [[ $(cat "$FOLDER"/shard-{0,1} | wc -l) == 10 ]]
}

check 'exporters and servers run' start_servers
check 'Prometheus accepts the files' configure
check 'Prometheus runs' start_prometheus
((FAILED > 0)) || discovered
((FAILED > 0)) || check 'MariaDB is asked with both accounts' uses_both_accounts
((FAILED > 0)) || changes
check 'two shards share the targets' shards_share_the_targets
conclude
