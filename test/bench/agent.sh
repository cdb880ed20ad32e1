#!/usr/bin/env bash
# What volta costs a machine and how soon it answers, beside node_exporter and collectd (Debian's), on this machine in one run: every number
# that it promises, as a table.
#   test/bench/agent.sh [--seconds N] [--rest N] [--only agent|local|page]     --rest 3600: the memory of volta local after an hour
. "$(dirname "$0")/../../packaging/common.sh"

case " $* " in *" -h "* | *" --help "*) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
mkdir -p "$TOP/build"
if ! command -v prometheus-node-exporter >/dev/null; then
  install_packages prometheus-node-exporter
  as_root systemctl disable --now prometheus-node-exporter >/dev/null 2>&1 || true  # Debian's packages start what they bring
fi
install_packages collectd-core chromium binutils catch2
prepare_build
"$TOP/packaging/run.sh" --build-only
TARGETS=bench_rpc_bytes configure_and_build bench -DCMAKE_BUILD_TYPE=Release
exec python3 "$TOP/test/bench/run.py" --tools "$TOP/build/bench" "$@"
