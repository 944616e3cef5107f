# shellcheck shell=bash disable=SC2034
# The private Redis and MariaDB.

DATABASE_HOST=127.0.0.1

start_redis() {
  mkdir -p -- "$DATA_DIR/redis"
  # Without maxmemory, memory in percent would be a division by zero.
  start_component redis redis-server --port "${PORT[redis]}" --bind "$DATABASE_HOST" \
    --protected-mode yes --dir "$DATA_DIR/redis" --save '' --maxmemory 128mb
}

start_mariadb() {
  local folder=$DATA_DIR/mariadb account=$DATA_DIR/mariadb-account.sql server_user=()
  MY_CNF=$DATA_DIR/mysql-exporter.my.cnf
  MYSQL_ADDRESS=$DATABASE_HOST:${PORT[mariadb]}
  write_account "$account"
  # The server refuses to run as root.
  if ((EUID == 0)); then
    check_access_of_mysql
    chown mysql "$account"
    server_user=(--user=mysql)
  fi
  [[ -d $folder ]] || create_database "$folder" "${server_user[@]}"
  # The socket's path is relative to the data: a full one may exceed the 107
  # bytes that a socket's name can have.
  start_component mariadb mariadbd --no-defaults "${server_user[@]}" --datadir="$folder" \
    --socket=mariadbd.sock --pid-file="$folder/mariadbd.pid" --init-file="$account" \
    --bind-address="$DATABASE_HOST" --port="${PORT[mariadb]}" --skip-name-resolve
}

check_access_of_mysql() {
  runuser -u mysql -- test -x "$DATA_DIR" ||
    fail "the user mysql, as whom MariaDB runs, cannot enter $DATA_DIR: pass another --data-dir DIR"
}

# Under another name until it is complete: an interrupted attempt is no database.
create_database() {
  local folder=$1 log
  shift
  log=$(log_file mariadb-install)
  say 'creating the MariaDB data'
  rm -rf -- "$folder.new"
  mkdir -m 700 -- "$folder.new"
  ((EUID != 0)) || chown mysql "$folder.new"
  if ! mariadb-install-db --no-defaults "$@" --datadir="$folder.new" --skip-test-db >"$log" 2>&1; then
    complain 'mariadb-install-db failed; its last lines:'
    show_last_lines "$log"
    exit 1
  fi
  mv -- "$folder.new" "$folder"
}

random_password() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# Once as the exporter's login, once as the statements that the server runs at
# its start, so that no login as its administrator is needed.
write_account() {
  local password
  password=$(random_password)
  rm -f -- "$MY_CNF" "$1"
  (
    umask 077
    printf '[client]\nuser = exporter\npassword = %s\n' "$password" >"$MY_CNF"
    cat >"$1" <<SQL
CREATE OR REPLACE USER exporter@'$DATABASE_HOST' IDENTIFIED BY '$password' WITH MAX_USER_CONNECTIONS 8;
GRANT SELECT, PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.* TO exporter@'$DATABASE_HOST';
SQL
  )
}
