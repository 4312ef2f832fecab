#!/usr/bin/env bash
# zRPC and tonic: services that tonic generated on zRPC's listeners, zRPC's services in servers of tonic and hyper, each
# called by both; and layers of tower around both sides. A step of its own, since it compiles tonic and all it stands on.
#
#   tests/interop/tonic.sh                    every test
#   tests/interop/tonic.sh FILTER...          those whose names say so
#   ZRPC_REGENERATE=1 tests/interop/tonic.sh  writes anew what tonic generates from greeter.proto
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec cargo test -p zrpc-tests --features tonic --test tonic -- "$@"
