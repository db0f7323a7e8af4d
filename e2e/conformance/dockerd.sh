#!/bin/bash
# Debian's dockerd with ours as an extra runtime, chosen for every container: data, state and socket of its own; no bridge, no rules.
. "$(dirname "$0")/lib.sh"
. "$here/engine-tests.sh"
judge dockerd
packages docker.io busybox-static
mkdir -p "$work/volume" "$work/config"
echo '{}' >"$work/none.json"
echo in the volume >"$work/volume/file"
busybox_root "$work/root"
tar -C "$work/root" -cf "$work/busybox.tar" .
env -u NODE_EXTRA_CA_CERTS /usr/sbin/dockerd --config-file "$work/none.json" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "unix://$work/docker.sock" \
	--bridge=none --iptables=false --ip-forward=false --add-runtime "ours=${1:-$runtime}" --default-runtime ours --storage-driver overlay2 >"$work/dockerd.log" 2>&1 &
daemon=$!
engine=(timeout -k 5 60 /usr/bin/docker --config "$work/config" --host "unix://$work/docker.sock")
limits=()
trap '"${engine[@]}" ps -aq | xargs -r "${engine[@]}" rm -f >/dev/null 2>&1; kill $daemon; wait $daemon 2>/dev/null; umount "$work"/exec/netns/* 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do "${engine[@]}" version >/dev/null 2>&1 && break; sleep 0.1; done
image=busybox missing_exec_status=126
"${engine[@]}" import "$work/busybox.tar" "$image" >/dev/null || { tail -5 "$work/dockerd.log"; exit 2; }
engine_tests
verdict
