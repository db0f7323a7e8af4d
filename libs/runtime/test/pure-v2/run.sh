#!/bin/sh
# The runtime on a machine with cgroup v2 alone: boots user-mode Linux (Debian: user-mode-linux) for a few seconds.
# On demand: sh libs/runtime/test/pure-v2/run.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d /var/tmp/shoal-pure-v2-XXXXXX)
trap 'rm -rf "$scratch"' EXIT
overlay=$(find /usr/lib/uml/modules -name overlay.ko)
make -s -C "$here/../../shim" OUTPUT="$scratch/shoal-shim" >/dev/null
"$here/../../../../node_modules/.bin/esbuild" --bundle --platform=node --format=esm --log-level=error --outfile="$scratch/program.mjs" "$here/program.ts"
cat >"$scratch/init" <<INIT
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp SHIM=$scratch/shoal-shim
mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts
mount -t tmpfs tmp /tmp; mount -t tmpfs run /run; mount -t cgroup2 none /sys/fs/cgroup
busybox insmod $overlay; ip link set lo up
node $scratch/program.mjs 2>&1
halt -f
INIT
chmod +x "$scratch/init"
timeout 180 linux.uml mem=1000M root=/dev/root rootfstype=hostfs rootflags=/ ro init="$scratch/init" \
	con=null con0=fd:0,fd:1 con1=null ssl=null quiet </dev/null >"$scratch/output" 2>&1 || true
grep -E '^(kept|BROKEN|the end)|Error' "$scratch/output" || true
if ! grep -q '^the end' "$scratch/output" || grep -q '^BROKEN' "$scratch/output"; then
	tail -n 30 "$scratch/output"
	exit 1
fi
