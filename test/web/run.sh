#!/usr/bin/env bash
# test/web/run.sh VOLTA [--only-real]: types, lint, units and sizes of the page, then Chromium against the mock server with the
# page as it is in web/, and against VOLTA with the page inside it, which must be the same one; --only-real: just the last. VOLTA
# must end cleanly, which one with a sanitizer that found something does not. The last line is `N passed, N failed`.
. "$(dirname "$0")/../../packaging/common.sh"
VOLTA=$(realpath "$1")
ONLY_REAL=${2:-}
ensure_node
PASSED=0 FAILED=0

# part NAME COMMAND...: counts its last `N passed, N failed`, or itself as one.
part() {
  local name=$1 out status=0; shift
  out=$("$@" 2>&1) || status=$?
  printf '%s\n' "$out"
  local line
  line=$(grep -oE '^[0-9]+ passed, [0-9]+ failed' <<<"$out" | tail -1 || true)
  if [ -n "$line" ]; then
    PASSED=$((PASSED + ${line%% *})); line=${line#*, }; FAILED=$((FAILED + ${line%% *}))
    if [ "$status" != 0 ] && [ "${line%% *}" = 0 ]; then FAILED=$((FAILED + 1)); fi
  elif [ "$status" = 0 ]; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
  echo "$name: exit $status"
}

units() {
  local out status=0
  out=$(npx vitest run 2>&1) || status=$?
  printf '%s\n' "$out"
  local passed failed
  passed=$(sed -nE 's/.*Tests .* ([0-9]+) passed.*/\1/p' <<<"$(sed 's/\x1b\[[0-9;]*m//g' <<<"$out")")
  failed=$(sed -nE 's/.*Tests .* ([0-9]+) failed.*/\1/p' <<<"$(sed 's/\x1b\[[0-9;]*m//g' <<<"$out")")
  [ "$status" = 0 ] || failed=${failed:-1}
  echo "${passed:-0} passed, ${failed:-0} failed"
  return "$status"
}

cd "$TOP/web"
# The build's own stamp says whether what is installed is what package-lock.json names; without a build there is none.
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then npm ci --no-audit --no-fund --silent; fi
if [ -z "$ONLY_REAL" ]; then
  part "types and lint" npm run --silent check
  part units units
fi
# A page of this suite's own: nobody else's build can empty the folder while Chromium reads it.
PAGE=$(mktemp -d)
trap 'rm -rf "$PAGE"' EXIT
part build npm run --silent build -- --outDir "$PAGE/web"
[ -n "$ONLY_REAL" ] || part sizes npm run --silent size -- "$PAGE/web"
cd "$TOP"
[ -n "$ONLY_REAL" ] || part mock env VOLTA_WEB_ROOT="$PAGE/web" node test/web/dashboard.test.mjs

DATA=$(mktemp -d)
"$VOLTA" local --listen 127.0.0.1:0 --data "$DATA/d" 2>"$DATA/log" &
PID=$!
trap 'kill $PID 2>/dev/null; wait $PID 2>/dev/null; rm -rf "$DATA" "$PAGE"' EXIT
for _ in $(seq 300); do
  URL=$(sed -nE 's/.*ready.* http=([0-9.:]+).*/http:\/\/\1/p' "$DATA/log" | head -1)
  [ -z "$URL" ] || break
  sleep 0.1
done
[ -n "$URL" ] || { cat "$DATA/log"; fail "volta local did not become ready"; }
same_page() { node -e 'fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))' "$URL/" | diff - "$PAGE/web/index.html" || { echo "VOLTA holds another page than web/: build it again"; return 1; }; }
part "the binary's page" same_page
part "real binary" env VOLTA_URL="$URL" VOLTA_WEB_ROOT="$PAGE/web" node test/web/dashboard.test.mjs
# Waited for by this shell, whose child it is; its log tells what a sanitizer found.
ENDED=0; kill "$PID" || true; wait "$PID" || ENDED=$?
trap 'rm -rf "$DATA" "$PAGE"' EXIT
part "the binary's end" bash -c '[ "$1" = 0 ] && ! grep -q Sanitizer "$2" || { echo "exit code $1"; tail -40 "$2"; exit 1; }' - "$ENDED" "$DATA/log"
echo "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
