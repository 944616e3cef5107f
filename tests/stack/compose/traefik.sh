# shellcheck shell=bash
# The public names, where a Traefik is installed: whom it lets in, and to what.

HTTPS_PORT=$((PROMETHEUS_PORT + 2))

# answers CODE NAME PATH [OPTION...]: with any certificate, for the authority of the
# real one is not reached
answers() {
  local code=$1 host=$2.vignemail1.eu path=$3 answer
  shift 3
  answer=$(curl -sk --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' \
    --resolve "$host:$HTTPS_PORT:127.0.0.1" "$@" "https://$host:$HTTPS_PORT$path")
  printf '%s: %s\n' "$host$path" "$answer"
  [[ $answer == "$code" ]]
}

login() {
  sed -n 's/^Prometheus and Alertmanager: \(.*\) \/ \(.*\)/\1:\2/p' "$FOLDER/renewed"
}

traefik_answers() {
  local name
  for name in prometheus alerts; do
    check "$name. is behind a login" eventually answers 401 "$name" /-/ready
    check "$name. takes no other login" answers 401 "$name" /-/ready --user admin:admin
    check "$name. answers whom secrets/renew has told" answers 200 "$name" /-/ready --user "$(login)"
  done
  check 'no other name is known' answers 404 loki /ready
}
