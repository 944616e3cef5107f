# shellcheck shell=bash disable=SC2034
# The foreground: logs as they are written, and components that end.

LOG_READER=''
LOG_PRINTER=''

name_column() {
  local index colour
  for index in "${!COMPONENTS[@]}"; do
    if [[ ${COMPONENTS[index]} == "$1" ]]; then
      colour=${COLOURS[index % ${#COLOURS[@]}]}
    fi
  done
  printf '%s%-18s |%s ' "${colour:-$BOLD}" "$1" "$RESET"
}

# tail announces the file of the lines that follow in a header between arrows.
prefix_lines() {
  local line name column=''
  while IFS= read -r line; do
    case $line in
      '') ;;
      '==> '*'.log <==')
        name=${line##*/}
        column=$(name_column "${name%.log <==}")
        ;;
      *) printf '%s%s\n' "$column" "$line" ;;
    esac
  done
}

follow_logs() {
  local name logs=() output
  for name in "${COMPONENTS[@]}"; do
    if is_recorded "$name"; then
      logs+=("$(log_file "$name")")
    fi
  done
  # Both outlive Ctrl-C: the components' last words are worth reading.
  exec {output}> >(trap '' INT TERM HUP && prefix_lines)
  LOG_PRINTER=$!
  setsid -- tail -v -n 0 -s 0.2 -F -- "${logs[@]}" >"/dev/fd/$output" 2>/dev/null &
  LOG_READER=$!
  exec {output}>&-
  SAY_PREFIX=$(name_column up)
}

stop_following() {
  [[ -n $LOG_READER ]] || return 0
  # Long enough for tail to look at the files once more.
  sleep 0.5
  kill "$LOG_READER"
  wait "$LOG_READER" "$LOG_PRINTER"
  SAY_PREFIX=''
} 2>/dev/null

# Returns once nothing is left running.
watch_components() {
  local name running=1
  local -A ended=()
  while ((running > 0)); do
    sleep 1
    running=0
    for name in "${COMPONENTS[@]}"; do
      is_recorded "$name" || continue
      if is_running "$name"; then
        running=$((running + 1))
      elif [[ -z ${ended[$name]:-} ]]; then
        ended[$name]=yes
        say "${RED}$name has ended${RESET}; the others go on (its log: $(log_file "$name"))"
      fi
    done
  done
}
