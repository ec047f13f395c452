#!/usr/bin/env bash
# Installs a major version of Node into .cache, from the npm package that contains its binary: install-node.sh 26
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) echo "there is no npm package of Node for $(uname -m)"; exit 1 ;;
esac
npm install --no-save --prefix ".cache/node-$1" "node-linux-$arch@$1"
