# shellcheck shell=bash
# The data folder of a run.

MARKER=.twitch-chatters-monitoring

default_data_dir() {
  local state=${XDG_STATE_HOME:-}
  # MariaDB gives up root's rights, and could then not enter root's home.
  if [[ -z $state ]] && ((EUID == 0)); then
    state=/var/lib
  fi
  printf '%s/twitch-chatters-monitoring' "${state:-${HOME:?is not set: pass --data-dir DIR}/.local/state}"
}

# What the other commands need to find this folder.
data_dir_flag() {
  [[ $DATA_DIR == "$(default_data_dir)" ]] || printf ' --data-dir %s' "$DATA_DIR"
}

is_data_dir() {
  [[ -f $DATA_DIR/$MARKER ]]
}

is_empty_dir() {
  [[ -d $1 && -r $1 && -z $(ls -A -- "$1") ]]
}

check_data_dir() {
  # mariadb-install-db takes a path with a space for two.
  [[ $DATA_DIR != *[[:space:]]* ]] || fail "$DATA_DIR contains a space: pass another --data-dir DIR"
  [[ ! -e $DATA_DIR ]] || is_data_dir || is_empty_dir "$DATA_DIR" ||
    fail "$DATA_DIR is not empty and was not made by deploy/up: pass another --data-dir DIR"
  [[ ! -e $DATA_DIR || -w $DATA_DIR ]] ||
    fail "$DATA_DIR belongs to another user: pass another --data-dir DIR"
}

make_data_dir() {
  mkdir -p -- "$DATA_DIR"
  # Others may pass through, as MariaDB's own user has to, but see nothing.
  chmod 711 "$DATA_DIR"
  mkdir -p -- "$DATA_DIR/run" "$DATA_DIR/logs"
  touch -- "$DATA_DIR/$MARKER"
  rm -f -- "$DATA_DIR"/run/*.pid "$DATA_DIR"/logs/*.log
}

purge_data_dir() {
  [[ -e $DATA_DIR ]] || return 0
  is_data_dir || fail "$DATA_DIR was not made by deploy/up: it is left as it is"
  rm -rf -- "$DATA_DIR"
  say "removed $DATA_DIR"
}
