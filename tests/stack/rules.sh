#!/usr/bin/env bash
# Checks the configuration of Prometheus and Alertmanager: alerts by their unit
# tests, routes by their table, and that no alert lacks a test or a runbook.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../deploy"

PROMETHEUS=monitoring/prometheus
ALERTMANAGER=monitoring/alertmanager
RULES=("$PROMETHEUS"/rules/*.yml)
TESTS=("$PROMETHEUS"/tests/*.test.yml)
RUNBOOKS=(README.md README.fr.md)

fail() {
  printf 'tests/stack/rules.sh: error: %s\n' "$*" >&2
  exit 1
}

alerts() {
  sed -n 's/^ *- alert: //p' "${RULES[@]}"
}

# Not early, firing with its texts, resolved.
check_moments() {
  local name=$1 silent
  silent=$(cat "${TESTS[@]}" | grep -c -- "- {alertname: $name, eval_time: ") || true
  ((silent == 2)) || fail "$name: $silent moments without it are tested, not 2"
  grep -A 2 -x -- " *- alertname: $name" "${TESTS[@]}" | grep -q exp_alerts ||
    fail "$name: no test expects it"
}

check_runbook() {
  local name=$1 page
  sed -n "/^ *- alert: $name\$/,/runbook:/p" "${RULES[@]}" |
    grep -q "runbook: deploy/README.md#${name,,}\$" || fail "$name: no link to its runbook"
  for page in "${RUNBOOKS[@]}"; do
    grep -qx "#* $name" "$page" || fail "deploy/$page has no section $name"
  done
}

check_routes() {
  local receiver labels
  while read -r receiver labels; do
    # shellcheck disable=SC2086
    amtool config routes test --config.file="$ALERTMANAGER/alertmanager.yml" \
      --verify.receivers="$receiver" $labels &>/dev/null ||
      fail "this alert does not go to $receiver: $labels"
  done < <(grep -v '^#' "$ALERTMANAGER/tests/routes.txt")
}

# check_receiver BLOCK: the guide's, in place of the receiver that is shipped
check_receiver() {
  local file
  file=$(mktemp)
  awk -v block="$1" '/^  - name: critical$/ { print block; skip = 1; next }
    /^  - name: / { skip = 0 }
    !skip' "$ALERTMANAGER/alertmanager.yml" >"$file"
  grep -q "name: 'critical'" "$file" || fail 'there is no receiver critical to replace'
  amtool check-config "$file" >/dev/null || fail "this receiver is refused: $1"
  rm -f -- "$file"
}

check_receivers() {
  check_receiver "  - name: 'critical'
    email_configs:
      - to: 'admin@vignemail1.eu'
        from: 'alertmanager@vignemail1.eu'
        smarthost: 'smtp.gmail.com:587'
        auth_username: 'your-email@gmail.com'
        auth_password: 'your-app-password'
"
  check_receiver "  - name: 'critical'
    webhook_configs:
      - url: 'https://discord.com/api/webhooks/YOUR_WEBHOOK'
        send_resolved: true
"
}

# What is there to be appended makes a configuration that Prometheus takes.
check_further_job() {
  local folder
  folder=$(mktemp -d)
  cp -r "$PROMETHEUS/." "$folder"
  cat "$PROMETHEUS/nvidia.yml" >>"$folder/prometheus.yml"
  promtool check config "$folder/prometheus.yml" >/dev/null ||
    fail 'with the job of nvidia.yml prometheus.yml is refused'
  rm -rf -- "$folder"
}

promtool check config "$PROMETHEUS/prometheus.yml"
check_further_job
promtool check rules "${RULES[@]}" "$PROMETHEUS"/rules/*.off
promtool test rules "${TESTS[@]}"
for alert in $(alerts); do
  check_moments "$alert"
  check_runbook "$alert"
done
amtool check-config "$ALERTMANAGER/alertmanager.yml"
check_routes
check_receivers
printf '%d alerts, each with a test and a runbook\n' "$(alerts | wc -l)"
