#!/usr/bin/env bash
# HTTP/2 conformance by an independent suite: h2spec, strict, against a zRPC server, and its client side h2specd
# against a zRPC client, each on both drivers.
#
#   tests/conformance/h2spec.sh             the grid; exit code 1 when a case fails
#   tests/conformance/h2spec.sh http2/6.9   only this part of the server's suite; may be given several times
#
# go.mod beside this script pins the suite: 2.2.1, the newest that the Go module proxy gives out by version. later/ has
# the one case that 2.6.0 adds to it. Built below target/peers. Whole reports: target/peers/logs/h2spec.
#
# h2spec wants GET / and POST / to be answered with 200 and a body. h2specd listens on one port for each case, calls
# the client with a URL, and gives up for good when a client stays longer than 3 s.

set -u
source "$(dirname "${BASH_SOURCE[0]}")/../interop/lib.sh"
here=$root/tests/conformance
logs=$peers/logs/h2spec
drivers=(tokio blocking)
server_cases=147
client_cases=57

install_h2spec() {
    need go "(1.25 or later) to build h2spec"
    mkdir -p "$peers/h2spec"
    (cd "$here" && go build -ldflags '-X main.VERSION=2.2.1' -o "$peers/h2spec/" tool &&
        go build -o "$peers/h2spec/later" ./later)
}

# server_side DRIVER: h2spec against the server, and the case that its version lacks.
server_side() {
    serve "$logs/$1-server" "$target/debug/h2-server" --driver "$1"
    [ ${#sections[@]} -eq 0 ] &&
        timeout 10 "$peers/h2spec/later" "127.0.0.1:$port" >"$logs/$1-server-side.log" 2>&1
    timeout -k 5 400 "$peers/h2spec/h2spec" -S -h 127.0.0.1 -p "$port" -o 2 -j "$logs/$1.xml" \
        ${sections[@]+"${sections[@]}"} >>"$logs/$1-server-side.log" 2>&1
    stop
}

# client_side DRIVER FIRST_PORT: h2specd against the client.
client_side() {
    timeout -k 5 300 "$peers/h2spec/h2specd" -S -h 127.0.0.1 -f "$2" -o 2 \
        -e "$target/debug/h2-client --driver $1" >"$logs/$1-client-side.log" 2>&1
}

# marks FILE: one line a section of h2spec's own output: `section<TAB>passed<TAB>failed`.
marks() {
    awk '/^Failures:/ { exit }
         /^[A-Z]/ { suite = /client$/ ? "client" : /^Generic/ ? "generic" : /^HPACK/ ? "hpack" : "http2" }
         /^ *[0-9.]+\. / { title = $0; sub(/^ */, suite " ", title) }
         /✔/ { passed[title]++ }
         /×/ { failed[title]++ }
         (/✔/ || /×/) && !(title in seen) { seen[title] = 1; order[++sections] = title }
         END { for (i = 1; i <= sections; i++) print order[i] "\t" passed[order[i]] + 0 "\t" failed[order[i]] + 0 }' "$1"
}

# side TITLE SUFFIX EXPECTED: prints the grid of one side and counts it; cases that did not run have failed.
side() {
    printf '\n%-60s' "$1"
    printf ' %-10s' "${drivers[@]}"
    echo
    for driver in "${drivers[@]}"; do marks "$logs/$driver-$2.log" >"$logs/$driver-$2.marks"; done
    paste "$logs/${drivers[0]}-$2.marks" "$logs/${drivers[1]}-$2.marks" |
        awk -F '\t' '{ printf "%-60s %-10s %-10s\n", substr($1, 1, 60), $2 "/" $2 + $3, $5 "/" $5 + $6 }'
    for driver in "${drivers[@]}"; do
        local ok
        ok=$(awk -F '\t' '{ n += $2 } END { print n + 0 }' "$logs/$driver-$2.marks")
        local all=$3
        [ ${#sections[@]} -gt 0 ] && all=$(awk -F '\t' '{ n += $2 + $3 } END { print n + 0 }' "$logs/$driver-$2.marks")
        echo "$driver: $ok of $all"
        passed=$((passed + ok)) failed=$((failed + all - ok))
        [ "$ok" -eq "$all" ] || { echo "--- $logs/$driver-$2.log"; sed -n '/^Failures:/,$p' "$logs/$driver-$2.log"; }
    done
}

sections=("$@")
rm -rf "$logs"
mkdir -p "$logs"
install_h2spec || { echo "h2spec could not be built"; echo "0 passed, 1 failed"; exit 2; }
build h2-server h2-client || { echo "0 passed, 1 failed"; exit 2; }
passed=0 failed=0
for driver in "${drivers[@]}"; do (server_side "$driver") & done
wait
side "h2spec -S against the server" server-side $server_cases
if [ ${#sections[@]} -eq 0 ]; then
    first_port=$((20000 + RANDOM % 8000))
    for driver in "${drivers[@]}"; do
        client_side "$driver" "$first_port" &
        first_port=$((first_port + 100))
    done
    wait
    side "h2specd against the client" client-side $client_cases
fi
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
