# What any engine does with a runtime. `engine` is its command with all flags, `limits` more flags of run, `image` an image with
# busybox's shell, `missing_exec_status` what the engine makes of an exec without a program.
engine_tests() {
	run() { "${engine[@]}" run --rm --network none "${limits[@]}" "$@"; }
	expect 'run prints' 'hello' run "$image" echo hello
	status=7 expect 'run passes the exit status on' '' run "$image" sh -c 'exit 7'
	status=127 expect 'a missing program is 127' '*' run "$image" /no/such/program
	status=126 expect 'a program that may not be executed is 126' '*' run "$image" /etc/passwd
	expect 'standard error' 'to stderr' run "$image" sh -c 'echo to stderr >&2'
	expect 'environment' '*COLOUR=blue*' run -e COLOUR=blue "$image" env
	expect 'working directory' '/tmp' run -w /tmp "$image" pwd
	expect 'numeric user' '*uid=1000*gid=1000*' run --user 1000:1000 "$image" id
	expect 'user by name' '*uid=1(daemon)*' run --user daemon "$image" id
	expect 'hostname' 'web' run --hostname web "$image" hostname
	expect 'process ids of its own' '1' run "$image" sh -c 'echo $$'
	expect 'terminal' '*/dev/pts/0*' run -t "$image" tty
	expect 'standard input' 'through a pipe' sh -c "echo through a pipe | $(printf '%q ' "${engine[@]}") run --rm -i --network none ${limits[*]} $image cat"
	expect 'bind mount' 'in the volume' run -v "$work/volume:/data" "$image" cat /data/file
	status=1 expect 'read-only bind mount' '*Read-only file system*' run -v "$work/volume:/data:ro" "$image" touch /data/new
	expect 'tmpfs' '*tmpfs /scratch*' run --tmpfs /scratch:size=1m "$image" grep ' /scratch ' /proc/mounts
	status=1 expect 'read-only root' '*Read-only file system*' run --read-only "$image" touch /new
	expect 'memory limit' '67108864' run --memory 64m "$image" cat /sys/fs/cgroup/memory/memory.limit_in_bytes
	expect 'pids limit' '50' run --pids-limit 50 "$image" cat /sys/fs/cgroup/pids/pids.max
	expect 'cpu shares' '512' run --cpu-shares 512 "$image" cat /sys/fs/cgroup/cpu/cpu.shares
	expect 'capabilities dropped' '*CapEff:?0000000000000000*' run --cap-drop ALL "$image" cat /proc/self/status
	expect 'capability added' '*CapBnd:?0000000000001000*' run --cap-drop ALL --cap-add NET_ADMIN "$image" cat /proc/self/status
	expect 'seccomp filter' '*Seccomp:?2*' run "$image" cat /proc/self/status
	expect 'no new privileges' '*NoNewPrivs:?1*' run --security-opt no-new-privileges "$image" cat /proc/self/status
	expect 'unconfined seccomp' '*Seccomp:?0*' run --security-opt seccomp=unconfined "$image" cat /proc/self/status
	expect 'device' '*rw*' run --device /dev/fuse "$image" ls -l /dev/fuse
	expect 'resource limit' '512' run --ulimit nofile=512:512 "$image" sh -c 'ulimit -n'
	expect 'masked paths' '' run "$image" cat /proc/timer_list
	status=1 expect 'read-only /proc/sys' '*Read-only file system*' run "$image" sh -c 'echo 1 > /proc/sys/kernel/panic'

	expect 'create and start' '*' "${engine[@]}" run -d --name life --network none "${limits[@]}" "$image" sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done'
	expect 'ps lists it' '*life*' "${engine[@]}" ps
	expect 'logs' 'up' retry "${engine[@]}" logs life
	expect 'exec' 'inside' "${engine[@]}" exec life echo inside
	status=9 expect 'exec passes the exit status on' '' "${engine[@]}" exec life sh -c 'exit 9'
	expect 'exec as another user' '*uid=1000*' "${engine[@]}" exec --user 1000 life id
	expect 'exec with environment and directory' 'red /tmp' "${engine[@]}" exec -e COLOUR=red -w /tmp life sh -c 'echo $COLOUR $PWD'
	expect 'exec with a terminal' '*/dev/pts/*' "${engine[@]}" exec -t life tty
	status=$missing_exec_status expect 'exec of a missing program' '*' "${engine[@]}" exec life nosuch
	expect 'exec in the background' '*' "${engine[@]}" exec -d life touch /tmp/detached
	expect 'its work is seen' '*detached*' retry "${engine[@]}" exec life ls /tmp/detached
	expect 'top' '*sleep*' "${engine[@]}" top life
	expect 'pause' '*' "${engine[@]}" pause life
	expect 'it is paused' '*aused*' "${engine[@]}" ps -a
	expect 'unpause' '*' "${engine[@]}" unpause life
	expect 'exec after unpause' 'awake' "${engine[@]}" exec life echo awake
	expect 'stats' '*life*' "${engine[@]}" stats --no-stream life
	expect 'stop' 'life' "${engine[@]}" stop -t 5 life
	expect 'the program had its signal' '3' "${engine[@]}" inspect --format '{{.State.ExitCode}}' life
	expect 'start again' 'life' "${engine[@]}" start life
	expect 'restart' 'life' "${engine[@]}" restart -t 1 life
	expect 'update' '*' "${engine[@]}" update --cpu-shares 256 life
	expect 'its limit has changed' '256' "${engine[@]}" exec life cat /sys/fs/cgroup/cpu/cpu.shares
	expect 'kill' 'life' "${engine[@]}" kill life
	expect 'wait' '137' "${engine[@]}" wait life
	expect 'remove' 'life' "${engine[@]}" rm life
	expect 'remove by force' '*' sh -c "$(printf '%q ' "${engine[@]}") run -d --name gone --network none ${limits[*]} $image sleep 1000 && $(printf '%q ' "${engine[@]}") rm -f gone"
	expect 'host network' 'lo*' "${engine[@]}" run --rm --network host "${limits[@]}" "$image" sh -c 'ls /sys/class/net | sort | grep lo'
	expect 'init process' '*' run --init "$image" true
	expect 'host process ids' '*' run --pid host "$image" sh -c 'test $$ -ne 1'
	expect 'privileged' '*' run --privileged "$image" sh -c 'mount -t tmpfs none /tmp'
	expect 'nothing is left' '' "${engine[@]}" ps -aq
}

retry() {
	local attempt
	for attempt in $(seq 50); do
		"$@" >"$work/retried" 2>&1 && [ -s "$work/retried" ] && break
		sleep 0.1
	done
	cat "$work/retried"
}
