#!/usr/bin/env bash
# Runs each fuzz target for SECONDS (10 unless told), starting from the committed seeds.
#
#   fuzz/run.sh [SECONDS [TARGET…]]
#   FUZZ_SEED=1 fuzz/run.sh 20          the same walk each time, as far as time allows: for CI
#
# Stable Rust is enough: the sanitizer's flags are unlocked by RUSTC_BOOTSTRAP. What is found new is kept in fuzz/corpus/,
# what fails in fuzz/artifacts/; a failing input replays with the line that is printed.
set -euo pipefail
cd "$(dirname "$0")"

version=0.13.2
seconds=${1:-10}
shift || true

if [ "$(cargo fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
  cargo install --locked --force "cargo-fuzz@$version"
fi
export RUSTC_BOOTSTRAP=1

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

cargo fuzz build
passed=0 failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  folders=("corpus/$target")
  [ -d "seeds/$target" ] && folders+=("seeds/$target")
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)
  [ -n "${FUZZ_SEED:-}" ] && options+=(-seed="$FUZZ_SEED")
  [ -f "dictionaries/$target.dict" ] && options+=(-dict="dictionaries/$target.dict")
  log=target/$target.log
  if cargo fuzz run "$target" "${folders[@]}" -- "${options[@]}" >"$log" 2>&1; then
    passed=$((passed + 1))
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: $runs runs in $seconds s, nothing found"
  else
    failed=$((failed + 1))
    echo "$target: FAILED"
    grep -E 'panicked at|SUMMARY|cargo fuzz run|^Base64' -A1 "$log" | tail -n 20
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
