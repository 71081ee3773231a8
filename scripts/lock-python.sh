#!/usr/bin/env bash
# Writes python/tests/requirements.txt, with hashes, from requirements.in and the newest packages that there are.
set -euo pipefail
cd "$(dirname "$0")/.."

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
python3 -m pip download --quiet --dest "$files" --requirement python/tests/requirements.in
python3 - "$files" > python/tests/requirements.txt <<'PYTHON'
import hashlib
import pathlib
import sys

print("# Made by scripts/lock-python.sh from requirements.in, for CPython 3.11 on Linux x86-64.")
for file in sorted(pathlib.Path(sys.argv[1]).iterdir(), key=lambda file: file.name.lower()):
    name, version = file.name.split("-")[:2]
    print(f"{name.lower().replace('_', '-')}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")
PYTHON
