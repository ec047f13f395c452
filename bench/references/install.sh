#!/usr/bin/env bash
# Builds the echo servers that the benchmark can measure the plugin beside, into .cache: each for which this machine has
# the tools, Go, Cargo with a C compiler, and Python 3.11 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SOURCES=$PWD/bench/references
readonly CACHE=$PWD/.cache/references

main () {
  mkdir -p "$CACHE"
  install_go
  install_rust
  install_python
}

install_go () {
  if ! command -v go > /dev/null; then
    echo 'Go x/net/http2 is left out: go is not on PATH'
    return
  fi
  go build -C "$SOURCES/go" -o "$CACHE/go-echo"
}

install_rust () {
  if ! command -v cargo > /dev/null; then
    echo 'Rust axum is left out: cargo is not on PATH'
    return
  fi
  cargo build --quiet --release --manifest-path "$SOURCES/rust/Cargo.toml" --target-dir "$CACHE/rust"
  ln -sf rust/release/rust-echo "$CACHE/rust-echo"
}

install_python () {
  # Debian has venv in a package of its own, and Python without it would make but half of an environment.
  if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    echo 'Python hypercorn is left out: there is no Python 3.11 or later on PATH that has venv'
    return
  fi
  [[ -x $CACHE/python/bin/python ]] || python3 -m venv "$CACHE/python"
  "$CACHE/python/bin/python" -m pip install --quiet --requirement "$SOURCES/python/requirements.txt"
}

main
