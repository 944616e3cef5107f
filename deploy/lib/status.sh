# shellcheck shell=bash
# The table of deploy/up --status.

NOTHING_RUNS=3

show_status() {
  local name state row='%-18s  %-8s  %-10s  %s\n' up=0 down=0
  if ! any_recorded; then
    say "nothing is running from $DATA_DIR"
    return "$NOTHING_RUNS"
  fi
  # shellcheck disable=SC2059
  printf "$BOLD$row$RESET" COMPONENT PID STATE ADDRESS
  for name in "${COMPONENTS[@]}"; do
    is_recorded "$name" || continue
    state=$(state_of "$name")
    # shellcheck disable=SC2059
    printf "$row" "$name" "$(recorded_pid "$name")" "$state" "$(recorded_address "$name")"
    if [[ $state == up ]]; then
      up=$((up + 1))
    else
      down=$((down + 1))
    fi
  done
  ((up > 0)) || any_running || return "$NOTHING_RUNS"
  ((down == 0))
}

any_recorded() {
  local name
  for name in "${COMPONENTS[@]}"; do
    if is_recorded "$name"; then
      return 0
    fi
  done
  return 1
}

state_of() {
  local address port
  if ! is_running "$1"; then
    printf 'down'
    return
  fi
  address=$(recorded_address "$1")
  port=${address##*:}
  if is_listening "${port%%/*}"; then
    printf 'up'
  else
    printf 'no answer'
  fi
}
