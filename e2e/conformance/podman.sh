#!/bin/bash
# Debian's podman over our runtime: storage, state and configuration of its own; no network but none and the host's.
. "$(dirname "$0")/lib.sh"
. "$here/engine-tests.sh"
judge podman
packages podman conmon catatonit busybox-static
mkdir -p "$work/volume"
echo in the volume >"$work/volume/file"
busybox_root "$work/root"
tar -C "$work/root" -cf "$work/busybox.tar" .
printf '[containers]\ninit_path = "/usr/bin/catatonit"\n' >"$work/containers.conf"
export CONTAINERS_CONF=$work/containers.conf
# Hard limits of this machine may be lower than podman's defaults.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
engine=(timeout -k 5 60 podman --root "$work/storage" --runroot "$work/run" --tmpdir "$work/tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime "${1:-$runtime}")
trap '"${engine[@]}" rm -fa >/dev/null 2>&1; "${engine[@]}" rmi -fa >/dev/null 2>&1; rm -rf "$work"' EXIT
image=localhost/busybox missing_exec_status=127
"${engine[@]}" import -q "$work/busybox.tar" "$image" >/dev/null || exit 2
engine_tests
verdict
