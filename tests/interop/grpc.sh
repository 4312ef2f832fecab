#!/usr/bin/env bash
# gRPC interoperability: the 27 official cases that need no cloud, between zRPC and two peers, both ways, with both
# drivers; and the 8 negative HTTP/2 cases, in which a server of ours misbehaves towards each client.
#
#   tests/interop/grpc.sh             the grid; exit code 1 when a cell fails
#   tests/interop/grpc.sh --control   the peers against each other: is the harness itself right?
#   tests/interop/grpc.sh CASE...     only these cases
#
# The peers are grpc-go (go/go.mod pins it; its own interop client, and its own test server in a main of ours) and
# C-core as Python's grpcio (python/requirements.txt pins it). Both are installed below target/peers. A cell is n/a when
# the peer cannot take part; the reason stands below the grid.
# Logs of each cell: target/peers/logs.

set -u
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$root/tests/interop
logs=$peers/logs/grpc

cases=(empty_unary large_unary client_compressed_unary server_compressed_unary client_streaming
    client_compressed_streaming server_streaming server_compressed_streaming ping_pong empty_stream custom_metadata
    status_code_and_message special_status_message unimplemented_method unimplemented_service cancel_after_begin
    cancel_after_first_response timeout_on_sleeping_server concurrent_large_unary very_large_request
    pick_first_unary rpc_soak channel_soak long_lived_channel orca_per_rpc orca_oob
    max_concurrent_streams_connection_scaling)
negative=(goaway rst_after_header rst_during_data rst_after_data ping max_streams data_frame_padding
    no_df_padding_sanity_test)

# What grpc-go's own clients do not have, or have wrong, and go/client adds.
added_to_go=(client_compressed_unary client_compressed_unary_noprobe client_compressed_streaming
    client_compressed_streaming_noprobe server_compressed_unary server_compressed_streaming concurrent_large_unary
    very_large_request long_lived_channel rst_during_data data_frame_padding no_df_padding_sanity_test)

install_go() {
    need go "(1.25 or later) to build grpc-go's interop programs"
    mkdir -p "$peers/grpc-go"
    (cd "$here/go" && go build -o "$peers/grpc-go/official" google.golang.org/grpc/interop/client &&
        go build -o "$peers/grpc-go/negative" google.golang.org/grpc/interop/http2 &&
        go build -o "$peers/grpc-go/added" ./client && go build -o "$peers/grpc-go/server" ./server)
}

