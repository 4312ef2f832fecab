#!/usr/bin/env bash
# gRPC-Web interoperability: official clients against servers of ours with both drivers, binary and text, on HTTP/1.1 and
# HTTP/2. web/client.mjs holds the cases.
#
#   tests/interop/grpc_web.sh      the grid; exit code 1 when a case fails
#
# The clients are @connectrpc/connect-node and grpc-web (web/package.json and its lock file pin them), installed below
# target/peers; so is what generates their messages. Logs: target/peers/logs/grpc_web.

set -u
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$root/tests/interop/web
work=$peers/grpc-web
logs=$peers/logs/grpc_web

need node "(20 or later) to run the official gRPC-Web clients"
need npm "to install the official gRPC-Web clients"

install_clients() {
    mkdir -p "$work" "$logs"
    if ! cmp -s "$here/package-lock.json" "$work/installed"; then
        cp "$here/package.json" "$here/package-lock.json" "$work/" &&
            (cd "$work" && npm ci --no-audit --no-fund --ignore-scripts >"$logs/npm.log" 2>&1) &&
            cp "$here/package-lock.json" "$work/installed" || return
    fi
    cp "$here/client.mjs" "$here/../run_cases.mjs" "$here/buf.gen.yaml" "$work/" &&
        (cd "$work" && PATH=$work/node_modules/.bin:$PATH buf generate "$root/tests/interop/proto")
}

install_clients || { echo "the clients could not be installed; see $logs"; echo "0 passed, 1 failed"; exit 2; }
build interop-server || exit 2

passed=0 failed=0
# cell DRIVER CARRIER CLIENT FORMAT
cell() {
    local log=$logs/$1-$2-$3-$4
    serve "$log.server" "$target/debug/interop-server" --driver "$1" --carrier "$2"
    timeout -k 5 "$case_seconds" node "$work/client.mjs" --client "$3" --port "$port" --http "${2#http}" --format "$4" \
        >"$log" 2>&1 </dev/null
    stop
    local count
    count=$(grep -c '^ok ' "$log")
    passed=$((passed + count))
    if [[ $(tail -n 1 "$log") == *", 0 failed" ]]; then
        printf '%-9s %-6s %-9s %-7s %s ok\n' "$1" "$2" "$3" "$4" "$count"
    else
        failed=$((failed + 1))
        printf '%-9s %-6s %-9s %-7s FAILED, see %s\n' "$1" "$2" "$3" "$4" "$log"
        grep -A 6 '^FAILED' "$log" | head -n 20
    fi
}

for driver in tokio blocking; do
    cell $driver http1 connect binary
    cell $driver http2 connect binary
    cell $driver http1 grpc-web binary
    cell $driver http1 grpc-web text
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
