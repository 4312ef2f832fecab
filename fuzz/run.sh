#!/usr/bin/env bash
# Runs fuzz targets, as many at a time as there are cores, starting from the committed seeds.
#
#   fuzz/run.sh [SECONDS [TARGET…]]     each target for so long (10 s unless told); all targets unless some are named
#   fuzz/run.sh total SECONDS           all targets, in so long altogether: for the night
#   FUZZ_SEED=1 fuzz/run.sh 20          the same walk each time, as far as time allows: for CI
#
# Stable Rust is enough: the flags of coverage are unlocked by RUSTC_BOOTSTRAP. No address sanitizer: the core has no unsafe
# code, and without it the targets build and run several times as fast. What is found new is kept in fuzz/corpus/, what fails in
# fuzz/artifacts/; a failing input replays with the line that is printed.
set -euo pipefail
cd "$(dirname "$0")"

version=0.13.2
jobs=${FUZZ_JOBS:-$(nproc)}
if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
  cargo install --locked --force "cargo-fuzz@$version"
fi
export RUSTC_BOOTSTRAP=1
mapfile -t targets < <(cargo fuzz list)
if [ "${1:-}" = total ]; then
  seconds=$((${2:?how many seconds in all} * jobs / ${#targets[@]}))
  [ "$seconds" -gt 0 ] || { echo "$2 s are too few for ${#targets[@]} targets" >&2; exit 2; }
else
  seconds=${1:-10}
  [ $# -le 1 ] || targets=("${@:2}")
fi

start=$SECONDS
cargo fuzz build --sanitizer none --codegen-units 16
echo "built in $((SECONDS - start)) s; ${#targets[@]} targets for $seconds s each, $jobs at a time"
programs=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/release
logs=target/logs
mkdir -p "$logs"

# fuzz TARGET: runs it, and writes its line of the table to its log's neighbour.
fuzz() {
  local target=$1 log=$logs/$1.log line=$logs/$1.line folders options last runs verdict=ok
  mkdir -p "corpus/$target" "artifacts/$target"
  folders=("corpus/$target" "seeds/$target")
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
  options+=(-dict="dictionaries/$target.dict" -artifact_prefix="artifacts/$target/")
  [ -n "${FUZZ_SEED:-}" ] && options+=(-seed="$FUZZ_SEED")
  "$programs/$target" "${folders[@]}" "${options[@]}" >"$log" 2>&1 || verdict=FAILED
  last=$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -n 1 || true)
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  printf '%s %s %s %s %s\n' "$target" "${runs:-0}" "$(value cov "$last")" "$(value ft "$last")" "$verdict" >"$line"
  if [ "$verdict" != ok ]; then
    echo "FAIL $target"
    grep -E 'panicked at|SUMMARY|^ERROR|^Base64' -A1 "$log" | tail -n 20
    echo "replay: $programs/$target $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
  fi
}

# value NAME LINE: the number after `NAME:` in libFuzzer's line.
value() {
  sed -n "s/.* $1: \([0-9]*\).*/\1/p" <<<"$2" | grep . || echo 0
}

running=0
for target in "${targets[@]}"; do
  rm -f "$logs/$target.line"
  fuzz "$target" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait -n
    running=$((running - 1))
  fi
done
wait

printf '%-24s %12s %9s %8s %9s  %s\n' target runs runs/s cov ft verdict
for target in "${targets[@]}"; do
  cat "$logs/$target.line"
done | awk -v seconds="$seconds" '
  { printf "%-24s %12d %9d %8d %9d  %s\n", $1, $2, $2 / seconds, $3, $4, $5
    runs += $2; if ($5 == "ok") passed++; else failed++ }
  END { printf "%d passed, %d failed, %d runs in all\n", passed, failed, runs; exit failed > 0 }'
