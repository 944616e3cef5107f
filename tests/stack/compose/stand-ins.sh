# shellcheck shell=bash
# Images under the names that the compose files ask for, made of the
# distribution's packages: there need not be a registry.

PARTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# The value of a setting in the project's .env
setting() {
  sed -n "s/^$1=//p" "$PROJECT/.env"
}

# install_programs ROOT PROGRAM...: with the libraries that they are linked to
install_programs() {
  local root=$1 program library
  shift
  mkdir -p "$root"/{bin,etc,run}
  # A tmpfs takes the rights of the folder that it hides.
  install -d -m 1777 "$root/tmp"
  for program in "$@"; do
    program=$(type -P "$program")
    cp -L -- "$program" "$root/bin/"
    for library in $(ldd "$program" 2>/dev/null | grep -oE '/[^ ]+'); do
      mkdir -p "$root${library%/*}"
      cp -L -- "$library" "$root$library"
    done
  done
}

# install_applets ROOT APPLET...
install_applets() {
  local root=$1 applet
  shift
  cp /bin/busybox "$root/bin/busybox"
  for applet in "$@"; do
    ln -sf busybox "$root/bin/$applet"
  done
}

# add_image NAME ROOT INSTRUCTION...
add_image() {
  local name=$1 root=$2 instruction changes=()
  shift 2
  for instruction in "$@"; do
    changes+=(--change "$instruction")
  done
  tar -C "$root" -c . | docker import "${changes[@]}" - "$name" >/dev/null
  rm -rf -- "$root"
}

add_busybox() {
  local root=$FOLDER/root
  install_programs "$root"
  install_applets "$root" sh awk sleep cat wget
  add_image "busybox:$(setting BUSYBOX_VERSION)" "$root" 'ENV PATH=/bin' 'CMD ["sh"]'
}

add_prometheus() {
  local root=$FOLDER/root
  install_programs "$root" prometheus promtool
  install_applets "$root" sh wget rm cp
  install -d -o 65534 -g 65534 "$root/prometheus"
  add_image "prom/prometheus:$(setting PROMETHEUS_VERSION)" "$root" \
    'ENV PATH=/bin' 'USER 65534' 'WORKDIR /prometheus' 'ENTRYPOINT ["/bin/prometheus"]'
}

add_alertmanager() {
  local root=$FOLDER/root
  install_programs "$root" prometheus-alertmanager amtool
  install_applets "$root" sh wget
  # Debian keeps the default templates out of the program.
  mkdir -p "$root/usr/share/prometheus"
  cp -a /usr/share/prometheus/alertmanager "$root/usr/share/prometheus/"
  install -d -o 65534 -g 65534 "$root/alertmanager"
  add_image "prom/alertmanager:$(setting ALERTMANAGER_VERSION)" "$root" \
    'ENV PATH=/bin' 'USER 65534' 'WORKDIR /alertmanager' 'ENTRYPOINT ["/bin/prometheus-alertmanager"]'
}

add_redis() {
  local root=$FOLDER/root
  install_programs "$root" redis-server redis-cli
  install_applets "$root" sh cat grep sleep
  install -d -o 999 -g 1000 "$root/data"
  add_image "redis:$(setting REDIS_VERSION)" "$root" 'ENV PATH=/bin' 'WORKDIR /data'
}

# Its own image makes the data and sources the scripts of initdb.d; so does
# the entry point here.
add_mariadb() {
  local root=$FOLDER/root
  install_programs "$root" mariadbd mariadb mariadb-admin mariadb-install-db my_print_defaults resolveip bash
  install_applets "$root" sh cat sed rm sleep mkdir chmod chown hostname dirname basename uname touch
  mkdir -p "$root/usr/share" "$root/usr/lib/mysql/plugin" "$root/usr/bin" "$root/usr/sbin" \
    "$root/docker-entrypoint-initdb.d"
  cp -a /usr/share/mysql "$root/usr/share/"
  ln -s /bin/mariadbd "$root/usr/sbin/mariadbd"
  ln -s /bin/my_print_defaults /bin/resolveip "$root/usr/bin/"
  printf 'mysql:x:999:999::/:/bin/sh\n' >"$root/etc/passwd"
  install -d -o 999 -g 999 "$root/var/lib/mysql"
  install -d -m 1777 "$root/run/mysqld"
  install -m 755 "$PARTS/mariadb-entrypoint" "$root/bin/entrypoint"
  install -m 755 "$PARTS/mariadb-healthcheck" "$root/bin/healthcheck.sh"
  add_image "mariadb:$(setting MARIADB_VERSION)" "$root" \
    'ENV PATH=/bin' 'ENTRYPOINT ["/bin/entrypoint"]' 'CMD ["mariadbd"]'
}

add_socket_proxy() {
  local root=$FOLDER/root
  install_programs "$root" haproxy
  install_applets "$root" sh wget
  install -m 644 "$PARTS/haproxy.cfg" "$root/etc/haproxy.cfg"
  add_image "tecnativa/docker-socket-proxy:$(setting SOCKET_PROXY_VERSION)" "$root" \
    'ENV PATH=/bin' 'CMD ["haproxy", "-W", "-db", "-f", "/etc/haproxy.cfg"]'
}

add_traefik() {
  local root=$FOLDER/root
  install_programs "$root" traefik
  add_image "traefik:$(setting TRAEFIK_VERSION)" "$root" 'ENV PATH=/bin' 'ENTRYPOINT ["/bin/traefik"]'
}

add_loki() {
  local root=$FOLDER/root
  install_programs "$root" loki
  mkdir -p "$root/usr/bin"
  mv "$root/bin/loki" "$root/usr/bin/"
  install -d -o 10001 -g 10001 "$root/loki"
  add_image "grafana/loki:$(setting LOKI_VERSION)" "$root" 'ENV PATH=/usr/bin' 'USER 10001' 'ENTRYPOINT ["/usr/bin/loki"]'
}

add_promtail() {
  local root=$FOLDER/root
  install_programs "$root" promtail bash
  add_image "$(setting COLLECTOR_IMAGE)" "$root" 'ENV PATH=/bin' 'ENTRYPOINT ["/bin/promtail"]'
}

add_stand_ins() {
  local name
  add_busybox
  add_prometheus
  add_alertmanager
  add_redis
  add_mariadb
  add_socket_proxy
  for name in loki promtail traefik; do
    is_left_out "$name" || "add_$name"
  done
}
