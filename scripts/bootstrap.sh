#!/usr/bin/env bash
# Checks for what a build and its tests need: cargo, a C and a C++ compiler, and the tools with which users find and check
# the library. Installs all but cargo, only as root, by apt-get.
set -euo pipefail

fail() {
    echo "bootstrap: $*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

PATH=$PATH:${HOME:-/root}/.cargo/bin
have cargo || fail "cargo is missing: install Rust 1.95 or later, see https://rustup.rs"

packages=()
have cc || packages+=(gcc libc6-dev)
have c++ || packages+=(g++)
have cmake || packages+=(cmake)
have make || packages+=(make)
have pkg-config || packages+=(pkg-config)
have valgrind || packages+=(valgrind)
if ((${#packages[@]} > 0)); then
    wanted="a C and a C++ compiler (cc, c++), cmake, make, pkg-config and valgrind"
    have apt-get || fail "$wanted are needed: install them"
    [[ $(id -u) == 0 ]] || fail "$wanted are needed: run 'sudo apt-get install ${packages[*]}'"
    echo "bootstrap: installing ${packages[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
    have cc || fail "gcc was installed, but there is no cc"
    have c++ || fail "g++ was installed, but there is no c++"
    for tool in cmake make pkg-config valgrind; do
        have "$tool" || fail "$tool was installed, but is not there"
    done
fi
