#!/usr/bin/env bash
# Runs the scripted attackers on real sockets against zRPC, hyper and nghttpd (of Debian's nghttp2-server, which is
# installed where it is missing and can be), and prints one table. docs/attacks.md says how to read it.
#
#   tests/attacks/run.sh              every attack
#   tests/attacks/run.sh "rapid"      those whose names say so
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${CARGO_TARGET_DIR:-target}

nghttpd=$(PATH=$PATH:/usr/sbin command -v nghttpd || true)
if [ -z "$nghttpd" ] && command -v apt-get >/dev/null; then
    apt-get install -y -qq nghttp2-server >/dev/null 2>&1 || true
    nghttpd=$(PATH=$PATH:/usr/sbin command -v nghttpd || true)
fi
if [ -n "$nghttpd" ]; then
    "$nghttpd" --version
else
    echo "nghttpd is missing and could not be installed; its rows are left out"
fi

cargo build --quiet --release -p zrpc-tests --features attacks --bin attack --bin attack-victim
exec "$target/release/attack" --nghttpd "$nghttpd" --only "${1:-}"
