#!/usr/bin/env bash
# Builds the C library for systems with an older glibc than this machine's, by linking through zig (from PyPI, into a
# virtual environment below target/). Shows which glibc the result needs, and fails if that is more than was asked for.
#
# PORTABLE_TARGET (this machine's, for gnu) and PORTABLE_GLIBC (2.17) say for which system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${PORTABLE_TARGET:-$(uname -m)-unknown-linux-gnu}
glibc=${PORTABLE_GLIBC:-2.17}
out=${CARGO_TARGET_DIR:-target}
tools=$out/zig

if [[ ! -x $tools/bin/cargo-zigbuild ]]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet 'cargo-zigbuild==0.20.*' 'ziglang==0.13.*'
fi
PATH=$(realpath "$tools/bin"):$PATH
rustup target list --installed 2>/dev/null | grep -qx "$target" || rustup target add "$target"
cargo zigbuild --release --locked -p siftstream-ffi --target "$target.$glibc"

library=$out/$target/release/libsiftstream.so
needs=$(objdump -T "$library" | grep -o 'GLIBC_[0-9.]*' | sort -uV)
echo "$library: $(stat -c %s "$library") bytes; it needs" $needs
newest=$(tail -n 1 <<<"$needs")
[[ $(printf '%s\n%s\n' "${newest#GLIBC_}" "$glibc" | sort -V | tail -n 1) == "$glibc" ]] || {
    echo "portable: it needs a newer glibc than $glibc" >&2
    exit 1
}
