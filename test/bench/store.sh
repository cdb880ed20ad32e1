#!/usr/bin/env bash
# The store beside Prometheus and VictoriaMetrics (Debian's), on the same data, on this machine: every number that it
# promises, with both peers', as a table and in build/bench/store.{json,md}.
#   test/bench/store.sh [--quick] [bytes|day|ingest|write|memory|query|mixed|start|codec ...]
# Without a section: all of them. --quick: small data, to try the script in minutes; its figures say little.
. "$(dirname "$0")/../../packaging/common.sh"

case " $* " in *" -h "* | *" --help "*) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
PEERS=()
command -v prometheus >/dev/null && command -v promtool >/dev/null || PEERS+=(prometheus)
command -v victoria-metrics >/dev/null || PEERS+=(victoria-metrics)
mkdir -p "$TOP/build"
if [ ${#PEERS[@]} -gt 0 ]; then
  install_packages "${PEERS[@]}"
  for name in "${PEERS[@]}"; do  # Debian's packages start what they bring
    as_root systemctl disable --now "$name" >/dev/null 2>&1 || true
  done
fi
# What has to be built is built again only where a source changed.
prepare_build
TARGETS=volta configure_and_build release -DCMAKE_BUILD_TYPE=Release -DVOLTA_TESTS=OFF
install_packages catch2
TARGETS="store_load store_codec" configure_and_build bench -DCMAKE_BUILD_TYPE=Release
exec python3 "$TOP/test/bench/store/main.py" --volta "$TOP/build/release/volta" --tools "$TOP/build/bench" "$@"
