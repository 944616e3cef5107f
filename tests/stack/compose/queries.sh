# shellcheck shell=bash
# The guide's queries under load: numbers, a series each, and what the tools of
# the machine, of Docker and of the servers tell at the same time.

WINDOW_SECONDS=10

# Look-ups that hit and miss, slow queries, and a worker at its limit: a fifth
# of a core.
start_activity() {
  docker exec --detach twitch-chatters-redis sh -c 'export REDISCLI_AUTH=$(cat /run/secrets/redis_password)
    while :; do printf "SET key value\nGET key\nGET none\n" | redis-cli; sleep 0.2; done' &&
    docker exec --detach twitch-chatters-mysql sh -c 'while :; do mariadb --no-defaults --user=root \
      --socket=/run/mysqld/mysqld.sock --password="$(cat /run/secrets/mysql_root_password)" \
      -e "SET long_query_time = 0; SELECT COUNT(*) FROM mysql.user"; sleep 0.2; done' &&
    docker exec --detach twitch-chatters-worker sh -c 'while :; do :; done'
}

# query PART: the guide's query with these words
query() {
  grep -F -m 1 -- "$1" "$ROOT/tests/stack/queries.promql"
}

# The same over the time that the tools are looked at
recent() {
  query "$1" | sed "s/irate(/rate(/g; s/\[5m\]/[${WINDOW_SECONDS}s]/g"
}

# No NaN, nothing infinite, nothing below 0, no share above 100 %
gives_numbers() {
  local most=1e15
  [[ $1 != *'* 100'* || $1 == *container_cpu* ]] || most=100
  prometheus query --data-urlencode "query=$1" | tee "$FOLDER/answer" | jq -e --argjson most "$most" '.data.result |
    length > 0 and all(.[].value[1] | tonumber; . >= 0 and . <= $most)' || {
    cat "$FOLDER/answer"
    return 1
  }
}

# labels NAME EXPRESSION: of all its series
labels() {
  prometheus query --data-urlencode "query=$2" | jq -r --arg name "$1" '.data.result[].metric[$name]' | sort
}

services() {
  printf 'twitch-chatters-%s\n' "${SERVICES[@]}" | sort
}

interfaces() {
  sed -n 's/^ *\([^ :]*\):.*/\1/p' /proc/net/dev | sort
}

# One for each container or interface, else a single one. An interface that is
# gone keeps its rate for five minutes.
has_its_series() {
  case $1 in
    *container_network*) diff <(labels name "$1" | uniq) <(services) ;;
    *container_*) diff <(labels name "$1") <(services) ;;
    *node_network*) [[ -z $(labels device "$1" | uniq -d) && -z $(comm -13 <(labels device "$1") <(interfaces)) ]] ;;
    *) value "$1" ;;
  esac
}

# agrees TOLERANCE EXPRESSION COMMAND...: with what the command prints, but for
# the tolerance, in its unit or in per cent of it
agrees() {
  local tolerance=$1 expression=$2 told ours
  shift 2
  told=$("$@") && ours=$(value "$expression") || return 1
  printf '%s is %s, %s says %s\n' "$expression" "$ours" "$*" "$told"
  awk -v tolerance="$tolerance" -v told="$told" -v ours="$ours" 'BEGIN {
    if (sub(/%$/, "", tolerance)) tolerance *= told / 100
    exit told == "" || ours - told > tolerance || told - ours > tolerance
  }'
}

# per_second COMMAND...: how fast the number grows that it prints
per_second() {
  local before after
  before=$("$@") && sleep "$WINDOW_SECONDS" && after=$("$@") || return 1
  awk -v before="$before" -v after="$after" -v seconds="$WINDOW_SECONDS" \
    'BEGIN { printf "%.3f\n", (after - before) / seconds }'
}

idle_percent_seconds() {
  awk -v ticks="$(getconf CLK_TCK)" '/^cpu / { idle = $5 } /^cpu[0-9]/ { cpus++ }
    END { printf "%.2f\n", idle / ticks / cpus * 100 }' /proc/stat
}

busy_percent() {
  per_second idle_percent_seconds | awk '{ print 100 - $1 }'
}

memory_percent() {
  free --bytes | awk '/^Mem:/ { print ($2 - $7) / $2 * 100 }'
}

memory_total() {
  awk '/^MemTotal:/ { printf "%d\n", $2 * 1024 }' /proc/meminfo
}

disk_percent() {
  df --block-size=1 --output=size,avail / | awk 'NR == 2 { print (1 - $2 / $1) * 100 }'
}

# interface_bytes COLUMN [PROCESS]: 1 received, 9 sent; without the loopback of a
# container, which is not counted
interface_bytes() {
  sed -n "3,\${s/:/ /${2:+;/^ *lo /d};p}" "/proc/${2:-self}/net/dev" |
    awk -v column="$1" '{ sum += $(column + 1) } END { printf "%d\n", sum }'
}

# container_stats FIELD SERVICE: of docker stats; memory in MiB
container_stats() {
  docker stats --no-stream --format "{{.$1}}" "twitch-chatters-$2" | awk '
    { number = $1 + 0 }
    /GiB \// { number *= 1024 }
    /KiB \// { number /= 1024 }
    { print number }'
}

