#!/bin/bash
# The bats tests in Debian's source package of runc, over ours and, for comparison, over runc and crun: `--only-ours` leaves those out.
# Each file has a time limit; what it had not told by then counts as failed. A test's name here is its file's and its own.
. "$(dirname "$0")/lib.sh"
judge runc-suite
packages runc crun bats jq gawk gcc libc6-dev busybox-static dpkg-dev bsdutils libseccomp-dev pkg-config golang-go golang-github-{opencontainers-specs,seccomp-libseccomp-golang,sirupsen-logrus,cyphar-filepath-securejoin}-dev golang-golang-x-sys-dev
trap 'rm -rf "$work"' EXIT
debian_source runc "$work/runc" || exit 2
gcc -static -O1 -Wall -o "$work/runc/contrib/cmd/recvtty/recvtty" "$here/tools/recvtty.c" || exit 2
# The agent of its SCMP_ACT_NOTIFY tests, over Debian's Go libraries.
mkdir -p "$work/go/src/github.com/opencontainers"
ln -sfn "$work/runc" "$work/go/src/github.com/opencontainers/runc"
(cd "$work/go/src/github.com/opencontainers/runc/contrib/cmd/seccompagent" && GO111MODULE=off GOCACHE=$work/go/cache GOPATH=$work/go:/usr/share/gocode go build -tags seccomp -o seccompagent .) || exit 2

# The three roots that it would download.
busybox_root "$work/busybox"
busybox_root "$work/debian"
cp /sbin/ldconfig "$work/debian/bin/"
mkdir -p "$work/debian/lib/$(gcc -dumpmachine)" "$work/debian/lib64" "$work/hello/dev"
cp "$(gcc -print-file-name=libc.so.6)" "$work/debian/lib/$(gcc -dumpmachine)/"
cp /lib64/ld-linux-*.so.* "$work/debian/lib64/" 2>/dev/null
printf '#include <stdio.h>\nint main(void) { return puts("\\nHello from Docker!") < 0; }\n' | gcc -static -xc -o "$work/hello/hello" - || exit 2
for name in busybox debian hello; do tar -C "$work/$name" -cf "$work/$name.tar" .; done
cat >"$work/runc/tests/integration/get-images.sh" <<END
#!/bin/sh
echo BUSYBOX_IMAGE=$work/busybox.tar
echo DEBIAN_IMAGE=$work/debian.tar
echo HELLO_IMAGE=$work/hello.tar
END
cd "$work/runc/tests/integration" || exit 2

# suite RUNTIME LABEL: `ok|not ok NAME` lines into $work/LABEL.results. The tests want a terminal.
suite() {
	local file
	for file in *.bats; do
		RUNC=$1 timeout -k 5 "${LIMIT_SECONDS:-180}" script -qefc "bats -t $file" /dev/null </dev/null >"$work/$2.$file" 2>&1
		tr -d '\r' <"$work/$2.$file" | sed -n -E "s/^(ok|not ok) [0-9]+ /\1 ${file%.bats}: /p"
		# What the time was not enough for.
		local planned told
		planned=$(tr -d '\r' <"$work/$2.$file" | sed -n 's/^1\.\.//p' | head -1)
		told=$(grep -c -E '^(ok|not ok) ' "$work/$2.$file")
		[ "${planned:-0}" -le "$told" ] || echo "not ok ${file%.bats}: $((planned - told)) tests that had no time"
	done >"$work/$2.results"
}

count() { printf '%-6s %s ok, %s skipped, %s not ok\n' "$1:" "$(grep '^ok' "$work/$1.results" | grep -vc '# skip')" "$(grep -c '^ok.*# skip' "$work/$1.results")" "$(grep -c '^not ok' "$work/$1.results")"; }

suite "$runtime" ours
if [ "${1:-}" != --only-ours ]; then
	suite /usr/sbin/runc runc
	suite /usr/bin/crun crun
	count runc
	count crun
fi
while IFS= read -r line; do
	name=$(sed -E 's/^(not )?ok //; s/ *# skip.*//' <<<"$line")
	case $line in
	ok*'# skip'*) result skipped "$name" ;;
	ok*) result ok "$name" ;;
	*) result failed "$name" ;;
	esac
done <"$work/ours.results"
verdict
