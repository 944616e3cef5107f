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
  cp "$ROOT/tests/compose/application.yml" "$alone/docker-compose.yml"
  DIRECTORY=$alone guide "$1" config --quiet
}

secrets_are_renewed() {
  "$PROJECT/secrets/renew" && ! grep -rq change-me "$PROJECT/secrets" --include='*_*' --exclude=renew
}

queries_parse() {
  cp -a "$ROOT/tests/compose/logql" "$FOLDER/logql"
  (cd "$FOLDER/logql" && npm install --no-package-lock --no-audit --no-fund --silent &&
    node check.mjs "$PROJECT/monitoring/loki/queries.logql" "$PROJECT"/README{,.fr}.md)
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

configuration() {
  check 'secrets/renew replaces every shipped password' secrets_are_renewed
  check 'docker-compose accepts both files' guide v1 config --quiet
  check 'the short form means both files' compose v1 config --services
  check 'docker-compose accepts the monitoring beside another application' monitoring_stands_alone v1
  check "each query for Loki parses and stands in both guides" queries_parse
  check 'Loki has what retention needs' loki_keeps_30_days
  check 'only Traefik publishes ports to others' ports_are_private
  if v2_is_there; then
    check 'docker compose accepts both files' guide v2 config --quiet
    check 'docker compose accepts the monitoring beside another application' monitoring_stands_alone v2
  else
    not_run 'docker compose: there is no such plugin here'
  fi
}
