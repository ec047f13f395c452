#!/usr/bin/env bash
# Installs the clients and proxies of `npm run interop` that are missing: programs from Debian's or Ubuntu's packages,
# everything else into .cache. CHROMIUM and FIREFOX name browsers that are installed already. Needs Python 3.11 or later,
# and Go to build Caddy. A JDK that is installed already must be of Java 17 or later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly CACHE=$PWD/.cache/interop
readonly CADDY=v2.11.9
readonly UNDICI=8.12.4
readonly DENO=2.9.6
readonly BUN=1.4.5
export PATH=$PATH:/usr/sbin

main () {
  local programs=(haproxy nghttpx:nghttp2-proxy apache2:apache2-bin javac:default-jdk-headless mvn:maven)
  [[ -n ${CHROMIUM:-} ]] || programs+=(chromium)
  [[ -n ${FIREFOX:-} ]] || programs+=(firefox-esr)
  install_packages "${programs[@]}"
  install_python
  node test/helpers/install-packages.js test/interop/agents
  npm install --no-save --prefix "$CACHE" "undici@$UNDICI" "deno@$DENO" "bun@$BUN"
  for major in 24 26; do bash test/helpers/install-node.sh "$major"; done
  install_java
  install_caddy
}

# Each argument is a program, followed by `:package` if its package has another name.
install_packages () {
  local each missing=() as_root=()
  for each in "$@"; do
    command -v "${each%%:*}" || missing+=("${each##*:}")
  done
  if ((${#missing[@]} == 0)); then return; fi
  if ((EUID != 0)) && command -v sudo > /dev/null; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

install_python () {
  python3 -m venv "$CACHE/python" || { install_packages venv:python3-venv && python3 -m venv "$CACHE/python"; }
  "$CACHE/python/bin/python" -m pip install --quiet --requirement test/interop/agents/python/requirements.txt
}

install_java () {
  rm -rf "$CACHE/java"
  mvn --batch-mode --quiet --file test/interop/agents/java/pom.xml dependency:copy-dependencies \
    -DoutputDirectory="$CACHE/java/lib"
}

install_caddy () {
  if ! command -v go; then
    echo 'Caddy is skipped: Go, which builds it, is not on PATH'
  elif [[ ! -x $CACHE/bin/caddy ]]; then
    GOBIN=$CACHE/bin go install "github.com/caddyserver/caddy/v2/cmd/caddy@$CADDY"
  fi
}

main
