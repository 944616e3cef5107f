# shellcheck shell=bash
# Components as processes. The record of one, DATA_DIR/run/NAME.pid, holds its
# pid, its start time and its address: the start time distinguishes the process from a
# later one that was given the same pid.

STOP_SECONDS=10

record_file() {
  printf '%s/run/%s.pid' "$DATA_DIR" "$1"
}

log_file() {
  printf '%s/logs/%s.log' "$DATA_DIR" "$1"
}

# Fails where the process has ended, even if nobody has waited for it yet.
start_time() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The program's name comes second, in parentheses, and may hold anything.
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != [ZX] ]] && printf '%s' "${fields[19]}"
}

record() {
  local name=$1 pid=$2 address=$3
  printf '%s %s %s\n' "$pid" "$(start_time "$pid" || printf ended)" "$address" >"$(record_file "$name")"
}

is_recorded() {
  is_data_dir && [[ -f $(record_file "$1") ]]
}

recorded_pid() {
  local pid
  read -r pid _ <"$(record_file "$1")"
  printf '%s' "$pid"
}

recorded_address() {
  local address
  read -r _ _ address <"$(record_file "$1")"
  printf '%s' "$address"
}

is_running() {
  local pid start
  is_recorded "$1" || return 1
  read -r pid start _ <"$(record_file "$1")" || return 1
  [[ $(start_time "$pid") == "$start" ]]
}

any_running() {
  local name
  for name in up "${COMPONENTS[@]}"; do
    if is_running "$name"; then
      return 0
    fi
  done
  return 1
}

start_component() {
  local name=$1
  shift
  # In a session of its own no Ctrl-C reaches it: the order of the stop is ours.
  setsid -- "$@" </dev/null >"$(log_file "$name")" 2>&1 &
  record "$name" "$!" "$(address_of "$name")"
}

show_last_lines() {
  tail -n 15 -- "$1" 2>/dev/null | sed 's/^/    /' >&2
}

wait_for_end() {
  local name=$1 seconds=$2
  local deadline=$((SECONDS + seconds))
  while is_running "$name"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

stop_component() {
  local name=$1 pid
  pid=$(recorded_pid "$name")
  if is_running "$name"; then
    say "stopping $name"
    # It may have ended in between: the wait below tells.
    kill -TERM "$pid" 2>/dev/null || true
  fi
  if ! wait_for_end "$name" "$STOP_SECONDS"; then
    say "$name does not stop: killing it"
    kill -KILL "$pid" 2>/dev/null || true
    wait_for_end "$name" "$STOP_SECONDS" || return 1
  fi
  rm -f -- "$(record_file "$name")"
}

stop_components() {
  local i name code=0
  for ((i = ${#COMPONENTS[@]} - 1; i >= 0; i--)); do
    name=${COMPONENTS[i]}
    if is_recorded "$name"; then
      stop_component "$name" || code=1
    fi
  done
  return "$code"
}
