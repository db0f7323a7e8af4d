#!/usr/bin/env bash
# Installs the Debian packages that a Shoal machine needs. Safe to run again: it installs only what is missing.
#
#   deploy/prerequisites.sh            to build and to run Shoal
#   deploy/prerequisites.sh --tests    and what the tests use as peers and judges
set -euo pipefail

run=(nftables conntrack iproute2 util-linux procps etcd-server curl ca-certificates)
build=(gcc make libc6-dev linux-libc-dev musl-tools busybox-static)
tests=(wireguard-go tcpdump docker-registry skopeo etcd-client iptables zstd python3 openssl user-mode-linux)

packages=("${run[@]}" "${build[@]}")
if [ "${1:-}" = --tests ]; then
  packages+=("${tests[@]}")
  # The docker CLI judges compose files and drives the API. Any version will do; no daemon is started.
  command -v docker >/dev/null || packages+=(docker.io)
fi

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "prerequisites: all there"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "prerequisites: missing ${missing[*]}; run this as root to install them" >&2
  exit 1
fi

echo "prerequisites: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Daemons that come with a package are used by hand here: none is started by its installation.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
log=$(mktemp)
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "prerequisites: apt-get failed; its whole output is in $log" >&2
  exit 1
fi
rm -f "$log"