# With the file cache, which docker stats takes off
cgroup_memory() {
  curl -fsS --unix-socket "$SOCKET" "http://docker/containers/twitch-chatters-$1/stats?stream=false" |
    jq '.memory_stats.usage / 1048576'
}

redis_info() {
  docker exec twitch-chatters-redis sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli info' |
    tr -d '\r' | sed -n "s/^$1://p"
}

redis_memory_percent() {
  awk -v used="$(redis_info used_memory)" -v most="$(redis_info maxmemory)" 'BEGIN { print used / most * 100 }'
}

redis_hit_percent() {
  awk -v hits="$(per_second redis_info keyspace_hits)" -v misses="$(per_second redis_info keyspace_misses)" \
    'BEGIN { print hits / (hits + misses) * 100 }'
}

# The statement as root
mysql_says() {
  docker exec twitch-chatters-mysql sh -c 'exec mariadb --no-defaults --user=root --socket=/run/mysqld/mysqld.sock \
    --password="$(cat /run/secrets/mysql_root_password)" --batch --skip-column-names -e "$1"' sh "$1"
}

mysql_status() {
  mysql_says "SHOW GLOBAL STATUS LIKE '$1'" | cut -f 2
}

mysql_connections_percent() {
  awk -v used="$(mysql_status Threads_connected)" -v most="$(mysql_says 'SELECT @@max_connections')" \
    'BEGIN { print used / most * 100 }'
}

mysql_buffer_pool_hit_percent() {
  awk -v asked="$(mysql_status Innodb_buffer_pool_read_requests)" -v missed="$(mysql_status Innodb_buffer_pool_reads)" \
    'BEGIN { print (asked - missed) / asked * 100 }'
}

agreement_of_the_machine() {
  check 'CPU usage agrees with /proc/stat' eventually agrees 10 "$(recent node_cpu)" busy_percent
  check 'memory usage agrees with free' eventually agrees 3 "$(query MemAvailable)" memory_percent
  check 'the size of the memory agrees with /proc/meminfo' agrees 0 node_memory_MemTotal_bytes memory_total
  check 'disk usage agrees with df' eventually agrees 1 "$(query node_filesystem)" disk_percent
  check 'what is received agrees with /proc/net/dev' \
    eventually agrees 30% "sum($(recent node_network_receive))" per_second interface_bytes 1
  check 'what is sent agrees with /proc/net/dev' \
    eventually agrees 30% "sum($(recent node_network_transmit))" per_second interface_bytes 9
}

agreement_of_containers() {
  local name process query
  query=$(recent container_cpu)
  check "a container's CPU agrees with docker stats" \
    eventually agrees 4 "${query/.\*/-worker}" container_stats CPUPerc worker
  query=$(query container_memory)
  for name in mysql prometheus redis; do
    check "the memory of $name agrees with its control group" \
      eventually agrees 5% "${query/.\*/-$name}" cgroup_memory "$name"
    check "the working set of $name agrees with docker stats" \
      eventually agrees 5% "container_memory_working_set_bytes{name=\"twitch-chatters-$name\"} / 1024 / 1024" \
      container_stats MemUsage "$name"
  done
  process=$(docker inspect --format '{{.State.Pid}}' twitch-chatters-prometheus)
  query=$(recent container_network)
  check 'what a container receives agrees with its /proc/net/dev' \
    eventually agrees 30% "sum(${query/.\*/-prometheus})" per_second interface_bytes 1 "$process"
}

agreement_of_servers() {
  check 'clients agree with redis-cli info' eventually agrees 3 "$(query redis_connected)" redis_info connected_clients
  check 'memory agrees with redis-cli info' eventually agrees 1 "$(query redis_memory)" redis_memory_percent
  check 'the hit rate agrees with redis-cli info' eventually agrees 5 "$(recent redis_keyspace)" redis_hit_percent
  check 'commands agree with redis-cli info' \
    eventually agrees 25% "$(recent redis_commands)" per_second redis_info total_commands_processed
  check 'connections agree with SHOW STATUS' \
    eventually agrees 2 "$(query mysql_global_status_threads)" mysql_status Threads_connected
  check 'the share of connections agrees with SHOW STATUS' \
    eventually agrees 2 "$(query max_connections)" mysql_connections_percent
  check 'questions agree with SHOW STATUS' \
    eventually agrees 25% "$(recent questions)" per_second mysql_status Questions
  check 'slow queries agree with SHOW STATUS' \
    eventually agrees 25% "$(recent slow_queries)" per_second mysql_status Slow_queries
  check 'hits of the buffer pool agree with SHOW STATUS' \
    eventually agrees 1 "$(query buffer_pool)" mysql_buffer_pool_hit_percent
}

queries() {
  local query
  check 'Redis, MariaDB and a container have something to do' start_activity
  while read -r query; do
    check "numbers for $query" eventually gives_numbers "$query"
    check "its series for $query" eventually has_its_series "$query"
  done < <(grep -v '^#\|^$' "$ROOT/tests/stack/queries.promql")
  agreement_of_the_machine
  agreement_of_containers
  # For the alerts, which look at the last minute
  check 'a container uses all that it may' start_load
  agreement_of_servers
  # The other two end with their servers, which the alerts stop.
  docker restart twitch-chatters-worker >/dev/null
}
