#!/usr/bin/env bash
# Installs the C and C++ library below a prefix: libraries, headers, pkg-config and CMake files. The prefix can be moved.
#
# usage: install.sh BUILT PREFIX, where BUILT holds libsiftstream.so and libsiftstream.a, such as target/release.
# LIBDIR (lib) is where libraries go below the prefix; DESTDIR is put before the prefix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 2)) || { echo "usage: $0 BUILT PREFIX" >&2; exit 2; }
built=$1
prefix=${DESTDIR:-}$2
libdir=${LIBDIR:-lib}

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
major=${version%%.*}
abi=$major
((major > 0)) || abi=${version%.*}
soname=libsiftstream.so.$major
# From the directory that holds pkgconfig/ and cmake/ up to the prefix, seen from one level below it.
up=$(realpath -ms --relative-to="/$libdir/x" /)

fill_in() {
    sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" -e "s|@SONAME@|$soname|g" -e "s|@UP@|$up|g" "packaging/$1.in" >"$2/$1"
}

install -d "$prefix/include/siftstream/cpp" "$prefix/$libdir/pkgconfig" "$prefix/$libdir/cmake/siftstream" \
    "$prefix/share/doc/siftstream"
install -m 644 include/siftstream/*.h include/siftstream/*.hpp "$prefix/include/siftstream/"
install -m 644 include/siftstream/cpp/*.hpp "$prefix/include/siftstream/cpp/"
install -m 755 "$built/libsiftstream.so" "$prefix/$libdir/libsiftstream.so.$version"
ln -sf "libsiftstream.so.$version" "$prefix/$libdir/$soname"
ln -sf "$soname" "$prefix/$libdir/libsiftstream.so"
install -m 644 "$built/libsiftstream.a" "$prefix/$libdir/"
fill_in siftstream.pc "$prefix/$libdir/pkgconfig"
fill_in siftstream-static.pc "$prefix/$libdir/pkgconfig"
fill_in siftstreamConfig.cmake "$prefix/$libdir/cmake/siftstream"
fill_in siftstreamConfigVersion.cmake "$prefix/$libdir/cmake/siftstream"
install -m 644 LICENSE docs/c-api.md "$prefix/share/doc/siftstream/"
