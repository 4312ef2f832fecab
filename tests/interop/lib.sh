# What the scripts that meet peers share: a clear word when a tool is missing, servers that end with their script,
# and a time limit on every run. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
peers=$target/peers
case_seconds=${CASE_SECONDS:-60}

# need TOOL REASON: ends the script with a sentence when TOOL is not on this machine.
need() {
    command -v "$1" >/dev/null && return
    echo "$0 needs \`$1\` $2; install it and run this again" >&2
    echo "0 passed, 1 failed"
    exit 2
}

# build BINARY...: builds binaries of the workspace's test crate.
build() {
    local arguments=()
    for binary in "$@"; do arguments+=(--bin "$binary"); done
    cargo build --quiet --manifest-path "$root/Cargo.toml" -p zrpc-tests "${arguments[@]}"
}

# serve LOG COMMAND...: starts a server that prints its port as its first line and ends when its input does; sets
# `port`, `server_pid` and `server_input`.
serve() {
    local log=$1 pipe=$1.in
    shift
    rm -f "$pipe" "$log"
    mkfifo "$pipe"
    "$@" <"$pipe" >"$log" 2>"$log.err" &
    server_pid=$!
    exec {server_input}>"$pipe"
    for _ in $(seq 200); do
        port=$(head -n 1 "$log" 2>/dev/null)
        [ -n "$port" ] && return
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "the server \`$*\` did not say its port; its errors are in $log.err" >&2
    port=0
}

# stop: ends the server that `serve` started last, and answers with its exit code.
stop() {
    exec {server_input}>&-
    for _ in $(seq 100); do
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    kill "$server_pid" 2>/dev/null
    wait "$server_pid"
}
