#!/usr/bin/env bash
# test/fuzz.sh [SECONDS] [TARGET ...]: libFuzzer with ASan and UBSan over every target, SECONDS each (60). New inputs are
# kept in build/fuzz/corpus; a crash is left in build/fuzz/crash and fails the run.
. "$(dirname "$0")/../packaging/common.sh"
SECONDS_EACH=${1:-60}
shift || true
install_packages clang-14 libclang-rt-14-dev
TARGETS=$(cd "$TOP/test/fuzz" && for file in *.cmake; do printf 'fuzz_%s ' "${file%.cmake}"; done)
CC=clang-14 CXX=clang++-14 configure_and_build fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DVOLTA_FUZZ=ON
PASSED=0 FAILED=0
cd "$TOP/build/fuzz"
for target in "${@:-fuzz_*}"; do
  for program in $(compgen -G "fuzz_${target#fuzz_}" || true); do
    [ -x "$program" ] && [ -f "$program" ] || continue
    name=${program#fuzz_}
    mkdir -p "corpus/$name" crash
    say "fuzzing $name for $SECONDS_EACH s"
    if "./$program" -max_total_time="$SECONDS_EACH" -max_len=65536 -rss_limit_mb=2048 -artifact_prefix="crash/$name-" "corpus/$name" "$TOP/test/fuzz/corpus/$name" >"$name.log" 2>&1; then
      PASSED=$((PASSED + 1)); grep -E 'DONE|stat::' "$name.log" | tail -1
    else
      FAILED=$((FAILED + 1)); tail -30 "$name.log"
    fi
  done
done
echo "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
