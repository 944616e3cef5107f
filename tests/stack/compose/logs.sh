# shellcheck shell=bash
# Logs, where a Loki and a Promtail are installed: whose lines come in, and the guide's queries.

LOKI=http://127.0.0.1:$(sed -n 's/^LOKI_PORT=//p' "$ROOT/deploy/.env")

# ask_loki PATH [ARGUMENT...]: what it answers; arguments of curl
ask_loki() {
  curl -fsS --noproxy '*' --max-time 10 "$LOKI/$1" "${@:2}"
}

# Each container that logs anything, by the service that it belongs to
services_have_logs() {
  local service
  ask_loki loki/api/v1/label/container/values | jq -r '.data[]' >"$FOLDER/logged"
  for service in gateway worker analysis mysql redis prometheus alertmanager loki promtail; do
    grep -qx "$service" "$FOLDER/logged" || { cat "$FOLDER/logged" && return 1; }
  done
}

loki_is_ready() {
  [[ $(ask_loki ready) == ready ]]
}

# lines SERVICE UNTIL: how many there are
lines() {
  ask_loki loki/api/v1/query_range -G --data-urlencode "query={container=\"$1\"}" \
    --data-urlencode "start=$(($2 - 3600))" --data-urlencode "end=$2" | jq '[.data.result[].values[]] | length'
}

restarts() {
  local until
  until=$(date +%s)
  compose v1 restart loki && eventually loki_is_ready && (($(lines gateway "$until") > 0))
}

# By the guide's command
deletes_lines() {
  UNTIL=$(date +%s)
  (($(lines analysis "$UNTIL") > 0)) || return
  ask_loki loki/api/v1/delete -X POST -G --data-urlencode 'query={container="analysis"}' \
    --data-urlencode "start=$((UNTIL - 3600))" --data-urlencode "end=$UNTIL"
}

are_deleted() {
  [[ $(lines analysis "$UNTIL") == 0 ]] && (($(lines worker "$UNTIL") > 0))
}

logs() {
  check 'Loki has the lines of the services' eventually services_have_logs
  check "the guide's queries give what they say" eventually "$PARTS/logs.py" "$LOKI" "$PROJECT/monitoring/loki/queries.logql"
  check 'Loki has the lines after a restart' restarts
  check 'Loki takes a request to delete lines' deletes_lines
}

# What is to be deleted Loki looks up every five minutes.
logs_are_deleted() {
  check 'deleted lines are hidden, those of others are not' eventually are_deleted
}
