#!/usr/bin/env bash
# Builds the Python package without optimising it and runs its tests: pytest, stubtest, mypy --strict.
#
# Everything is installed in a virtual environment in target/. What the package is tested with is pinned, with hashes, in
# python/tests/requirements.txt, for CPython 3.11.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3.11}
command -v "$python" > /dev/null || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "the Python tests need CPython 3.11 (PYTHON=… names it); $("$python" --version) was found" >&2
    exit 1
}

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
environment=$target/python
if ! cmp --silent python/tests/requirements.txt "$environment/requirements.txt"; then
    rm -rf "$environment"
    "$python" -m venv "$environment"
    "$environment/bin/pip" install --quiet --require-hashes --requirement python/tests/requirements.txt
    cp python/tests/requirements.txt "$environment/requirements.txt"
fi

cd python
export VIRTUAL_ENV=$environment
export PATH=$environment/bin:$PATH
# The profile is that of `cargo test`'s dependencies, so that they are compiled once for both.
maturin develop --quiet --locked --profile dev
python -m pytest -q -p no:cacheprovider "$@"
MYPYPATH=. python -m mypy.stubtest siftstream._siftstream
python -m mypy --cache-dir "$environment/mypy" siftstream tests bench
