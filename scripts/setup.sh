#!/usr/bin/env bash
# Installs the system packages that building and running need, and says which. Does nothing when all are there.
set -euo pipefail

packages=(
  build-essential     # C compiler and make: the bundled SQLite
  protobuf-compiler   # protoc: the gRPC client of etcd is generated when it is built
  etcd-server         # the etcd that the charm runs
  etcd-client         # etcdctl
  procps              # pgrep, for the clean-up checks
  time                # peak memory of a hook, for the benchmark
  tar
  gzip
)

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null | cut -c1-2)" = ii ]; }

fail() { echo "setup: $*" >&2; exit 1; }

command -v dpkg-query >/dev/null || fail "this script knows Debian and Ubuntu; on another system install: ${packages[*]}"
command -v cargo >/dev/null || fail "cargo is not on PATH; install Rust 1.89 or newer first (https://rustup.rs)"

oldest_rust=1.89
rust=$(rustc --version | cut -d' ' -f2)
[ "$(printf '%s\n' "$oldest_rust" "$rust" | sort -V | head -n 1)" = "$oldest_rust" ] ||
  fail "Rust $rust is too old; $oldest_rust or newer is needed: rustup update"

# A distribution may have etcd 3.3, which knows no learners; the charm refuses it too.
check_etcd() {
  local etcd
  etcd=$(etcd --version | sed -n 's/^etcd Version: //p')
  [ "$(printf '3.4\n%s\n' "$etcd" | sort -V | head -n 1)" = 3.4 ] ||
    fail "this distribution has etcd $etcd; 3.4 or newer is needed (Debian 12, Ubuntu 24.04, or newer)"
}

missing=()
for package in "${packages[@]}"; do is_installed "$package" || missing+=("$package"); done
if [ ${#missing[@]} -eq 0 ]; then
  check_etcd
  echo "setup: all system packages are installed"
  exit 0
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "missing packages: ${missing[*]}; run as root, or install sudo"
  sudo=(sudo)
fi

# The distribution's etcd-server starts a server of its own when it is installed; ours are started by the charm.
guard=/usr/sbin/policy-rc.d
made_guard=
cleanup() { if [ -n "$made_guard" ]; then "${sudo[@]}" rm -f "$guard"; fi; }
trap cleanup EXIT
if [ ! -e "$guard" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$guard" >/dev/null
  "${sudo[@]}" chmod 0755 "$guard"
  made_guard=yes
fi

echo "setup: installing ${missing[*]}"
log=$(mktemp)
if ! { "${sudo[@]}" apt-get update -qq &&
       "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  fail "apt-get could not install: ${missing[*]}"
fi
rm -f "$log"
check_etcd
