# Entry points for people and for CI. `make` lists them.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help bootstrap build demo test lint bench clean

# rustup puts cargo here without every shell knowing it.
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO_TERM_COLOR ?= never

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## Check for cargo, cc and c++ (as root, install missing compilers with apt-get)
	@scripts/bootstrap.sh

build: bootstrap ## Build the siftstream command and the C library, optimised, into target/release
	cargo build --release --locked -p siftstream-cli -p siftstream-ffi

demo: bootstrap ## Stream this machine's telemetry from C to a local Sift for 10 seconds; fails if a row is missing
	@scripts/demo.sh

test: bootstrap ## Run all tests
	cargo test --workspace --locked --no-fail-fast
	scripts/test-python.sh

lint: bootstrap ## Check formatting, lints and dependencies (the header's drift check is one of the tests)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/deny.sh

# It runs the command that lies beside it, so both are built. Arguments: make bench BENCH_ARGS="…"
bench: bootstrap ## Compare speed with Sift's own client, in one run on this machine
	cargo build --release --locked -p siftstream-cli -p siftstream-bench
	$${CARGO_TARGET_DIR:-target}/release/siftstream-bench $(BENCH_ARGS)

clean: ## Remove all that was built
	cargo clean
