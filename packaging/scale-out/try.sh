#!/usr/bin/env bash
# Several volta servers in front of one engine, all on this machine: VictoriaMetrics (or Prometheus), three servers that
# share one file of hosts, haproxy before them, four agents. Ctrl-C ends it all.
#   packaging/scale-out/try.sh [--engine victoria-metrics|prometheus] [--folder DIR] [--check]
# --check kills a server with its agents on it, shows that no second is missing, and ends.
# Needs haproxy and the engine (apt install haproxy victoria-metrics) and volta: $VOLTA, build/release/volta or the one in PATH.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
ENGINE=victoria-metrics
CHECK=
DIR=
SERVERS=3
AGENTS=4
usage() { sed -n '2,6s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case "$1" in
    --engine) ENGINE=${2:?--engine wants a name}; shift ;;
    --folder) DIR=${2:?--folder wants a folder}; shift ;;
    --check) CHECK=1 ;;
    -h|--help) usage; exit 0 ;;
    *) echo "try.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
[[ $ENGINE == victoria-metrics || $ENGINE == prometheus ]] || { echo "try.sh: no such engine: $ENGINE" >&2; exit 2; }

PATH=$PATH:/usr/sbin
VOLTA=${VOLTA:-$HERE/../../build/release/volta}
[ -x "$VOLTA" ] || VOLTA=$(command -v volta) || { echo "try.sh: no volta; build it with packaging/run.sh --build-only, or set VOLTA" >&2; exit 1; }
for tool in haproxy "$ENGINE"; do
  command -v "$tool" >/dev/null || { echo "try.sh: $tool is missing: apt install haproxy $ENGINE" >&2; exit 1; }
done

