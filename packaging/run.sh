#!/usr/bin/env bash
# Installs what the build needs, builds build/release/volta and starts `volta local` on this machine.
#   packaging/run.sh [--build-only] [--port N]
. "$(dirname "$0")/common.sh"

usage() { sed -n '2,3s/^# \{0,1\}//p' "$0"; }
BUILD_ONLY=
PORT=8420
while [ $# -gt 0 ]; do
  case "$1" in
    --build-only) BUILD_ONLY=1 ;;
    --port) [ $# -ge 2 ] || { usage >&2; exit 2; }; PORT=$2; shift ;;
    -h|--help) usage; exit 0 ;;
    *) echo "run.sh: unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
[[ $PORT =~ ^[0-9]+$ && $PORT -le 65535 ]] || { echo "run.sh: $PORT is not a port" >&2; exit 2; }

prepare_build
TARGETS=volta configure_and_build release -DCMAKE_BUILD_TYPE=Release -DVOLTA_TESTS=OFF
say "built build/release/volta"
[ -z "$BUILD_ONLY" ] || exit 0
say "starting volta local: open http://127.0.0.1:$PORT/ (Ctrl-C ends it)"
exec "$TOP/build/release/volta" local --listen "127.0.0.1:$PORT"
