#!/usr/bin/env bash
# Installs what the tests need, builds, and runs every test. The last line is `N passed, N failed`.
#   packaging/test.sh [SUITE ...]     suites: tidy web e2e asan differential e2e-asan web-asan tsan e2e-tsan web-tsan lint; and, not by default
#                                     since asan runs the same cases, units: without a sanitizer, the quickest while one works on something
. "$(dirname "$0")/common.sh"

TEST_PACKAGES="catch2 clang-format-14 haproxy prometheus prometheus-node-exporter victoria-metrics file"
ALL="tidy web e2e asan differential e2e-asan web-asan tsan e2e-tsan web-tsan lint"
SUITES=${*:-$ALL}
LOGS="$TOP/build/logs"
SUMMARY="$TOP/build/logs/summary"

if [ "$SUITES" = --help ]; then sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0; fi
for name in $SUITES; do
  [[ " $ALL units " == *" $name "* ]] || { echo "test.sh: unknown suite $name; there are: $ALL units" >&2; exit 2; }
done

wants() { [[ " $SUITES " == *" $1 "* ]]; }

# suite NAME COMMAND...: its last line counts; without such a line it counts as one case.
suite() {
  local name=$1 log="$LOGS/$1.log" status=0 begun=$SECONDS; shift
  say "suite $name"
  "$@" >"$log" 2>&1 || status=$?
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -1 || true)
  if [ -z "$line" ]; then
    if [ "$status" = 0 ]; then line='1 passed, 0 failed'; else line='0 passed, 1 failed'; fi
  elif [ "$status" != 0 ] && [[ $line == *' 0 failed'* ]]; then
    line="${line/ 0 failed/ 1 failed}"
  fi
  [[ $line == *' 0 failed'* ]] || { echo "--- $name failed; the end of build/logs/$name.log:"; tail -60 "$log"; }
  printf '%-10s %s (%d s)\n' "$name" "$line" $((SECONDS - begun)) | tee -a "$SUMMARY"
}

check_format() {
  (cd "$TOP" && find src test \( -name '*.cpp' -o -name '*.hpp' \) -not -path '*/corpus/*' -print0 | xargs -0 clang-format-14 --dry-run --Werror)
}

tidy() { python3 "$TOP/test/tidy.py" && python3 "$TOP/test/tidy.py" --self-test && check_format; }

sanitized() { configure_and_build "$1" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DVOLTA_SANITIZE="$2" -DVOLTA_WERROR=ON; }

mkdir -p "$LOGS"
: >"$SUMMARY"
prepare_build
# shellcheck disable=SC2086
install_packages $TEST_PACKAGES
"$TOP/packaging/run.sh" --build-only
E2E=(python3 "$TOP/test/e2e/run.py" --binary)
# KJ insists that its exception callback stands on the real stack, which detect_stack_use_after_return moves away.
export ASAN_OPTIONS=detect_stack_use_after_return=0:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

if wants tidy; then suite tidy tidy; fi
if wants units; then configure_and_build test -DCMAKE_BUILD_TYPE=Debug -DVOLTA_STATIC=OFF -DVOLTA_WERROR=ON; suite units python3 "$TOP/test/run_units.py" "$TOP/build/test"; fi
if wants web; then install_packages chromium; suite web "$TOP/test/web/run.sh" "$TOP/build/release/volta"; fi
if wants e2e; then suite e2e "${E2E[@]}" "$TOP/build/release/volta"; fi
if wants asan || wants differential || wants e2e-asan || wants web-asan; then TARGETS="all benches" sanitized asan address,undefined; fi
if wants asan; then suite asan python3 "$TOP/test/run_units.py" "$TOP/build/asan"; fi
if wants differential; then suite differential python3 "$TOP/test/differential/check.py" --eval "$TOP/build/asan/promql_eval" --volta "$TOP/build/asan/volta"; fi
if wants e2e-asan; then suite e2e-asan "${E2E[@]}" "$TOP/build/asan/volta"; fi
if wants web-asan; then install_packages chromium; suite web-asan "$TOP/test/web/run.sh" "$TOP/build/asan/volta" --only-real; fi
if wants tsan || wants e2e-tsan || wants web-tsan; then sanitized tsan thread; fi
if wants tsan; then suite tsan python3 "$TOP/test/run_units.py" "$TOP/build/tsan"; fi
if wants e2e-tsan; then suite e2e-tsan "${E2E[@]}" "$TOP/build/tsan/volta"; fi
if wants web-tsan; then install_packages chromium; suite web-tsan "$TOP/test/web/run.sh" "$TOP/build/tsan/volta" --only-real; fi
if wants lint; then install_packages clang-tidy-14; sanitized asan address,undefined; suite lint "$TOP/packaging/lint.py" "$TOP/build/asan"; fi

cat "$SUMMARY"
read -r PASSED FAILED SKIPPED < <(awk '{for(i=2;i<=NF;i++){w=$(i+1);gsub(/[,()]/,"",w);if(w=="passed")p+=$i;if(w=="failed")f+=$i;if(w=="skipped")s+=$i}}END{print p+0,f+0,s+0}' "$SUMMARY")
LINE="$PASSED passed, $FAILED failed"
[ "$SKIPPED" = 0 ] || LINE+=", $SKIPPED skipped"
echo "$LINE"
[ "$FAILED" = 0 ] && [ "$PASSED" -gt 0 ]
