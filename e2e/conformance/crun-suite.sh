#!/bin/bash
# The python tests in Debian's source package of crun, over ours and, for comparison, over crun and runc: `--only-ours` leaves those out.
# A test's name here is its file's and its own.
. "$(dirname "$0")/lib.sh"
judge crun-suite
packages crun runc python3 gcc libc6-dev libseccomp-dev dpkg-dev
trap 'rm -rf "$work"' EXIT
debian_source crun "$work/crun" || exit 2
cd "$work/crun" || exit 2
printf '#define HAVE_SECCOMP 1\n#define HAVE_ERROR_H 1\n#define _GNU_SOURCE 1\n' >config.h
gcc -static -O1 -w -I. -o tests/init tests/init.c -lseccomp || exit 2

# suite RUNTIME LABEL: `ok|not ok NAME` lines into $work/LABEL.results
suite() {
	local test
	for test in tests/test_*.py; do
		OCI_RUNTIME=$1 INIT=$PWD/tests/init timeout -k 5 180 python3 "$test" 2>>"$work/$2.err" </dev/null |
			sed -n -E "s/^(ok|not ok) [0-9]+ - /\1 $(basename "$test" .py): /p"
	done >"$work/$2.results"
}

count() { printf '%-6s %s ok, %s skipped, %s not ok\n' "$1:" "$(grep '^ok' "$work/$1.results" | grep -vc '#SKIP')" "$(grep -c '#SKIP' "$work/$1.results")" "$(grep -c '^not ok' "$work/$1.results")"; }

# One test wants a process id of five digits; on a machine that has counted through, the next ones are short.
[ "$(cat /proc/sys/kernel/ns_last_pid)" -ge 10000 ] || echo 10000 >/proc/sys/kernel/ns_last_pid
suite "$runtime" ours
if [ "${1:-}" != --only-ours ]; then
	# crun takes a machine with both versions of cgroups for a half one: it sees version 1 alone.
	unshare -m bash -c "mount --make-rprivate /; umount /sys/fs/cgroup/unified /sys/fs/cgroup/systemd 2>/dev/null; $(declare -f suite); work=$work; suite /usr/bin/crun crun"
	suite /usr/sbin/runc runc
	count crun
	count runc
fi
while IFS= read -r line; do
	name=$(sed -E 's/^(not )?ok //; s/ *#SKIP.*//' <<<"$line")
	case $line in
	*'#SKIP'*) result skipped "$name" ;;
	ok*) result ok "$name" ;;
	*) result failed "$name" ;;
	esac
done <"$work/ours.results"
verdict
