#!/usr/bin/env bash
# Builds the wheel (manylinux_2_28, with zig as the linker) and the sdist into target/python-dist, and sees that both install in
# an empty environment and stream.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
python=${PYTHON:-python3.11}
dist=$target/python-dist
tools=$target/python-package
limit=$((6 * 1000 * 1000))

rm -rf "$dist"
[ -x "$tools/bin/maturin" ] || {
    "$python" -m venv "$tools"
    "$tools/bin/pip" install --quiet --require-hashes --requirement python/package-requirements.txt
}
export PATH=$tools/bin:$PATH
(
    cd python
    maturin build --locked --release --zig --compatibility manylinux_2_28 --compression-level 9 --out "$dist"
    maturin sdist --out "$dist"
)

wheel=$(echo "$dist"/*.whl)
size=$(stat --format %s "$wheel")
echo "$(basename "$wheel"): $size bytes"
[ "$size" -le "$limit" ] || { echo "the wheel is larger than $limit bytes" >&2; exit 1; }

for package in "$wheel" "$dist"/*.tar.gz; do
    empty=$(mktemp -d)
    "$python" -m venv "$empty"
    "$empty/bin/pip" install --quiet "$package"
    (cd "$empty" && bin/python "$OLDPWD/examples/python/quickstart.py")
    rm -rf "$empty"
done
