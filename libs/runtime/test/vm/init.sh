#!/bin/sh
# The first process of the emulated machine. Its root is the host's, read-only; what tests write is on a disk of its own and in memory.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp CI=1 NO_COLOR=1 TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
[ -e /dev/null ] || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t ext4 /dev/ubda /tmp # a disk of its own: memory could neither hold it nor map ids
chmod 1777 /tmp
mount -t tmpfs run /run
mount -t cgroup2 none /sys/fs/cgroup
mount --make-rshared / # as every init does
for module in overlay loop veth crc-ccitt ipv6; do
  busybox insmod "$(find /usr/lib/uml/modules -name "$module.ko")"
done
ip link set lo up
hostname vm
cd "$ROOT" || halt -f
for folder in .vite .vite-temp; do mount -t tmpfs vite "node_modules/$folder"; done
node node_modules/vitest/vitest.mjs run --project kernel --testTimeout=120000 --hookTimeout=120000 \
  --reporter=default --reporter=json --outputFile.json=/tmp/report.json "$FILE"
# The result goes out through a folder of the host, the only one that can be written to.
mkdir /tmp/out
mount -t hostfs out /tmp/out -o "$OUT" && cp /tmp/report.json /tmp/out/report.json
umount /tmp/out
halt -f
