# shellcheck shell=bash
# Waiting until a run is up, and what it shows then.

START_SECONDS=60

fetch() {
  curl -fsS --noproxy '*' --max-time 10 "$@" 2>/dev/null
}

is_ready() {
  case $1 in
    redis | mariadb) is_listening "${PORT[$1]}" ;;
    *-exporter) fetch -o /dev/null "$(address_of "$1")" ;;
    grafana) fetch -o /dev/null "$(address_of "$1")/api/health" ;;
    loki) fetch -o /dev/null "$(address_of "$1")/ready" ;;
    collector) fetch -o /dev/null "$(address_of "$1")/ready" || fetch -o /dev/null "$(address_of "$1")/-/ready" ;;
    *) fetch -o /dev/null "$(address_of "$1")/-/ready" ;;
  esac
}

wait_until_ready() {
  local name
  for name in "$@"; do
    wait_for_component "$name"
  done
}

wait_for_component() {
  local name=$1
  local deadline=$((SECONDS + START_SECONDS))
  until is_ready "$name"; do
    check_alive "$name"
    ((SECONDS < deadline)) || give_up "$name" "is not up after $START_SECONDS s"
    sleep 0.2
  done
  # Another process may have taken the port and answer in its place.
  check_alive "$name"
  say "$(printf '%-18s up at %s' "$name" "$(address_of "$name")")"
}

check_alive() {
  is_running "$1" || give_up "$1" 'ended during its start'
}

give_up() {
  complain "$1 $2; its last lines:"
  show_last_lines "$(log_file "$1")"
  exit 1
}

# Prints the job and the health of each target, one target a line.
target_health() {
  fetch "$(address_of prometheus)/api/v1/targets?state=active" |
    sed 's/"scrapePool"/\n&/g' |
    sed -n 's/^"scrapePool":"\([^"]*\)".*"health":"\([a-z]*\)".*/\1 \2/p'
}

targets_not_up() {
  local name health waiting=()
  health=$(target_health) || health=''
  for name in "${EXPORTERS[@]}"; do
    [[ $'\n'$health$'\n' == *$'\n'"${JOB[$name]} up"$'\n'* ]] || waiting+=("${JOB[$name]}")
  done
  printf '%s' "${waiting[*]}"
}

wait_for_targets() {
  local name waiting
  local deadline=$((SECONDS + START_SECONDS + $(interval_seconds)))
  say 'waiting for the first scrape of every exporter'
  while waiting=$(targets_not_up) && [[ -n $waiting ]]; do
    for name in "${EXPORTERS[@]}" prometheus; do
      check_alive "$name"
    done
    ((SECONDS < deadline)) || give_up prometheus "cannot scrape: $waiting"
    sleep 0.5
  done
}

interval_seconds() {
  local number=${SCRAPE_INTERVAL%?}
  case $SCRAPE_INTERVAL in
    *m) printf '%d' $((number * 60)) ;;
    *) printf '%d' "$number" ;;
  esac
}

show_summary() {
  printf '\n%sAll up.%s\n\n' "$BOLD$GREEN" "$RESET"
  show_addresses
  printf '\n'
  # Prometheus also holds samples of earlier runs: the instance is that of this one.
  show_value 'load over one minute' "node_load1{$(instance_of node-exporter)}"
  show_value 'containers and cgroups' "count(container_last_seen{$(instance_of container-exporter)})"
  show_value 'Redis clients' "redis_connected_clients{$(instance_of redis-exporter)}"
  show_value 'MySQL connections' "mysql_global_status_threads_connected{$(instance_of mysql-exporter)}"
  printf '\n'
  show_plots
  ! wants grafana || printf '  %-24s %s\n' 'login of Grafana' "admin, password in $DATA_DIR/grafana/admin_password"
  show_what_is_missing
  printf '  %-24s %s\n\n' 'data and logs' "$DATA_DIR"
}

show_addresses() {
  local name
  for name in "${COMPONENTS[@]}"; do
    if wants "$name"; then
      printf '  %-24s %s\n' "$name" "$(address_of "$name")"
    fi
  done
}

instance_of() {
  printf 'instance="%s"' "$(own_address "$1")"
}

show_value() {
  local value
  value=$(query "$2") || value=''
  printf '  %-24s %s%s%s\n' "$1" "$BOLD" "${value:-no value: see the log of the exporter}" "$RESET"
}

query() {
  fetch -G --data-urlencode "query=$1" "$(address_of prometheus)/api/v1/query" |
    sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'
}
