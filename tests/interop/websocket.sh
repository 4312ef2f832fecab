#!/usr/bin/env bash
# WebSocket interoperability: zRPC's client and server, on both drivers, against tungstenite, Python's websockets and Node's
# ws, with and without permessage-deflate; then clients of the latter two that call a server of ours in JSON, by hand.
#
#   tests/interop/websocket.sh        the grid; exit code 1 when a case fails
#   tests/interop/websocket.sh ws     only the cells whose line has this word
#
# websocket/client.rs holds the cases, websocket/server.rs what servers are told. A relay between the two counts bytes and
# reads the response, so that neither side is believed that it compresses. tungstenite 0.30 has no permessage-deflate.
# Versions: Cargo.lock, websocket/requirements.txt, websocket/package-lock.json; installed below target/peers.
# Logs: target/peers/logs/websocket.

set -u
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$root/tests/interop/websocket
work=$peers/websocket
logs=$peers/logs/websocket
only=${1:-}

need python3 "(3.10 or later) to run the peer websockets"
need node "(20 or later) to run the peer ws"
need npm "to install the peer ws"

install_peers() {
    mkdir -p "$work" "$logs"
    if ! cmp -s "$here/requirements.txt" "$work/installed.txt"; then
        python3 -m venv "$work/python" &&
            "$work/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" \
                >"$logs/pip.log" 2>&1 &&
            cp "$here/requirements.txt" "$work/installed.txt" || return
    fi
    if ! cmp -s "$here/package-lock.json" "$work/installed.json"; then
        cp "$here/package.json" "$here/package-lock.json" "$work/" &&
            (cd "$work" && npm ci --no-audit --no-fund --ignore-scripts >"$logs/npm.log" 2>&1) &&
            cp "$here/package-lock.json" "$work/installed.json" || return
    fi
    # Node looks for packages beside the file that imports them.
    cp "$here"/*.mjs "$here/../run_cases.mjs" "$work/"
}

install_peers || { echo "the peers could not be installed; see $logs"; echo "0 passed, 1 failed"; exit 2; }
cargo build --quiet --manifest-path "$root/Cargo.toml" -p zrpc-tests --features tungstenite \
    --bin websocket-peers --bin interop-server || { echo "0 passed, 1 failed"; exit 2; }

# side WHO: sets `command` to the program that is this side; `serve` or `call` and options follow.
side() {
    case $1 in
        websockets) command=("$work/python/bin/python" -B "$here/peer.py") ;;
        ws) command=(node "$work/peer.mjs") ;;
        *) command=("$target/debug/websocket-peers" --driver "$1") ;;
    esac
}

passed=0 failed=0
# judge LINE LOG: counts the cases of a client, and shows those that failed.
judge() {
    local count
    count=$(grep -c '^ok ' "$2")
    passed=$((passed + count))
    if [ "$count" -gt 0 ] && grep -q ', 0 failed$' "$2" && ! grep -q '^FAILED' "$2"; then
        echo "$1 $count ok"
    else
        failed=$((failed + 1))
        echo "$1 FAILED, see $2"
        grep -A 6 '^FAILED' "$2" | head -n 20
        tail -n 2 "$2"
    fi
}

# wire DEFLATE SEEN: says whether what the relay saw, `EXTENSIONS|UP|DOWN`, is what it should be. The message that crossed it
# twice each way has 250,000 bytes, and is ten times shorter if compressed at all.
wire() {
    local extensions up down
    IFS='|' read -r extensions up down <<<"$2"
    if [ "$1" = on ]; then
        if [[ $extensions == permessage-deflate* ]] && ((up > 0 && down > 0 && up < 50000 && down < 50000)); then
            echo "ok both_directions_are_compressed ($2)"
        else
            echo "FAILED both_directions_are_compressed: the relay saw $2"
        fi
    elif [ -z "$extensions" ] && ((up > 500000 && down > 500000)); then
        echo "ok nothing_is_compressed ($2)"
    else
        echo "FAILED nothing_is_compressed: the relay saw $2"
    fi
}

# cell CLIENT SERVER DEFLATE
cell() {
    local line log=$logs/$1-$2-$3
    printf -v line '%-11s -> %-11s deflate %-4s' "$1" "$2" "$3"
    [[ " $line " == *" $only "* ]] || [ -z "$only" ] || return
    side "$2"
    serve "$log.server" "${command[@]}" serve --deflate "$3"
    local server=$port pid=$server_pid input=$server_input
    serve "$log.relay" python3 "$here/relay.py" "$server"
    side "$1"
    timeout -k 5 "$case_seconds" "${command[@]}" call --deflate "$3" --port "$server" --relay "$port" \
        >"$log" 2>"$log.err" </dev/null
    # The relay may see the end of its connection later than the client.
    for _ in $(seq 200); do
        [ "$(wc -l <"$log.relay")" -gt 1 ] && break
        sleep 0.05
    done
    stop
    server_pid=$pid server_input=$input
    stop
    wire "$3" "$(tail -n +2 "$log.relay" | tail -n 1)" >>"$log"
    judge "$line" "$log"
}

# carrier CLIENT DRIVER: calls by hand on a server of ours.
carrier() {
    local line log=$logs/json-$1-$2
    printf -v line '%-11s -> %-11s %-12s' "$1" "$2" zrpc.v1+json
    [[ " $line " == *" $only "* ]] || [ -z "$only" ] || return
    serve "$log.server" "$target/debug/interop-server" --driver "$2"
    case $1 in
        websockets) command=("$work/python/bin/python" -B "$here/carrier.py") ;;
        ws) command=(node "$work/carrier.mjs") ;;
    esac
    timeout -k 5 "$case_seconds" "${command[@]}" "$port" >"$log" 2>"$log.err" </dev/null
    stop
    judge "$line" "$log"
}

echo "client      -> server"
for driver in tokio blocking; do
    for peer in tungstenite websockets ws; do
        for deflate in off on; do
            if [ "$peer" = tungstenite ] && [ "$deflate" = on ]; then
                [ -n "$only" ] || echo "$driver and tungstenite, deflate on: n/a, tungstenite has none"
                continue
            fi
            cell "$peer" "$driver" "$deflate"
            cell "$driver" "$peer" "$deflate"
        done
    done
    carrier websockets "$driver"
    carrier ws "$driver"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
