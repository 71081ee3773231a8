# Entry points for people and for CI. `make` lists them.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help bootstrap build install dist portable demo dashboard python test lint bench bench-node clean

# rustup puts cargo here without every shell knowing it.
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO_TERM_COLOR ?= never

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## Check for cargo, compilers, cmake, pkg-config and valgrind (as root, install what is missing with apt-get)
	@scripts/bootstrap.sh

build: bootstrap ## Build the siftstream command and the C library, optimised, into target/release
	cargo build --release --locked -p siftstream-cli -p siftstream-ffi

# PREFIX, DESTDIR and LIBDIR are the usual ones. LIBRARY_PROFILE=demo builds in less time, for a slower library.
PREFIX ?= /usr/local
LIBRARY_PROFILE ?= release
LIBRARY_DIR = $${CARGO_TARGET_DIR:-target}/$(LIBRARY_PROFILE)

install: bootstrap ## Build the C and C++ library and install it below PREFIX (/usr/local), which can be moved
	cargo build --locked --profile $(LIBRARY_PROFILE) -p siftstream-ffi
	scripts/install.sh "$(LIBRARY_DIR)" "$(PREFIX)"

dist: bootstrap ## Pack the C and C++ library into target/dist/*.tar.gz, and tell its size
	cargo build --locked --profile $(LIBRARY_PROFILE) -p siftstream-ffi
	scripts/dist.sh "$(LIBRARY_DIR)" "$${CARGO_TARGET_DIR:-target}/dist"

portable: bootstrap ## Build the C library for older systems (glibc 2.17), linked through zig from PyPI
	@scripts/portable.sh

demo: bootstrap ## Stream this machine's telemetry from C to a local Sift for 10 seconds; fails if a row is missing
	@scripts/demo.sh

dashboard: bootstrap ## Show live in a browser what becomes of each row; DASHBOARD_ARGS="--port 8080 --rate 50"
	@scripts/dashboard.sh $(DASHBOARD_ARGS)

test: bootstrap ## Run all tests
	cargo test --workspace --locked --no-fail-fast
	scripts/test-python.sh
	scripts/test-node.sh

lint: bootstrap ## Check formatting, lints and dependencies (the header's drift check is one of the tests)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/deny.sh

# It runs the programs that lie beside it, so all are built. The one in C finds the library beside itself. Arguments: make bench BENCH_ARGS="…"
bench: bootstrap ## Compare speed with Sift's own client, in one run on this machine
	cargo build --release --locked -p siftstream-cli -p siftstream-bench -p siftstream-ffi
	release=$${CARGO_TARGET_DIR:-target}/release; ln -sf libsiftstream.so "$$release/libsiftstream.so.0"; \
	    cc -std=c11 -O2 -Iinclude tests/bench/rows.c -o "$$release/siftstream-bench-c" "$$release/libsiftstream.so" \
	    '-Wl,-rpath,$$ORIGIN'
	$${CARGO_TARGET_DIR:-target}/release/siftstream-bench $(BENCH_ARGS)
	scripts/bench-python.sh $(PYTHON_BENCH_ARGS)

python: bootstrap ## Build the Python wheel (manylinux_2_28) and sdist into target/python-dist, and try both in empty environments
	@scripts/package-python.sh

bench-node: bootstrap ## Compare the speed of Node with that of Rust, in one run on this machine
	cargo build --release --locked -p siftstream-cli
	npm --prefix node ci --no-audit --no-fund
	cd node && node scripts/native.mjs && npm run build && node bench/speed.mjs $(BENCH_ARGS)

clean: ## Remove all that was built
	cargo clean
