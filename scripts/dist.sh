#!/usr/bin/env bash
# Packs the C and C++ library, with headers, pkg-config and CMake files, examples and license, into one archive that can
# be unpacked anywhere. Prints its path and the sizes of the libraries; fails if a release's shared library is too large.
#
# usage: dist.sh BUILT OUT, where BUILT holds the libraries, such as target/release, and OUT is the archive's directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 2)) || { echo "usage: $0 BUILT OUT" >&2; exit 2; }
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
system=$(uname -s | tr '[:upper:]' '[:lower:]')
name=siftstream-$version-$system-${DIST_MACHINE:-$(uname -m)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/install.sh "$1" "$work/$name"
install -d "$work/$name/share/siftstream/examples"
cp -R examples/c examples/cpp "$work/$name/share/siftstream/examples/"
cp LICENSE README.md "$work/$name/"
mkdir -p "$2"
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$2/$name.tar.gz" "$name"
size() { stat -c %s "$work/$name/lib/$1"; }
shared=libsiftstream.so.$version
limit=4000000
echo "$shared: $(size "$shared") bytes"
echo "libsiftstream.a: $(size libsiftstream.a) bytes"
if [[ $1 == */release && $(size "$shared") -gt $limit ]]; then
    echo "dist: $shared has more than $limit bytes" >&2
    exit 1
fi
echo "$2/$name.tar.gz: $(stat -c %s "$2/$name.tar.gz") bytes"
