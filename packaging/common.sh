# What run.sh and test.sh share; to be sourced. Every step says what it does and does nothing when it is done already.
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DEPS="$TOP/build/deps"
JOBS=$(nproc)
[ "$JOBS" -le 2 ] || JOBS=$((JOBS < 8 ? JOBS : 8))
# ccache then serves every checkout and build folder below the same place.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$TOP}" CCACHE_NOHASHDIR=1

BUILD_PACKAGES="g++ cmake ninja-build ccache pkg-config python3 ca-certificates openssl dpkg-dev make lld
  libboost1.81-dev libboost-json1.81-dev capnproto libcapnp-dev libsqlite3-dev libssl-dev libzstd-dev zlib1g-dev
  libcli11-dev libtomlplusplus-dev libfmt-dev libre2-dev libsnappy-dev"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'volta: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "this step needs root and there is no sudo: $*"
  fi
}

# install_packages NAME...: those that are missing, from the system's own apt sources.
install_packages() {
  local missing=() name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  # A stale package list is the usual reason for a failure: try, refresh, try again.
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}")
  as_root "${install[@]}" >"$TOP/build/apt.log" 2>&1 && return 0
  as_root apt-get update -qq >>"$TOP/build/apt.log" 2>&1 || true
  as_root "${install[@]}" >>"$TOP/build/apt.log" 2>&1 || { tail -5 "$TOP/build/apt.log" >&2; fail "apt could not install them; see build/apt.log"; }
}

# The page needs Node >= 20.19; where the system's is older or missing, npm's node@20 goes into build/deps.
ensure_node() {
  local usable='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
  if command -v node >/dev/null && command -v npm >/dev/null && node -e "$usable"; then return 0; fi
  export PATH="$DEPS/node/node_modules/.bin:$PATH"
  if [ -x "$DEPS/node/node_modules/.bin/node" ] && "$DEPS/node/node_modules/.bin/node" -e "$usable" && command -v npm >/dev/null; then return 0; fi
  command -v npm >/dev/null || install_packages npm
  say "bringing Node 20 into build/deps"
  mkdir -p "$DEPS/node"
  npm install --prefix "$DEPS/node" --no-audit --no-fund --silent node@20
}

# Everything a build needs.
prepare_build() {
  mkdir -p "$TOP/build"
  # shellcheck disable=SC2086
  install_packages $BUILD_PACKAGES
  ensure_node
  "$TOP/packaging/deps.sh"
}

# configure_and_build FOLDER [cmake options]: build/FOLDER, targets in TARGETS (default all). The options count only the
# first time: remove the folder to change them.
configure_and_build() {
  local folder="$TOP/build/$1"; shift
  if [ ! -f "$folder/build.ninja" ]; then
    say "configuring ${folder#"$TOP"/}"
    cmake -S "$TOP" -B "$folder" -G Ninja "$@" >"$TOP/build/cmake.log" 2>&1 || { tail -20 "$TOP/build/cmake.log" >&2; fail "cmake failed"; }
  fi
  say "building ${folder#"$TOP"/} ${TARGETS:-}"
  # shellcheck disable=SC2086
  ninja -C "$folder" -j "$JOBS" ${TARGETS:-} >"$folder/ninja.log" 2>&1 || { grep -A12 -E '^FAILED|error:' "$folder/ninja.log" | sed -n 1,60p >&2; fail "the build failed; see ${folder#"$TOP"/}/ninja.log"; }
}
