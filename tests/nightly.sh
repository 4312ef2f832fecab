#!/usr/bin/env bash
# What takes too long for each change: 100,000 seeds of the simulator's mixed scenario, and the mutation check.
#
#   tests/nightly.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ZRPC_SIM_SEEDS=100000 cargo test --release -p zrpc-sim --no-default-features --test mixed mixed -- --nocapture
python3 tests/mutants/run.py
