#!/usr/bin/env bash
# Checks the configuration of Prometheus and Alertmanager: alerts by their unit
# tests, routes by their table, and that no alert lacks a test or a runbook.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../deploy"

PROMETHEUS=monitoring/prometheus
ALERTMANAGER=monitoring/alertmanager
RULES=("$PROMETHEUS"/rules/*.yml)
TESTS=("$PROMETHEUS"/tests/*.test.yml)
RUNBOOKS=(README.md README.fr.md)

fail() {
  printf 'tests/rules.sh: error: %s\n' "$*" >&2
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

promtool check config "$PROMETHEUS/prometheus.yml"
promtool check rules "${RULES[@]}" "$PROMETHEUS"/rules/*.off
promtool test rules "${TESTS[@]}"
for alert in $(alerts); do
  check_moments "$alert"
  check_runbook "$alert"
done
amtool check-config "$ALERTMANAGER/alertmanager.yml"
check_routes
printf '%d alerts, each with a test and a runbook\n' "$(alerts | wc -l)"
