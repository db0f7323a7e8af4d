#define _GNU_SOURCE
/* What a process is: its cgroups, namespaces, limits, rights and identity. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

void op_join_cgroup(struct record *record) {
	write_whole_file(take_string(record), "0", "join the cgroup");
}

void op_hostname(struct record *record) {
	const char *name = take_string(record);
	if (sethostname(name, strlen(name)) < 0)
		fail("set the hostname", name);
}

void op_sysctl(struct record *record) {
	uint32_t must_exist = take_u32(record);
	const char *path = take_string(record);
	const char *value = take_string(record);
	char below_proc[512];
	snprintf(below_proc, sizeof below_proc, "sys/%s", path);
	int file = open_proc_file(below_proc, O_WRONLY);
	if (file < 0 && errno == ENOENT && !must_exist)
		return;
	if (file < 0 || write(file, value, strlen(value)) < 0)
		fail("set the sysctl", path);
	close(file);
}

void op_rlimit(struct record *record) {
	uint32_t resource = take_u32(record);
	struct rlimit limit;
	limit.rlim_cur = take_u64(record);
	limit.rlim_max = take_u64(record);
	char name[32];
	snprintf(name, sizeof name, "number %u", resource);
	if (prlimit(limited_process(), (int)resource, &limit, NULL) < 0)
		fail("set the resource limit", name);
}

void op_cpu_affinity(struct record *record) {
	cpu_set_t processors;
	CPU_ZERO(&processors);
	while (has_more(record)) {
		uint32_t processor = take_u32(record); /* CPU_SET looks at it twice */
		CPU_SET(processor, &processors);
	}
	if (sched_setaffinity(0, sizeof processors, &processors) < 0)
		fail("set", "the CPU affinity");
}

void op_oom_score(struct record *record) {
	write_whole_file("/proc/self/oom_score_adj", take_string(record), "set the out-of-memory score");
}

static struct sock_fprog late_filter;
static uint32_t late_flags;

static bool load_filter(uint32_t flags, const struct sock_fprog *program) {
	bool notifies = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if (notifies)
		courier_alert();
	long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	return result >= 0 && (!notifies || courier_announce((int)result));
}

/* Just before execve, where nothing is left to do that the filter might forbid. */
void load_late_seccomp(void) {
	if (late_filter.filter && !load_filter(late_flags, &late_filter))
		end_process(1);
}

void op_seccomp(struct record *record) {
	uint32_t flags = take_u32(record);
	uint32_t late = take_u32(record);
	size_t length;
	const unsigned char *bytes = take_rest(record, &length);
	struct sock_filter *filter = malloc(length);
	if (!filter)
		fail("load the seccomp filter", "program");
	memcpy(filter, bytes, length);
	struct sock_fprog program = {.len = (unsigned short)(length / sizeof *filter), .filter = filter};
	if (late) {
		late_filter = program;
		late_flags = flags;
		return;
	}
	if (!load_filter(flags, &program))
		fail("load the seccomp filter", "program");
	free(filter);
}

/* Kernels differ in how many capabilities they know: EINVAL marks the end. */
void op_bounding(struct record *record) {
	uint64_t keep = take_u64(record);
	for (unsigned capability = 0; capability < 64; capability++) {
		if (keep >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				return;
			fail("drop from the bounding set", "a capability");
		}
	}
}

/* Only what we made is given away: a fchown of /dev/null would change the node for everybody. */
static bool streams_are_owned;

static void own_standard_streams(uint32_t uid, uint32_t gid) {
	streams_are_owned = true;
	for (int stream = 0; stream < 3; stream++) {
		struct stat status;
		bool ours = fstat(stream, &status) == 0 && (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(stream)));
		if (ours && fchown(stream, uid, S_ISCHR(status.st_mode) ? status.st_gid : gid) < 0)
			fail("give away", "the standard streams");
	}
}

void streams_have_owner(bool have) {
	streams_are_owned = have;
}

/* By the host's ids, while those are still known: before a user namespace is entered. */
void op_own_streams(struct record *record) {
	uint32_t uid = take_u32(record);
	own_standard_streams(uid, take_u32(record));
}

void op_user(struct record *record) {
	uint32_t uid = take_u32(record);
	uint32_t gid = take_u32(record);
	gid_t groups[512];
	size_t count = 0;
	while (has_more(record) && count < sizeof groups / sizeof *groups)
		groups[count++] = take_u32(record);
	if (!streams_are_owned)
		own_standard_streams(uid, gid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		fail("keep", "the capabilities");
	/* The plain system calls: libc's wrappers would only add signals between threads that do not exist. */
	if (syscall(SYS_setgroups, count, groups) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		fail("become", "the user");
}

void op_capabilities(struct record *record) {
	uint64_t effective = take_u64(record);
	uint64_t permitted = take_u64(record);
	uint64_t inheritable = take_u64(record);
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
	};
	if (syscall(SYS_capset, &header, data) < 0)
		fail("set", "the capabilities");
}

/* Verified afterwards: a directory outside the root has no path here (CVE-2024-21626). */
void op_working_directory(struct record *record) {
	const char *path = take_string(record);
	char current[4096];
	if (chdir(path) < 0)
		fail("change to the working directory", path);
	if (syscall(SYS_getcwd, current, sizeof current) < 0)
		fail("change to the working directory", path);
	if (current[0] != '/')
		fail_because("change to the working directory", path, "it is outside of the container");
}
