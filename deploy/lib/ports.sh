# shellcheck shell=bash disable=SC2153
# TCP ports of this machine.

listening_ports() {
  local address state hex
  while read -r _ address _ state _; do
    hex=${address##*:}
    [[ $state != 0A ]] || printf "%d\n" "0x$hex"
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

is_listening() {
  local ports
  ports=$(listening_ports)
  [[ $'\n'$ports$'\n' == *$'\n'$1$'\n'* ]]
}

check_ports() {
  local name port conflicts=0
  local -A taken=()
  for name in "${COMPONENTS[@]}" loki-grpc; do
    wants "$name" || continue
    port=${PORT[$name]}
    if is_listening "$port"; then
      complain "port $port ($name) is in use: pass ${PORT_FLAG[$name]} N"
      conflicts=1
    elif [[ -n ${taken[$port]:-} ]]; then
      complain "port $port ($name) is also that of ${taken[$port]}: pass ${PORT_FLAG[$name]} N"
      conflicts=1
    fi
    taken[$port]=$name
  done
  ((conflicts == 0)) || exit 1
}
