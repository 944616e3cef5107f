# shellcheck shell=bash
# Loki on object storage, where a Loki and a MinIO are installed: what it has stored outlives its disk.

LOKI=http://127.0.0.1:3100
BUCKET=$FOLDER/objects/loki

loki_is_ready() {
  [[ $(fetch "$LOKI/ready") == ready ]]
}

# With the file and the keys of scale/make
launch_loki() {
  sed -e "s#/loki#$FOLDER/loki#" -e 's/minio:9000/127.0.0.1:9000/' "$FOLDER/made-thanos/loki.yml" >"$FOLDER/loki.yml"
  start loki env AWS_SHARED_CREDENTIALS_FILE="$FOLDER/made-thanos/object_store_credentials" \
    loki -config.file="$FOLDER/loki.yml" -server.grpc-listen-port=9096
  eventually loki_is_ready
}

start_object_store() {
  mkdir -p "$BUCKET"
  start objects env MINIO_ROOT_USER=loki MINIO_ROOT_PASSWORD_FILE="$FOLDER/made-thanos/object_store_password" \
    minio server --address 127.0.0.1:9000 "$FOLDER/objects"
  eventually fetch -o /dev/null http://127.0.0.1:9000/minio/health/ready
}

takes_a_line() {
  fetch -H 'Content-Type: application/json' \
    -d "{\"streams\":[{\"stream\":{\"container\":\"gateway\"},\"values\":[[\"$(date +%s%N)\",\"kept\"]]}]}" "$LOKI/loki/api/v1/push"
}

# It writes what it holds, which takes up to two hours otherwise, and is then without its disk.
loses_its_disk() {
  fetch -X POST "$LOKI/flush" || return
  kill "${PID[loki]}"
  wait "${PID[loki]}" 2>/dev/null
  [[ -n $(find "$BUCKET/index" -type f -print -quit) && -n $(find "$BUCKET/fake" -type f -print -quit) ]] || return
  rm -rf "$FOLDER/loki"
}

has_the_line() {
  fetch -G --data-urlencode 'query={container="gateway"}' "$LOKI/loki/api/v1/query_range" |
    jq -e '[.data.result[].values[][1]] == ["kept"]'
}

logs_on_object_storage() {
  check 'the object store is ready' start_object_store
  check 'Loki is ready on it' launch_loki
  check 'Loki takes a line' takes_a_line
  check 'Loki has written it to the object store' loses_its_disk
  check 'Loki starts without its disk' launch_loki
  check 'the line is still there' has_the_line
}
