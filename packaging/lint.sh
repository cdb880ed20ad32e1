#!/usr/bin/env bash
# clang-tidy over every source, with the checks of .clang-tidy. A file is looked at again only when it, a header or
# the configuration changed.
. "$(dirname "$0")/common.sh"

FOLDER="$TOP/build/test"
[ -f "$FOLDER/compile_commands.json" ] || configure_and_build test -DCMAKE_BUILD_TYPE=RelWithDebInfo -DVOLTA_STATIC=OFF -DVOLTA_WERROR=ON
CACHE="$TOP/build/lint"
mkdir -p "$CACHE"
cd "$TOP"
HEADERS=$(cat .clang-tidy $(git ls-files 'src/*.hpp' 'schema/*' 2>/dev/null || find src schema -name '*.hpp' -o -name '*.toml') | sha256sum)

look() {
  local key
  key=$( (echo "$HEADERS"; cat "$1") | sha256sum | cut -c1-32)
  [ -f "$CACHE/$key" ] && return 0
  if clang-tidy-14 --quiet -p "$FOLDER" "$1" >"$CACHE/out.$$" 2>/dev/null; then rm -f "$CACHE/out.$$"; : >"$CACHE/$key"; return 0; fi
  cat "$CACHE/out.$$"; rm -f "$CACHE/out.$$"
  return 1
}
export -f look
export HEADERS CACHE FOLDER
FAILED=0
find src -name '*.cpp' | sort | xargs -P "$JOBS" -I{} bash -c 'look {}' || FAILED=1
COUNT=$(find src -name '*.cpp' | wc -l)
echo "$((COUNT - FAILED)) passed, $FAILED failed"
[ "$FAILED" = 0 ]
