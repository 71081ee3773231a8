#!/usr/bin/env bash
# Builds the Python package as it is released and compares its speed with sift-stream-bindings. Arguments go to
# python/bench/compare.py.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
environment=$target/python-bench
if ! cmp --silent python/bench/requirements.txt "$environment/requirements.txt"; then
    rm -rf "$environment"
    "${PYTHON:-python3.11}" -m venv "$environment"
    "$environment/bin/pip" install --quiet --require-hashes --requirement python/bench/requirements.txt
    cp python/bench/requirements.txt "$environment/requirements.txt"
fi
rm -rf "$target/python-bench-wheel"
(cd python && "$environment/bin/maturin" build --quiet --locked --release --out "$target/python-bench-wheel")
"$environment/bin/pip" install --quiet --no-deps --force-reinstall "$target"/python-bench-wheel/*.whl
"$environment/bin/python" python/bench/compare.py "$@"