install_grpcio() {
    need python3 "(3.9 or later, with venv) to run C-core as grpcio"
    local venv=$peers/grpcio/venv stamp=$peers/grpcio/installed generated=$peers/grpcio/generated
    if ! cmp -s "$here/python/requirements.txt" "$stamp"; then
        mkdir -p "$peers/grpcio"
        python3 -m venv "$venv" && "$venv/bin/pip" install --quiet -r "$here/python/requirements.txt" &&
            cp "$here/python/requirements.txt" "$stamp" || return
    fi
    mkdir -p "$generated"
    "$venv/bin/python" -m grpc_tools.protoc -I "$here/proto" --python_out="$generated" \
        --grpc_python_out="$generated" "$here"/proto/*.proto
}

# client IMPLEMENTATION CASE PORT: runs a case.
client() {
    local flags=(--server_host=127.0.0.1 --server_port="$3" --test_case="$2")
    case $1 in
        tokio | blocking) run "$target/debug/interop-client" --driver "$1" "${flags[@]}" ;;
        grpcio)
            GRPC_EXPERIMENTAL_MAX_CONCURRENT_STREAMS_CONNECTION_SCALING=true \
                PYTHONPATH=$peers/grpcio/generated run "$peers/grpcio/venv/bin/python" "$here/python/client.py" "${flags[@]}"
            ;;
        grpc-go)
            local program=official
            [[ " ${negative[*]} " == *" $2 "* ]] && program=negative
            [[ " ${added_to_go[*]} " == *" $2 "* ]] && program=added
            [[ $2 == orca_* ]] &&
                flags+=(--service_config_json='{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}')
            [[ $2 == *_soak ]] && flags+=(--soak_iterations=20)
            run "$peers/grpc-go/$program" "${flags[@]}"
            ;;
    esac
}

run() {
    timeout -k 5 "$case_seconds" "$@" </dev/null
}

# start_server IMPLEMENTATION LOG [FLAG...]
start_server() {
    local implementation=$1 log=$2
    shift 2
    case $implementation in
        tokio | blocking) serve "$log" "$target/debug/interop-server" --driver "$implementation" "$@" ;;
        grpc-go) serve "$log" "$peers/grpc-go/server" "$@" ;;
        grpcio) PYTHONPATH=$peers/grpcio/generated serve "$log" "$peers/grpcio/venv/bin/python" "$here/python/server.py" "$@" ;;
    esac
}

# unavailable CLIENT SERVER CASE: why a peer cannot take part in a case, if so.
unavailable() {
    case $1,$2,$3 in
        grpc-go,*,max_concurrent_streams_connection_scaling)
            echo "grpc-go's client has no connection scaling (gRFC A105)" ;;
        grpcio,*,orca_per_rpc)
            echo "C-core keeps the load report of a call for its balancer and does not show it to Python" ;;
    esac
}

# variant SERVER CASE: the official variant to run. grpcio does not tell a server whether a request was compressed,
# so it cannot refuse the probe that lies about it.
variant() {
    case $1,$2 in
        grpcio,client_compressed_*) echo "$2_noprobe" ;;
        *) echo "$2" ;;
    esac
}

# column CLIENT SERVER: runs all cases of one pair; writes ok, FAIL or n/a to a file for each.
column() {
    local pair=$1-to-$2 result
    local at=$logs/$pair
    mkdir -p "$at"
    start_server "$2" "$at/server" && local usual=$port
    start_server "$2" "$at/limited-server" --max_streams=2 && local limited=$port
    for name in "${cases[@]}"; do
        local to=$usual variant=$(variant "$2" "$name")
        [[ $name == max_concurrent_* ]] && to=$limited
        if [ -n "$(unavailable "$1" "$2" "$name")" ]; then
            result=n/a
        elif client "$1" "$variant" "$to" >"$at/$name.log" 2>&1; then
            result=ok
            [ "$variant" = "$name" ] || result=ok*
        else
            echo "exit code $? (124: out of time)" >>"$at/$name.log"
            result=FAIL
        fi
        echo "$result" >"$at/$name"
    done
}

# misbehave CLIENT: runs the negative cases; the server's exit code says whether it saw what it must see.
misbehave() {
    local at=$logs/$1-to-misbehaving
    mkdir -p "$at"
    for name in "${negative[@]}"; do
        serve "$at/$name-server" "$target/debug/misbehaving-server" --test_case "$name"
        local result=ok
        client "$1" "$name" "$port" >"$at/$name.log" 2>&1 || result=FAIL
        stop || result=FAIL
        echo "$result" >"$at/$name"
    done
}

# grid TITLE COLUMNS ROWS: prints results and counts them.
grid() {
    local title=$1
    local -n columns=$2 rows=$3
    echo
    printf '%-42s' "$title"
    for pair in "${columns[@]}"; do printf ' %-10s' "${pair%-to-*}"; done
    printf '\n%-42s' ''
    for pair in "${columns[@]}"; do printf ' %-10s' ">${pair#*-to-}"; done
    echo
    for name in "${rows[@]}"; do
        printf '%-42s' "$name"
        for pair in "${columns[@]}"; do
            local result
            result=$(cat "$logs/$pair/$name" 2>/dev/null || echo FAIL)
            printf ' %-10s' "$result"
            case $result in
                ok*) passed=$((passed + 1)) ;;
                n/a) missing=$((missing + 1)) ;;
                *) failed=$((failed + 1)); failures+=("$logs/$pair/$name.log") ;;
            esac
        done
        echo
    done
}

# footnotes PAIRS: why some cells are n/a, once a reason.
footnotes() {
    for pair in "$@"; do
        for name in "${cases[@]}"; do
            local reason
            reason=$(unavailable "${pair%-to-*}" "${pair#*-to-}" "$name")
            [ -n "$reason" ] && echo "n/a: $name: $reason"
        done
    done | sort -u
    echo "ok*: the variant without the probe: grpcio does not tell a server whether a request came compressed"
}

# in_twos COMMAND ARGUMENTS...: runs `COMMAND ARGUMENT` for each, two at a time.
in_twos() {
    local command=$1
    shift
    for argument in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
        ($command ${argument/-to-/ }) &
    done
    wait
}

control=false
[ "${1:-}" = --control ] && control=true && shift
if [ $# -gt 0 ]; then
    wanted=" $* "
    for list in cases negative; do
        declare -n all=$list
        kept=()
        for name in "${all[@]}"; do [[ $wanted == *" $name "* ]] && kept+=("$name"); done
        all=(${kept[@]+"${kept[@]}"})
        unset -n all
    done
fi

rm -rf "$logs"
mkdir -p "$logs"
install_go || { echo "grpc-go could not be built"; echo "0 passed, 1 failed"; exit 2; }
install_grpcio || { echo "grpcio could not be installed"; echo "0 passed, 1 failed"; exit 2; }
passed=0 failed=0 missing=0 failures=()
pairs=() clients=()
if $control; then
    pairs=(grpc-go-to-grpc-go grpc-go-to-grpcio grpcio-to-grpc-go grpcio-to-grpcio)
else
    build interop-client interop-server misbehaving-server || { echo "0 passed, 1 failed"; exit 2; }
    for driver in tokio blocking; do
        for peer in grpc-go grpcio; do pairs+=("$driver-to-$peer" "$peer-to-$driver"); done
    done
    clients=(tokio blocking grpc-go)
fi
in_twos column "${pairs[@]}"
[ ${#cases[@]} -gt 0 ] && grid "client > server" pairs cases
if [ ${#clients[@]} -gt 0 ] && [ ${#negative[@]} -gt 0 ]; then
    in_twos misbehave "${clients[@]}"
    misbehaving=("${clients[@]/%/-to-misbehaving}")
    grid "client > misbehaving server" misbehaving negative
fi
echo
footnotes "${pairs[@]}"
[ $missing -gt 0 ] && echo "$missing cells are n/a"
for failure in ${failures[@]+"${failures[@]}"}; do
    echo "--- $failure"
    tail -n 5 "$failure" 2>/dev/null
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
