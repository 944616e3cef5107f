# shellcheck shell=bash disable=SC2034
# The command line of deploy/up.

ACTION=foreground
BUILD=yes
BIN_DIR=''
DATA_DIR=''
LISTEN=127.0.0.1
SCRAPE_INTERVAL=15s
WITH_REDIS=yes
WITH_MYSQL=yes
WITH_ALERTMANAGER=yes
# auto: where they are installed
WITH_GRAFANA=auto
WITH_LOKI=auto
NOT_INSTALLED=()
REDIS_URL=''
MY_CNF=''
MYSQL_ADDRESS=''

show_help() {
  cat <<HELP
Start the four exporters with Prometheus, Alertmanager, Redis and MariaDB, and with
Grafana, Loki and a collector of logs (alloy or promtail) where they are installed.

Usage: deploy/up [FLAGS]

Builds the exporters, installs what is missing, starts everything as private
processes on this machine and shows their logs until Ctrl-C. Services that
already run here are left alone.

What to do
  --detach                   return once all is up; stop it with deploy/down
  --status                   list what runs; exit 0: all up, 1: partly, 3: nothing
  --help                     this text

Exporters
  --no-build                 use the binaries in target/release as they are
  --bin-dir DIR              use the binaries in DIR, without building

Existing servers
  --no-redis                 start no Redis
  --redis-addr URL           the Redis to watch then (default redis://127.0.0.1:6379);
                             its password is read from REDIS_PASSWORD
  --no-mysql                 start no MariaDB; needs --mysql-my-cnf
  --mysql-my-cnf FILE        account to log in with, in the format of .my.cnf
  --mysql-address HOST:PORT  the server to watch, where FILE does not name it
  --no-alertmanager          start no Alertmanager
  --no-grafana               start no Grafana
  --no-logs                  start neither Loki nor a collector

Addresses
  --listen ADDR              for the web interfaces and exporters (default 127.0.0.1)
  --node-port N              default 9100
  --container-port N         default 8080
  --redis-exporter-port N    default 9121
  --mysql-exporter-port N    default 9104
  --prometheus-port N        default 9090
  --alertmanager-port N      default 9093
  --redis-port N             default 6379, on 127.0.0.1 only
  --mysql-port N             default 3306, on 127.0.0.1 only
  --grafana-port N           default 3000
  --loki-port N              default 3100, on 127.0.0.1 only
  --loki-grpc-port N         default 9095, on 127.0.0.1 only
  --collector-port N         default 9080, on 127.0.0.1 only

Other
  --data-dir DIR             data and logs (default $(default_data_dir))
  --scrape-interval TIME     how often Prometheus asks (default 15s)
HELP
}

parse_options() {
  local flag
  while (($# > 0)); do
    flag=$1
    shift
    case $flag in
      --*=*) set_value "${flag%%=*}" "${flag#*=}" ;;
      --*-port | --*-addr | --*-address | --*-dir | --listen | --mysql-my-cnf | --scrape-interval)
        set_value "$flag" "${1:-}"
        shift
        ;;
      *) set_switch "$flag" ;;
    esac
  done
  check_options
}

set_switch() {
  case $1 in
    --detach) ACTION=detach ;;
    --status) ACTION=status ;;
    --no-build) BUILD=no ;;
    --no-redis) WITH_REDIS=no ;;
    --no-mysql) WITH_MYSQL=no ;;
    --no-alertmanager) WITH_ALERTMANAGER=no ;;
    --no-grafana) WITH_GRAFANA=no ;;
    --no-logs) WITH_LOKI=no ;;
    --help | -h)
      show_help
      exit 0
      ;;
    -*) misuse "unknown flag $1" ;;
    *) misuse "unexpected argument $1" ;;
  esac
}

set_value() {
  [[ -n $2 && $2 != --* ]] || misuse "$1 needs a value"
  case $1 in
    --bin-dir) BIN_DIR=$2 BUILD=no ;;
    --data-dir) DATA_DIR=$2 ;;
    --listen) LISTEN=$2 ;;
    --redis-addr) REDIS_URL=$2 ;;
    --mysql-my-cnf) MY_CNF=$2 ;;
    --mysql-address) MYSQL_ADDRESS=$2 ;;
    --scrape-interval) SCRAPE_INTERVAL=$2 ;;
    *) set_port "$1" "$2" ;;
  esac
}

set_port() {
  local name
  for name in "${!PORT_FLAG[@]}"; do
    if [[ ${PORT_FLAG[$name]} == "$1" ]]; then
      [[ $2 =~ ^[1-9][0-9]{0,4}$ && $2 -le 65535 ]] || misuse "$1 needs a port, not $2"
      PORT["$name"]=$2
      return
    fi
  done
  misuse "unknown flag $1"
}

check_options() {
  [[ $SCRAPE_INTERVAL =~ ^[1-9][0-9]*[sm]$ ]] ||
    misuse "--scrape-interval needs a time such as 15s or 1m, not $SCRAPE_INTERVAL"
  [[ $LISTEN =~ ^[0-9A-Za-z.:-]+$ ]] || misuse "--listen needs an address, not $LISTEN"
  check_redis_options
  check_mysql_options
  look_for_grafana
  BIN_DIR=$(realpath -m -- "${BIN_DIR:-$ROOT/target/release}")
  DATA_DIR=$(realpath -m -- "${DATA_DIR:-$(default_data_dir)}")
}

check_redis_options() {
  [[ -z $REDIS_URL || $WITH_REDIS == no ]] || misuse '--redis-addr needs --no-redis'
  : "${REDIS_URL:=redis://127.0.0.1:6379}"
}

check_mysql_options() {
  if [[ $WITH_MYSQL == yes ]]; then
    [[ -z $MY_CNF ]] || misuse '--mysql-my-cnf needs --no-mysql'
    [[ -z $MYSQL_ADDRESS ]] || misuse '--mysql-address needs --no-mysql'
  elif [[ $ACTION != status ]]; then
    [[ -n $MY_CNF ]] || misuse '--no-mysql needs --mysql-my-cnf FILE, the account to log in with'
    [[ -r $MY_CNF ]] || misuse "--mysql-my-cnf: cannot read $MY_CNF"
    MY_CNF=$(realpath -- "$MY_CNF")
  fi
}
