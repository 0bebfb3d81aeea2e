#!/usr/bin/env bash
# Removes every process and directory that the demo made. Safe to run at any time, and twice.
set -euo pipefail
cd "$(dirname "$0")/.."
export MINIJUJU_HOME=$PWD/target/demo
if [ ! -d "$MINIJUJU_HOME" ]; then
  echo "demo-down: nothing to remove"
  exit 0
fi
if [ -d "$MINIJUJU_HOME/models/demo" ]; then
  target/release/minijuju destroy-model demo --no-prompt
fi
rm -rf "$MINIJUJU_HOME"
echo "demo-down: the model, its processes and $MINIJUJU_HOME are gone"
