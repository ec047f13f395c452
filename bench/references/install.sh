#!/usr/bin/env bash
# Installs the reference servers of the benchmark in .cache/references: Bun, and those that are built here. Skips a
# server whose tools are not installed: Go, Cargo with a C compiler, Python 3.11 or later, or Java 17 or later with Maven.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly SOURCES=$PWD/bench/references
readonly CACHE=$PWD/.cache/references
readonly BUN=bun@1.4.5

main () {
  mkdir -p "$CACHE"
  install_go
  install_rust
  install_python
  install_java
  install_bun
}

install_go () {
  if ! command -v go > /dev/null; then
    echo 'skipped Go x/net/http2: go is not on PATH'
    return
  fi
  go build -C "$SOURCES/go" -o "$CACHE/go-echo"
}

install_rust () {
  if ! command -v cargo > /dev/null; then
    echo 'skipped Rust axum and yawc: cargo is not on PATH'
    return
  fi
  cargo build --quiet --release --manifest-path "$SOURCES/rust/Cargo.toml" --target-dir "$CACHE/rust"
}

install_python () {
  # Debian packages venv separately, and without it `python3 -m venv` leaves an incomplete environment behind.
  if ! python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    echo 'skipped Python hypercorn: no Python 3.11 or later with venv is on PATH'
    return
  fi
  [[ -x $CACHE/python/bin/python ]] || python3 -m venv "$CACHE/python"
  "$CACHE/python/bin/python" -m pip install --quiet --requirement "$SOURCES/python/requirements.txt"
}

install_java () {
  if ! command -v mvn > /dev/null || ! [[ $(javac -version 2> /dev/null) =~ ([0-9]+) && ${BASH_REMATCH[1]} -ge 17 ]]; then
    echo 'skipped Jetty: no JDK of Java 17 or later, or no Maven, is on PATH'
    return
  fi
  rm -rf "$CACHE/java"
  mvn --batch-mode --quiet --file "$SOURCES/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$CACHE/java/lib"
  javac -cp "$CACHE/java/lib/*" -d "$CACHE/java/classes" "$SOURCES/java/JettyEcho.java"
}

install_bun () {
  npm install --prefix "$CACHE/bun" --no-audit --no-fund --silent "$BUN"
}

main
