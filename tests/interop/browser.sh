#!/usr/bin/env bash
# The TypeScript client of clients/web against the quickstart's server: its tests in Node, then its example page in a
# real browser, Debian's Chromium.
#
#   tests/interop/browser.sh          both; exit code 1 when something fails
#   tests/interop/browser.sh node     only Node
#   tests/interop/browser.sh page     only the browser
#
# The page and a copy of it that the server must refuse are served from ports of their own, so that every call of theirs
# crosses origins. npm packages are pinned (package-lock.json); the browser comes from Debian's package `chromium`.
# Screenshots of the page: target/peers/logs/browser.

set -u
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$root/tests/interop/browser
client=$root/clients/web
logs=$peers/logs/browser
part=${1:-all}

# install FOLDER: the packages that its lock file names.
install() {
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
    (cd "$1" && npm ci --silent --no-progress) && cp "$1/package-lock.json" "$1/node_modules/.installed"
}

# find_chromium: sets `chromium`, installing Debian's package where there is none.
find_chromium() {
    chromium=$(command -v chromium || true)
    if [ -z "$chromium" ] && command -v apt-get >/dev/null; then
        apt-get install -qq -y chromium >"$logs/apt.log" 2>&1 ||
            { apt-get update -qq && apt-get install -qq -y chromium; } >>"$logs/apt.log" 2>&1
        chromium=$(command -v chromium || true)
    fi
    [ -n "$chromium" ] && return
    echo "$0 needs Debian's package \`chromium\`, and could not install it (see $logs/apt.log); install it and run this again" >&2
    echo "0 passed, 1 failed"
    exit 2
}

need node "(20 or later) to run the TypeScript client"
need npm "to install what the TypeScript client is tested with"
mkdir -p "$logs"
install "$client" && install "$here" || { echo "npm could not install the packages" >&2; exit 1; }
cargo build --quiet --manifest-path "$root/Cargo.toml" --example quickstart || exit 1
(cd "$client" && npm run --silent build && npm run --silent page) || exit 1

serve "$logs/page" node "$client/examples/chat/serve.mjs" 0
page_port=$port page_input=$server_input
serve "$logs/foreign" node "$client/examples/chat/serve.mjs" 0
foreign_port=$port foreign_input=$server_input
serve "$logs/server" "$target/debug/examples/quickstart" serve 127.0.0.1:0 --allow-origin "http://127.0.0.1:$page_port"
# It says "serving on HOST:PORT; ..." to people.
port=${port##*:} port=${port%%;*}
failed=0

if [ "$part" != page ]; then
    ZRPC_CHAT_SERVER=http://127.0.0.1:$port timeout -k 5 120 \
        node --test --test-timeout=90000 "$client/dist/test/chat.test.js" >"$logs/node.log" 2>&1 || failed=1
    grep -E '^(not )?ok ' "$logs/node.log" | sed 's/^not ok [0-9]* - /FAIL /; s/^ok [0-9]* - /ok   /'
fi
if [ "$part" != node ]; then
    find_chromium
    (cd "$here" && timeout -k 5 120 node drive.mjs "http://127.0.0.1:$port" "http://127.0.0.1:$page_port/" \
        "http://127.0.0.1:$foreign_port/" "$chromium" "$logs") 2>"$logs/drive.err" | tee "$logs/drive.log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || { failed=1; tail -n 5 "$logs/drive.err"; }
fi

kill "$server_pid" && stop >/dev/null 2>&1
exec {page_input}>&- {foreign_input}>&-
wait 2>/dev/null
passes=$(cat "$logs"/node.log "$logs"/drive.log 2>/dev/null | grep -cE '^ok ')
failures=$(cat "$logs"/node.log "$logs"/drive.log 2>/dev/null | grep -cE '^(not ok|FAIL) ')
[ "$failed" -eq 0 ] || [ "$failures" -gt 0 ] || failures=1
echo "$passes passed, $failures failed"
[ "$failures" -eq 0 ]
