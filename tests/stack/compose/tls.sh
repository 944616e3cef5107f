# shellcheck shell=bash
# A daemon behind TLS, asked from within an image of nothing: its host name is
# resolved there, and the roots of trust are found.

DAEMON_NAME=docker.example

# Two authorities, and certificates of the first one for both sides
make_certificates() {
  local authority side
  mkdir -p "$FOLDER/tls" && cd "$FOLDER/tls" || return
  for authority in ca stranger; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$authority" \
      -keyout "$authority-key.pem" -out "$authority.pem" || return
  done
  for side in server client; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$side" -keyout "$side-key.pem" -out "$side.csr" &&
      openssl x509 -req -in "$side.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
        -extfile <(printf 'subjectAltName=DNS:%s\n' "$DAEMON_NAME") -out "$side.pem" || return
  done
  cat server.pem server-key.pem >both.pem
  chmod 755 . && chmod 644 ./*
}

put_tls_before_the_daemon() {
  cat >"$FOLDER/tls/haproxy.cfg" <<'HAPROXY'
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen docker
    bind :2376 ssl crt /tls/both.pem ca-file /tls/ca.pem verify required
    server docker /var/run/docker.sock
HAPROXY
  docker run --detach --name tls-daemon --network twitch-chatters-socket --network-alias "$DAEMON_NAME" \
    --volume "$SOCKET:/var/run/docker.sock" --volume "$FOLDER/tls:/tls:ro" \
    "tecnativa/docker-socket-proxy:$(setting SOCKET_PROXY_VERSION)" haproxy -db -f /tls/haproxy.cfg
}

# start_behind_tls NAME AUTHORITY OPTION...: an exporter that is given this authority
start_behind_tls() {
  local name=$1 authority=$2
  shift 2
  docker run --detach --name "$name" --network twitch-chatters-socket --volume "$FOLDER/tls:/tls:ro" "$@" \
    "$(image container-exporter)" "--docker=tcp://$DAEMON_NAME:2376" --docker-tls "--docker-tls-ca=/tls/$authority.pem" \
    --docker-tls-cert=/tls/client.pem --docker-tls-key=/tls/client-key.pem
}

# Whom each trusts: the file of the flag, the file of the image, neither
start_exporters_behind_tls() {
  start_behind_tls tls-flag ca &&
    start_behind_tls tls-roots stranger --volume "$FOLDER/tls/ca.pem:/etc/ssl/certs/ca-certificates.crt:ro" &&
    start_behind_tls tls-nobody stranger
}

# runtime_is NAME VALUE
runtime_is() {
  beside_the_proxy "busybox:$(setting BUSYBOX_VERSION)" wget -q -O - "http://$1:8080/metrics" >"$FOLDER/metrics"
  grep '^container_runtime_up{' "$FOLDER/metrics"
  grep -qx "container_runtime_up{runtime=\"docker\"} $2" "$FOLDER/metrics"
}

distrusts() {
  runtime_is tls-nobody 0 && docker logs tls-nobody 2>&1 | grep -i certificate
}

tls() {
  check 'certificates are made' make_certificates
  check 'the daemon is behind TLS' put_tls_before_the_daemon
  check 'exporters start that ask it' start_exporters_behind_tls
  check 'an authority from a flag is trusted' eventually runtime_is tls-flag 1
  check "an authority among the image's roots is trusted" eventually runtime_is tls-roots 1
  check 'no other authority is trusted' eventually distrusts
  docker rm --force tls-flag tls-roots tls-nobody tls-daemon >/dev/null
}
