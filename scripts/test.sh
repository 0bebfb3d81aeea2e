#!/usr/bin/env bash
# Unit tests, doctests, examples and the system stories. The stories run real etcd members on loopback addresses;
# they need the binaries of the whole workspace, so those are built first.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --workspace --bins
cargo test --workspace "$@"
