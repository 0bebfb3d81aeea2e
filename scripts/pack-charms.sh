#!/usr/bin/env bash
# Packs the charms with their own `pack` command into target/charms/. Argument: the build profile's directory (release or debug).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=target/${1:-release}
mkdir -p target/charms
"$bin/etcd-charm" pack --output target/charms/etcd.charm
"$bin/easyrsa" pack --output target/charms/easyrsa.charm
"$bin/etcd-client-charm" pack --output target/charms/etcd-client.charm
