#!/usr/bin/env bash
# Installs the built tree on this host. Safe to run again: it replaces what an earlier run installed, running containers
# go on, and the programs that systemd runs are restarted.
#
#   deploy/install.sh               /usr/lib/shoal, /usr/bin/shoal, the systemd units
#   deploy/install.sh --uninstall   takes these away again; the node's state in /var/lib/shoal stays
#
# DESTDIR=folder puts everything below that folder instead and does not talk to systemd.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${DESTDIR:-}
lib=$root/usr/lib/shoal
bin=$root/usr/bin/shoal
doc=$root/usr/share/doc/shoal
unit_dir=$root/usr/lib/systemd/system
units=(shoal-manager.service shoal-agent.service)

fail() {
  echo "install: $*" >&2
  exit 1
}

# Runs systemctl where systemd is what runs this host.
tell_systemd() {
  [ -z "$root" ] && [ -d /run/systemd/system ] || return 0
  systemctl "$@"
}

uninstall() {
  if [ -z "$root" ] && [ -n "$(ls -A /run/shoal/agent/containers 2>/dev/null)" ]; then
    fail "this node still has containers: drain it (shoal node update --availability drain self), or remove its stacks"
  fi
  for unit in "${units[@]}"; do
    [ -e "$unit_dir/$unit" ] && tell_systemd disable --now "$unit"
    rm -f "$unit_dir/$unit"
  done
  tell_systemd daemon-reload
  rm -f "$bin"
  rm -rf "$lib" "$doc"
  if [ -z "$root" ]; then remove_mesh; fi
  echo "install: removed; the node's state is still in $root/var/lib/shoal"
}

# What an agent leaves in the kernel, so that its containers can go on without it. The host's link goes with the namespace.
remove_mesh() {
  local mesh=/run/shoal/agent/network/netns/mesh
  if mountpoint -q "$mesh"; then umount "$mesh"; fi
  nft delete table inet shoal 2>/dev/null || true # there is none on a host that never ran an agent
  rm -rf /run/shoal
}

check_build() {
  node scripts/require-node.cjs || fail "put a Node that is new enough into the path"
  for file in cli/shoal.cjs agent/agent.cjs manager/manager.cjs shim/shoal-shim proto; do
    [ -e "dist/$file" ] || fail "there is no dist/$file: run scripts/setup.sh first"
  done
  [ -d node_modules/koffi ] || fail "there is no node_modules/koffi: run scripts/setup.sh first"
}

# The tree is complete before it takes its place: a program that starts meanwhile sees the old one or the new one.
install_tree() {
  local new=$lib.new
  rm -rf "$new"
  mkdir -p "$new/node_modules"
  for program in cli agent manager; do
    mkdir "$new/$program"
    find "dist/$program" -maxdepth 1 -name '*.cjs' -exec cp -p {} "$new/$program/" \;
  done
  cp -rp dist/proto dist/shim "$new/"
  # The only package that is not in the bundles: it has a native part.
  cp -rp node_modules/koffi "$new/node_modules/"
  if [ -d node_modules/@koromix ]; then cp -rp node_modules/@koromix "$new/node_modules/"; fi
  rm -rf "$lib.old"
  if [ -e "$lib" ]; then mv "$lib" "$lib.old"; fi
  mv "$new" "$lib"
  rm -rf "$lib.old"
}

install_all() {
  check_build
  [ -n "$root" ] || bash deploy/prerequisites.sh
  mkdir -p "$root/usr/lib" "$root/usr/bin" "$unit_dir" "$doc"
  install_tree
  ln -sfn ../lib/shoal/cli/shoal.cjs "$bin"
  for unit in "${units[@]}"; do install -m 0644 "deploy/systemd/$unit" "$unit_dir/$unit"; done
  install -m 0644 README.md "$doc/README.md"
  tell_systemd daemon-reload
  for unit in "${units[@]}"; do tell_systemd try-restart "$unit"; done
  echo "install: done; make a cluster with \"shoal init\", or join one with \"shoal join\""
}

[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "run it as root"
case ${1:-} in
  '') install_all ;;
  --uninstall) uninstall ;;
  *) fail "unknown argument $1: expected nothing or --uninstall" ;;
esac
