# shellcheck shell=bash
# The stores of tests/stack/scale.sh, with the flags of deploy/scale. The distribution has
# VictoriaMetrics only.

# Where a store says that it is ready, and where it takes queries
declare -A READY=([victoriametrics]=http://127.0.0.1:8428/health [thanos]=http://127.0.0.1:10902/-/ready)
declare -A QUERY=([victoriametrics]=http://127.0.0.1:8428 [thanos]=http://127.0.0.1:10903)

# Seconds of a scrape, and how many of them a gap may last. Asked for what several replicas wrote, Thanos
# takes another one's samples once one has been silent for twice its interval, or 5 s the first time.
declare -A INTERVALS=([victoriametrics]=2 [thanos]=5) GAPS=([victoriametrics]=2 [thanos]=3)

launch_victoriametrics() {
  start store victoria-metrics -storageDataPath="$FOLDER/store" -retentionPeriod=365d \
    -dedup.minScrapeInterval="${INTERVAL}s" -httpListenAddr=127.0.0.1:8428 -search.latencyOffset=0s
}

# What takes queries goes on running while what stores is away.
launch_thanos() {
  start store thanos receive --tsdb.path="$FOLDER/store" --label='receive="1"' \
    --receive.local-endpoint=127.0.0.1:10901 --grpc-address=127.0.0.1:10901 \
    --http-address=127.0.0.1:10902 --remote-write.address=127.0.0.1:19291
  [[ -n ${PID[query]:-} ]] || start query thanos query --http-address=127.0.0.1:10903 \
    --grpc-address=127.0.0.1:10904 --endpoint=127.0.0.1:10901 --query.replica-label=prometheus_replica
}
