# shellcheck shell=bash
# What can be told of the files without starting anything.

# As v1 prints the ports; those of Traefik are meant for everybody.
ports_are_private() {
  guide v1 config | sed '/^  traefik:/,/^  [a-z]/d' >"$FOLDER/private"
  ! sed -n '/ports:/,/^    [a-z]/p' "$FOLDER/private" | grep -E '^    - ' | grep -v '127\.0\.0\.1:'
}

# Beside an application of another, without one of our services
monitoring_stands_alone() {
  local alone=$FOLDER/alone
  mkdir -p "$alone"
  cp -a "$PROJECT/." "$alone/"
  cp "$ROOT/tests/stack/compose/application.yml" "$alone/docker-compose.yml"
  DIRECTORY=$alone guide "$1" config --quiet
}

secrets_are_renewed() {
  "$PROJECT/secrets/renew" >"$FOLDER/renewed" && ! grep -rq change-me "$PROJECT/secrets" --include='*_*' --exclude=renew
}

# What must be there for Loki to delete anything at all
loki_keeps_30_days() {
  local line
  for line in '  retention_period: 30d' '  retention_enabled: true' '  delete_request_store: filesystem' \
    '      schema: v13' '      index: {prefix: index_, period: 24h}'; do
    grep -qxF -- "$line" "$PROJECT/monitoring/loki/loki.yml" || return 1
  done
  python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))' "$PROJECT/monitoring/loki/loki.yml"
}

# Under the names that the guide's commands and documents use
services_have_their_names() {
  local name
  compose v1 config --services >"$FOLDER/services"
  for name in {node,container,redis,mysql}-exporter alertmanager grafana loki prometheus promtail; do
    grep -qx "$name" "$FOLDER/services" || return 1
    grep -qF "container_name: twitch-chatters-$name" "$PROJECT/docker-compose.monitoring.yml" || return 1
  done
}

# public_name SERVICE NAME PORT: by https, at this port
public_name() {
  local router="traefik.http.routers.twitch-chatters-$1" line
  guide v1 config | tr -d "\"'" >"$FOLDER/config"
  for line in "$router.rule: Host(\`$2.vignemail1.eu\`)" "$router.tls: true" \
    "$router.tls.certresolver: letsencrypt" "$router.entrypoints: websecure" \
    "traefik.http.services.twitch-chatters-$1.loadbalancer.server.port: $3"; do
    grep -qF -- "$line" "$FOLDER/config" || {
      printf 'missing: %s\n' "$line"
      return 1
    }
  done
}

asks_for_a_login() {
  grep -qF "traefik.http.routers.twitch-chatters-$1.middlewares: twitch-chatters-users" "$FOLDER/config"
}

# tuned SED-SCRIPT: what promtool says of Prometheus's file so edited
tuned() {
  local copy=$FOLDER/tuned
  rm -rf -- "$copy"
  cp -a "$PROJECT/monitoring/prometheus" "$copy"
  sed -i "$1" "$copy/prometheus.yml"
  ! cmp -s "$copy/prometheus.yml" "$PROJECT/monitoring/prometheus/prometheus.yml" &&
    promtool check config "$copy/prometheus.yml" 2>&1
}

refuses_flags_in_the_file() {
  tuned "\$a command: [--storage.tsdb.retention.time=15d]" >"$FOLDER/answer"
  grep -q 'field command not found' "$FOLDER/answer"
}

configuration() {
  check 'secrets/renew replaces every shipped password' secrets_are_renewed
  check 'docker-compose accepts both files' guide v1 config --quiet
  check 'the short form means both files' compose v1 config --services
  check 'docker-compose accepts the monitoring beside another application' monitoring_stands_alone v1
  check 'services and containers have the names of the guide' services_have_their_names
  check 'Traefik leads grafana. to Grafana' public_name grafana grafana 3000
  check 'Traefik leads prometheus. to Prometheus' public_name prometheus prometheus 9090
  check 'Traefik leads alerts. to Alertmanager' public_name alertmanager alerts 9093
  check 'Traefik asks for a login before Prometheus' asks_for_a_login prometheus
  check 'Traefik asks for a login before Alertmanager' asks_for_a_login alertmanager
  check 'Prometheus takes another interval for all' tuned 's/scrape_interval: .*/scrape_interval: 30s/'
  check 'Prometheus takes another interval for one job' tuned '/job_name: node-exporter/a\    scrape_interval: 60s'
  check 'Prometheus refuses flags in its file' refuses_flags_in_the_file
  check 'Loki has what retention needs' loki_keeps_30_days
  check 'only Traefik publishes ports to others' ports_are_private
  if v2_is_there; then
    check 'docker compose accepts both files' guide v2 config --quiet
    check 'docker compose accepts the monitoring beside another application' monitoring_stands_alone v2
  else
    not_run 'docker compose: there is no such plugin here'
  fi
}
