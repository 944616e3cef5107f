# shellcheck shell=bash disable=SC2034
# Grafana, Loki and the collector of logs, where they are installed: no package of the
# distribution has them. All on what deploy/monitoring holds, with the addresses of this run.

DOCKER_SOCKET=/var/run/docker.sock
WHERE="in Grafana Labs' own archive"

grafana_program() {
  command -v grafana-server || command -v grafana
}

# Debian has a program of this name that is for genetics.
loki_program() {
  local program
  program=$(command -v loki) && [[ $(timeout 5 "$program" -version </dev/null 2>&1) == *'loki, version'* ]] &&
    printf '%s' "$program"
}

collector_program() {
  command -v alloy || command -v promtail
}

# Turns `auto` into yes or no.
look_for_grafana() {
  if [[ $WITH_GRAFANA == auto ]]; then
    grafana_program >/dev/null && WITH_GRAFANA=yes || NOT_INSTALLED+=('Grafana (package grafana)')
  fi
  if [[ $WITH_LOKI == auto ]]; then
    loki_program >/dev/null && WITH_LOKI=yes || NOT_INSTALLED+=('Loki (package loki)')
    collector_program >/dev/null || NOT_INSTALLED+=('a collector of logs (package alloy)')
  fi
}

# For the right side of a command s of sed
replacement() {
  printf '%s' "$1" | sed 's/[&|\\]/\\&/g'
}

# Without a login of its own it is for this machine only.
start_loki() {
  local folder=$DATA_DIR/loki
  mkdir -p -- "$folder"
  sed -e "s|: /loki|: $(replacement "$folder")|" \
    -e "s|^  http_listen_port: .*|  http_listen_address: 127.0.0.1\n  http_listen_port: ${PORT[loki]}\n  grpc_listen_address: 127.0.0.1\n  grpc_listen_port: ${PORT[loki-grpc]}|" \
    "$MONITORING/loki/loki.yml" >"$folder/loki.yml"
  start_component loki "$(loki_program)" -config.file="$folder/loki.yml"
}

start_collector() {
  local folder=$DATA_DIR/collector program
  program=$(collector_program)
  mkdir -p -- "$folder"
  write_collector_file "$folder" >"$folder/promtail.yml"
  if [[ ${program##*/} == alloy ]]; then
    start_component collector "$program" run --config.format=promtail --storage.path="$folder" --disable-reporting \
      --server.http.listen-addr="127.0.0.1:${PORT[collector]}" "$folder/promtail.yml"
  else
    start_component collector "$program" -config.file="$folder/promtail.yml"
  fi
}

# The job for containers where Docker may be asked, and one for the logs of this run.
write_collector_file() {
  local name docker=()
  # shellcheck disable=SC2016
  [[ -r $DOCKER_SOCKET && -w $DOCKER_SOCKET ]] || docker=(-e '/^  - job_name: docker$/,$d')
  sed "${docker[@]}" -e "s|^  http_listen_port: .*|  http_listen_address: 127.0.0.1\n  http_listen_port: ${PORT[collector]}|" \
    -e "s|/positions/|$(replacement "$1")/|" -e "s|http://loki:3100|$(address_of loki)|" \
    -e "s|tcp://socket-proxy:2375|unix://$DOCKER_SOCKET|" "$MONITORING/promtail/promtail.yml"
  printf '\n  - job_name: processes\n    static_configs:\n'
  for name in "${COMPONENTS[@]}"; do
    [[ $name == grafana ]] || is_recorded "$name" || continue
    printf "      - targets: [localhost]\n        labels: {container: %s, __path__: '%s'}\n" "$name" "$(log_file "$name")"
  done
}

start_grafana() {
  local folder=$DATA_DIR/grafana program command
  program=$(grafana_program)
  command=("$program")
  [[ ${program##*/} != grafana ]] || command+=(server)
  write_provisioning "$folder"
  # Its first login, which it keeps
  [[ -s $folder/admin_password ]] || (umask 077 && random_password >"$folder/admin_password")
  # shellcheck disable=SC2016
  start_component grafana env GF_PATHS_DATA="$folder/data" GF_PATHS_LOGS="$folder/logs" \
    GF_PATHS_PLUGINS="$folder/plugins" GF_PATHS_PROVISIONING="$folder/provisioning" \
    GF_SERVER_HTTP_ADDR="$LISTEN" GF_SERVER_HTTP_PORT="${PORT[grafana]}" GF_LOG_MODE=console \
    GF_SECURITY_ADMIN_PASSWORD='$__file{'"$folder/admin_password}" GF_USERS_ALLOW_SIGN_UP=false \
    GF_ANALYTICS_REPORTING_ENABLED=false GF_ANALYTICS_CHECK_FOR_UPDATES=false GF_PLUGINS_PREINSTALL_DISABLED=true \
    "${command[@]}" --homepath="$(grafana_home "$program")"
}

# A package's, or the folder of an unpacked archive
grafana_home() {
  local folder
  for folder in "$(dirname "$(dirname "$(realpath -- "$1")")")" /usr/share/grafana; do
    [[ ! -f $folder/conf/defaults.ini ]] || break
  done
  printf '%s' "$folder"
}

write_provisioning() {
  local folder=$1 sources=$1/provisioning/datasources/datasources.yml
  mkdir -p -- "$folder"
  rm -rf -- "$folder/provisioning"
  cp -R -- "$MONITORING/grafana/provisioning" "$folder/provisioning"
  sed -i "s|/etc/grafana/dashboards|$(replacement "$MONITORING")/grafana/dashboards|" \
    "$folder/provisioning/dashboards/dashboards.yml"
  sed -i -e "s|http://prometheus:9090|$(address_of prometheus)|" -e "s|http://loki:3100|$(address_of loki)|" \
    -e "s|http://alertmanager:9093|$(address_of alertmanager)|" -e "s|timeInterval: .*|timeInterval: $SCRAPE_INTERVAL|" \
    "$sources" "$folder/provisioning/alerting/alerting.yml"
  wants loki || leave_out Loki "$sources"
  wants alertmanager || {
    leave_out Alertmanager "$sources"
    sed -i '/alertmanagerUid:/d' "$sources"
    rm -f -- "$folder/provisioning/alerting/alerting.yml"
  }
}

# leave_out NAME FILE: that data source
leave_out() {
  local rest
  rest=$(awk -v name="$1" '/^  - name: / { skip = $3 == name } !skip' "$2")
  printf '%s\n' "$rest" >"$2"
}

show_what_is_missing() {
  local missing
  ((${#NOT_INSTALLED[@]} > 0)) || return 0
  printf -v missing '%s, ' "${NOT_INSTALLED[@]}"
  printf '  %-24s %s\n' 'not installed' "${missing%, }, $WHERE; deploy/up starts what is there"
}
