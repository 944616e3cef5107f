# shellcheck shell=bash disable=SC2034
# Messages to the person at the terminal.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' RESET=$'\e[0m'
  COLOURS=($'\e[36m' $'\e[33m' $'\e[32m' $'\e[35m' $'\e[34m' $'\e[96m' $'\e[93m' $'\e[95m')
else
  BOLD='' GREEN='' RED='' RESET=''
  COLOURS=('')
fi

# Set while logs are followed, so that our own lines are told from theirs.
SAY_PREFIX=''

say() {
  printf '%s%s\n' "$SAY_PREFIX" "$*"
}

complain() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
  complain "$*"
  exit 1
}

misuse() {
  complain "$* (see --help)"
  exit 2
}
