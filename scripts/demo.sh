#!/usr/bin/env bash
# Streams this machine's telemetry from a C program to a local Sift endpoint, and shows what arrived.
#
# Exit 0 only if the program had every row confirmed, and the endpoint misses none and found no schema error.
# DEMO_SECONDS (10) and DEMO_RATE (50, in Hz) change how long and how fast.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${DEMO_SECONDS:-10}
rate=${DEMO_RATE:-50}
key=demo-key
out=${CARGO_TARGET_DIR:-target}/demo
work=$(mktemp -d)
server=

cleanup() {
    if [[ -n $server ]]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

say() {
    echo "demo: $*"
}

fail() {
    echo "demo: $*" >&2
    exit 1
}

say "building the command and the C library"
cargo build --locked --profile demo -p siftstream-cli -p siftstream-ffi

say "compiling examples/c/host_telemetry.c"
origin='$ORIGIN'
[[ $(uname) != Darwin ]] || origin=@loader_path
cc -std=c11 -O2 -Iinclude examples/c/host_telemetry.c -o "$out/host_telemetry" \
    -L"$out" -lsiftstream "-Wl,-rpath,$origin"
# The program asks for the library by its SONAME, which need not be the name that cargo gives the file.
soname=$(readelf -d "$out/libsiftstream.so" 2>/dev/null | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p' || true)
if [[ -n $soname && ! -e $out/$soname ]]; then
    ln -sf libsiftstream.so "$out/$soname"
fi

# There before the endpoint is, which may be started late on a busy machine.
: >"$work/server"
"$out/siftstream" serve --port 0 --api-key "$key" --summary --expect-complete >"$work/server" &
server=$!
uri=
for ((turn = 0; turn < 100; turn++)); do
    uri=$(sed -n '1s/.*"uri":"\([^"]*\)".*/\1/p' "$work/server")
    [[ -z $uri ]] || break
    kill -0 "$server" 2>/dev/null || fail "the local endpoint did not start"
    sleep 0.1
done
[[ -n $uri ]] || fail "the local endpoint did not tell its address within 10 seconds"

say "streaming to $uri for $seconds s at $rate Hz"
sent=0
"$out/host_telemetry" --uri "$uri" --api-key "$key" --insecure --rate "$rate" --seconds "$seconds" || sent=$?

kill -TERM "$server"
received=0
wait "$server" || received=$?
server=

say "what the local endpoint received:"
tail -n +2 "$work/server"
rows=$(awk '$1 == "total" { rows = $2 } END { print rows + 0 }' "$work/server")

((sent == 0)) || fail "host_telemetry failed with exit code $sent"
((received == 0)) || fail "rows are missing or do not fit their schema (exit code $received)"
((rows > 0)) || fail "no row arrived"
say "$rows rows: all arrived, all fit their schema"
