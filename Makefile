# Two commands for a fresh Debian or Ubuntu machine with Rust: `make demo` and `make test`.
# Each installs the system packages it needs (as root, or through sudo for that step alone).

CARGO ?= cargo

.PHONY: help setup build charms demo demo-down test stories bench lint doc ci clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: ## install the missing system packages, and say which
	@scripts/setup.sh

build: setup ## build everything in release
	$(CARGO) build --release --workspace --bins

charms: build ## pack the charms into target/charms/
	@scripts/pack-charms.sh release

demo: charms ## three TLS etcd members in a minijuju model: deploy, use, scale, break, heal
	@scripts/demo.sh

demo-down: ## remove everything that the demo made
	@scripts/demo-down.sh

test: setup ## unit tests, doctests, examples and the system stories
	@scripts/test.sh

bench: charms ## short benchmark: prints a table, writes target/bench.json
	$(CARGO) bench --workspace --bench figures

lint: setup ## formatting, clippy and rustdoc, with warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

ci: ## what continuous integration runs
	@bash .ci/run

clean: demo-down ## remove the demo and the build
	$(CARGO) clean
