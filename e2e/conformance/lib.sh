# Shared by the judges: counting, the lists of known failures, and what they are installed with.
# Each judge calls `judge NAME`, then `result ok|failed|skipped TEST [DETAIL]` for each test, then `verdict`.
# Known failures are in known-failures/NAME: one `TEST | REASON` a line. One that is not listed fails the judge; one that is listed and
# passes is told, so that the list stays true.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
runtime=${SHOAL_RUNTIME:-$project/dist/runtime/shoal-runtime.cjs}
passed=0 failed=0 skipped=0 unlisted=0
declare -A reasons

judge() {
	judge_name=$1
	work=${SHOAL_CONFORMANCE_WORK:-$(mktemp -d "/var/tmp/shoal-$1.XXXXXX")}
	mkdir -p "$work"
	[ -x "$runtime" ] || { echo "$runtime is not built: npm run build" >&2; exit 2; }
	local line
	while IFS= read -r line; do
		[[ $line == *' | '* ]] && reasons[${line%% | *}]=${line#* | }
	done <"$here/known-failures/$judge_name"
}

result() {
	case $1 in
	ok)
		passed=$((passed + 1))
		[ -z "${reasons[$2]:-}" ] || echo "passes now, remove it from known-failures/$judge_name: $2"
		;;
	skipped) skipped=$((skipped + 1)) ;;
	*)
		failed=$((failed + 1))
		if [ -n "${reasons[$2]:-}" ]; then
			echo "known failure: $2: ${reasons[$2]}"
		else
			unlisted=$((unlisted + 1))
			echo "FAILED: $2${3:+: $3}"
		fi
		;;
	esac
}

verdict() {
	echo "$judge_name: $passed passed, $failed failed, $skipped skipped ($unlisted of the failures not in known-failures/$judge_name)"
	[ "$unlisted" -eq 0 ] && [ "$passed" -gt 0 ]
}

# packages PACKAGE…: Debian's, when they are missing.
packages() {
	local missing=()
	for package in "$@"; do dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package"); done
	[ ${#missing[@]} -eq 0 ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# debian_source PACKAGE DIRECTORY: unpacks a source package of the installed Debian release, over lists of its own.
debian_source() {
	local lists=$work/apt release
	mkdir -p "$lists/lists/partial" "$2"
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	printf 'deb-src %s %s main\n' "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" "$release" >"$lists/sources.list"
	cat >"$lists/apt.conf" <<-END
		Dir::State::lists "$lists/lists";
		Dir::Etc::sourcelist "$lists/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		APT::Sandbox::User "root";
	END
	APT_CONFIG=$lists/apt.conf timeout 180 apt-get -q update >/dev/null
	(cd "$2" && APT_CONFIG=$lists/apt.conf timeout 180 apt-get -q source --download-only "$1" >/dev/null && tar xf ./*.orig.tar.*z --strip-components 1)
}

# busybox_root DIRECTORY: a root with a shell, from Debian's static busybox.
busybox_root() {
	local applet
	mkdir -p "$1"/{bin,dev,etc,home,root,tmp,usr/sbin,var/spool/mail,var/www}
	chmod 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"; done
	printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$1/etc/passwd"
	printf 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n' >"$1/etc/group"
}

# expect TEST WANTED COMMAND…, a command that ends by itself: its output (both streams) matches the pattern, and the exit status ${status:-0}.
expect() {
	local test=$1 wanted=$2 output code
	shift 2
	output=$("$@" </dev/null 2>&1)
	code=$?
	# shellcheck disable=SC2053
	if [ "$code" = "${status:-0}" ] && [[ $output == $wanted ]]; then result ok "$test"; else result failed "$test" "exit status $code: ${output:0:300}"; fi
}