[ -n "$DIR" ] || DIR=$(mktemp -d)
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
declare -A PID=()
# What was started here ends by its process id, the agents first, so that nothing of theirs is lost.
finish() {
  trap - EXIT INT TERM
  local part
  for part in agent server haproxy engine; do
    local pids=()
    for name in "${!PID[@]}"; do [[ $name == "$part"* ]] && pids+=("${PID[$name]}"); done
    [ ${#pids[@]} -eq 0 ] && continue
    kill "${pids[@]}" 2>/dev/null || true
    wait "${pids[@]}" 2>/dev/null || true
  done
  rm -rf "$DIR"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { echo "== $*"; }
fail() { echo "try.sh: $*" >&2; tail -n 5 "$DIR"/*.log >&2 || true; exit 1; }
is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# A loopback port that nobody listens on and that this script has not taken yet, in $PORT.
LAST_PORT=$((20000 + RANDOM % 8000))
free_port() {
  while :; do
    LAST_PORT=$((LAST_PORT + 1))
    if ! is_open "$LAST_PORT"; then PORT=$LAST_PORT; return; fi
  done
}
wait_for() {
  local what=$1 patience=60; shift
  until "$@"; do
    patience=$((patience - 1))
    [ "$patience" -gt 0 ] || fail "$what did not come"
    sleep 1
  done
}
# start NAME COMMAND...: in the background, its output in NAME.log.
start() {
  local name=$1; shift
  "$@" >>"$DIR/$name.log" 2>&1 &
  PID[$name]=$!
}

# The engine. Its store is all that must not be lost.
free_port; ENGINE_PORT=$PORT
if [ "$ENGINE" = victoria-metrics ]; then
  # A batch whose acknowledgement was lost with its server is written twice: the same samples, kept once.
  start engine victoria-metrics -httpListenAddr="127.0.0.1:$ENGINE_PORT" -storageDataPath="$DIR/engine" -retentionPeriod=1d \
    -dedup.minScrapeInterval=1ms -search.latencyOffset=1s
else
  echo 'storage: { tsdb: { out_of_order_time_window: 1h } }' >"$DIR/prometheus.yml"
  start engine prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/engine" --web.enable-remote-write-receiver \
    --web.listen-address="127.0.0.1:$ENGINE_PORT" --log.level=warn
fi
wait_for "the engine" is_open "$ENGINE_PORT"
say "engine: $ENGINE on 127.0.0.1:$ENGINE_PORT"

# The hosts: one file for all servers. It holds the tokens' hashes only.
HOSTS=$DIR/hosts.json
for i in $(seq "$AGENTS"); do
  (umask 077; "$VOLTA" host add "host-$i" --token --hosts-file "$HOSTS" >"$DIR/host-$i.token")
done

# The servers: the same configuration, and the same access key, in a directory of their own each.
cat >"$DIR/server.toml" <<EOF
[store]
engine = "prometheus"
write_url = "http://127.0.0.1:$ENGINE_PORT/api/v1/write"
query_url = "http://127.0.0.1:$ENGINE_PORT"
[hosts]
file = "$HOSTS"
EOF
declare -A HTTP=() RPC=()
start_server() {
  start "server-$1" "$VOLTA" server --config "$DIR/server.toml" --data "$DIR/server-$1" --listen "127.0.0.1:${HTTP[$1]}" --rpc-listen "127.0.0.1:${RPC[$1]}"
  wait_for "server $1" is_open "${HTTP[$1]}"
}
for i in $(seq "$SERVERS"); do
  free_port; HTTP[$i]=$PORT
  free_port; RPC[$i]=$PORT
  if [ "$i" -gt 1 ]; then
    mkdir -m 700 "$DIR/server-$i"
    cp -p "$DIR/server-1/access-key" "$DIR/server-$i/access-key"
  fi
  start_server "$i"
  say "server $i: http 127.0.0.1:${HTTP[$i]}, agents 127.0.0.1:${RPC[$i]}"
done

# The balancer: haproxy.cfg beside this script, with these addresses.
free_port; PAGE=$PORT
free_port; DOOR=$PORT
sed -e 's/^    maxconn .*/    maxconn 500/' -e "s/^    bind :8420/    bind 127.0.0.1:$PAGE/" -e "s/^    bind :8421/    bind 127.0.0.1:$DOOR/" -e '/^    server volta-/d' -e 's/check port 8420/check/' \
  "$HERE/haproxy.cfg" >"$DIR/haproxy.cfg"
for i in $(seq "$SERVERS"); do
  sed -i -e "/^backend agent_servers/,/^\$/s/^\( *\)default-server.*/&\n\1server volta-$i 127.0.0.1:${RPC[$i]} port ${HTTP[$i]}/" \
    -e "/^backend page_servers/,\$s/^\( *\)default-server.*/&\n\1server volta-$i 127.0.0.1:${HTTP[$i]} cookie $i/" "$DIR/haproxy.cfg"
done
haproxy -c -q -f "$DIR/haproxy.cfg" || fail "haproxy does not take $DIR/haproxy.cfg"
start haproxy haproxy -db -f "$DIR/haproxy.cfg"
wait_for "the balancer" is_open "$PAGE"

for i in $(seq "$AGENTS"); do
  start "agent-$i" "$VOLTA" agent --server "127.0.0.1:$DOOR" --token-file "$DIR/host-$i.token" --data "$DIR/agent-$i" --flush 2s
done
say "balancer: agents 127.0.0.1:$DOOR, page and API http://127.0.0.1:$PAGE/"

# Through the balancer, as anybody else would ask.
ask() { "$VOLTA" query "$@" --server "http://127.0.0.1:$PAGE" --key-file "$DIR/server-1/access-key" --format csv 2>/dev/null | tail -n +2; }
all_report() { [ "$(ask 'count(count by (host) (volta_load1))' | sed 's/.*,//')" = "$AGENTS" ]; }
wait_for "samples of all hosts" all_report
# Those that send to another server are seen through the engine, within some ten seconds.
all_listed() {
  local i
  for i in $(seq "$SERVERS"); do
    [ "$("$VOLTA" host list --data "$DIR/server-$i" | awk '$2 == "live"' | wc -l)" = "$AGENTS" ] || return 1
  done
}
wait_for "all hosts on all servers" all_listed
say "all $AGENTS hosts report; the same list on each server:"
for i in $(seq "$SERVERS"); do
  echo "   server $i: $("$VOLTA" host list --data "$DIR/server-$i" | tail -n +2 | awk '{ printf "%s %s  ", $1, $2 }')"
done

if [ -z "$CHECK" ]; then
  say "the access key for the page: $(cat "$DIR/server-1/access-key")"
  say "try: kill -9 ${PID[server-1]} (server 1); volta host disable host-1 --hosts-file $HOSTS; Ctrl-C ends all"
  wait "${PID[haproxy]}"
  exit 1
fi

BEGIN=$(date +%s)
sleep 3
# The one that has most of the agents' links.
VICTIM=1
MOST=-1
for i in $(seq "$SERVERS"); do
  LINKS=$(grep -c '"agent connected"' "$DIR/server-$i.log" || true)
  if [ "$LINKS" -gt "$MOST" ]; then MOST=$LINKS; VICTIM=$i; fi
done
say "kill -9 of server $VICTIM, which has $MOST of the links"
kill -9 "${PID[server-$VICTIM]}"
wait "${PID[server-$VICTIM]}" 2>/dev/null || true
sleep 8
start_server "$VICTIM"
say "server $VICTIM is back"
sleep 3
END=$(date +%s)
SPAN=$((END - BEGIN))
# One sample a second of each host; two may stand just outside of the span.
complete() {
  FEWEST=$(ask "min(count_over_time(volta_load1[${SPAN}s]))" --time "$END" | sed 's/.*,//')
  [ "${FEWEST%.*}" -ge $((SPAN - 2)) ] 2>/dev/null
}
wait_for "every second of every host (it has ${FEWEST:-?} of $SPAN)" complete
say "no second is missing: of $SPAN seconds every host has at least $FEWEST"
