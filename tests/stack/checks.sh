# shellcheck shell=bash
# What the tests of the stack are made of; to be sourced. Whoever does has set FOLDER, a folder of
# its own, and PATIENCE, the seconds that something may take.

OUTPUT=$FOLDER/output
PASSED=0
FAILED=0

# check NAME COMMAND...: passes where the command succeeds; else the end of what it said is shown
check() {
  local name=$1
  shift
  if "$@" >"$OUTPUT" 2>&1; then
    printf 'ok - %s\n' "$name"
    PASSED=$((PASSED + 1))
  else
    printf 'not ok - %s\n' "$name"
    tail -n 40 "$OUTPUT" | sed 's/^/    /'
    FAILED=$((FAILED + 1))
  fi
}

# not_run WHAT: what cannot be checked here, and why
not_run() {
  printf 'not run - %s\n' "$1"
}

# eventually COMMAND...: again and again until it succeeds; else what it said last is shown.
# After a few tries once a second: several such scripts share the machine with builds.
eventually() {
  local deadline=$((SECONDS + PATIENCE)) pauses=(0.2 0.3 0.5)
  until "$@" >"$FOLDER/attempt" 2>&1; do
    if ((SECONDS >= deadline)); then
      cat "$FOLDER/attempt"
      return 1
    fi
    sleep "${pauses[0]:-1}"
    pauses=("${pauses[@]:1}")
  done
}

# Says how many checks passed; fails if one did not.
conclude() {
  printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
  ((FAILED == 0))
}
