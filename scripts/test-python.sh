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

# The same module runs on newer interpreters; NEWER_PYTHONS="…" names those that are to be tried.
for newer in ${NEWER_PYTHONS-python3.12 python3.13 python3.14}; do
    version=$("$newer" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || continue
    beside=$target/python-$version
    if ! cmp --silent tests/requirements.txt "$beside/requirements.txt"; then
        rm -rf "$beside"
        "$newer" -m venv "$beside"
        # The hashes are those of the files for CPython 3.11.
        sed 's/ --hash=.*//' tests/requirements.txt > "$beside/versions.txt"
        "$beside/bin/pip" install --quiet --requirement "$beside/versions.txt"
        cp tests/requirements.txt "$beside/requirements.txt"
    fi
    PATH=$beside/bin:$PATH VIRTUAL_ENV=$beside PYTHONPATH=$PWD PYTEST_ADDOPTS="-p siftstream.testing.plugin" \
        python -m pytest -q -p no:cacheprovider "$@"
done
