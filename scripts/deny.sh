#!/usr/bin/env bash
# Checks what dependencies may be (deny.toml). Installs cargo-deny into the target directory if there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PATH=$PATH:${HOME:-/root}/.cargo/bin
tools=${CARGO_TARGET_DIR:-target}/tools
PATH=$tools/bin:$PATH
if ! command -v cargo-deny >/dev/null; then
    echo "deny: installing cargo-deny into $tools" >&2
    cargo install cargo-deny --version 0.20.2 --locked --quiet --root "$tools"
fi
cargo-deny --log-level error check licenses bans sources
if cargo-deny --log-level off fetch db >/dev/null 2>&1; then
    cargo-deny --log-level error check --disable-fetch advisories
else
    echo "deny: advisories are not checked: their database cannot be fetched" >&2
fi
