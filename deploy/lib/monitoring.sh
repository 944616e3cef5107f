# shellcheck shell=bash
# The exporters, Prometheus and Alertmanager.

start_exporters() {
  start_component node-exporter "$BIN_DIR/node-exporter" \
    --web.listen-address="$(listen_address node-exporter)"
  start_component container-exporter "$BIN_DIR/container-exporter" \
    --listen_ip="$LISTEN" --port="${PORT[container-exporter]}"
  start_redis_exporter
  start_mysql_exporter
}

start_redis_exporter() {
  local url=$REDIS_URL environment=()
  if wants redis; then
    url=redis://127.0.0.1:${PORT[redis]}
    # A password meant for another server would be refused by ours.
    environment=(env -u REDIS_USER -u REDIS_PASSWORD -u REDIS_PASSWORD_FILE)
  fi
  start_component redis-exporter "${environment[@]}" "$BIN_DIR/redis-exporter" \
    --web.listen-address="$(listen_address redis-exporter)" --redis.addr="$url"
}

start_mysql_exporter() {
  # What alerts and panels need beyond the defaults
  local address=() collectors=(--collect.binlog_size --collect.info_schema.innodb_trx)
  [[ -z $MYSQL_ADDRESS ]] || address=(--mysqld.address="$MYSQL_ADDRESS")
  start_component mysql-exporter "$BIN_DIR/mysql-exporter" \
    --web.listen-address="$(listen_address mysql-exporter)" \
    --config.my-cnf="$MY_CNF" "${address[@]}" "${collectors[@]}"
}

start_alertmanager() {
  # Without a cluster address it does not look for peers.
  start_component alertmanager "$(alertmanager_program)" \
    --config.file="$MONITORING/alertmanager/alertmanager.yml" \
    --storage.path="$DATA_DIR/alertmanager" \
    --web.listen-address="$(listen_address alertmanager)" \
    --cluster.listen-address=
}

start_prometheus() {
  local folder=$DATA_DIR/prometheus
  write_prometheus_files "$folder"
  write_plots "$folder/consoles"
  start_component prometheus prometheus \
    --config.file="$folder/prometheus.yml" \
    --storage.tsdb.path="$folder/data" \
    --storage.tsdb.retention.time=30d \
    --web.console.templates="$folder/consoles" \
    --web.console.libraries="$folder/consoles" \
    --web.listen-address="$(listen_address prometheus)"
}

write_prometheus_files() {
  local folder=$1 name
  mkdir -p -- "$folder/targets"
  rm -f -- "$folder"/targets/*
  sed "s/^  scrape_interval: .*/  scrape_interval: $SCRAPE_INTERVAL/" \
    "$MONITORING/prometheus/prometheus.yml" >"$folder/prometheus.yml"
  ln -sfn -- "$MONITORING/prometheus/rules" "$folder/rules"
  for name in "${!JOB[@]}"; do
    if wants "$name"; then
      printf -- '- targets: ["%s"]\n' "$(own_address "$name")" >"$folder/targets/${JOB[$name]}.yml"
    fi
  done
}
