#define _GNU_SOURCE
/* How the kernel runs and labels a process, before its rights go. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

enum { IOPRIO_OF_PROCESS = 1 };

void op_personality(struct record *record) {
	if (personality(take_u32(record)) < 0)
		fail("set", "the personality");
}

void op_io_priority(struct record *record) {
	if (syscall(SYS_ioprio_set, IOPRIO_OF_PROCESS, limited_process(), take_u32(record)) < 0)
		fail("set", "the I/O priority");
}

void op_scheduler(struct record *record) {
	struct sched_attr attributes;
	memset(&attributes, 0, sizeof attributes);
	attributes.size = sizeof attributes;
	attributes.sched_policy = take_u32(record);
	attributes.sched_nice = (int32_t)take_u32(record);
	attributes.sched_priority = take_u32(record);
	attributes.sched_flags = take_u64(record);
	attributes.sched_runtime = take_u64(record);
	attributes.sched_deadline = take_u64(record);
	attributes.sched_period = take_u64(record);
	if (syscall(SYS_sched_setattr, limited_process(), &attributes, 0) < 0)
		fail("set", "the scheduler");
}

/* Takes effect at execve. Written below a procfs of our own making, which nothing covers (CVE-2019-19921, CVE-2025-52881). */
void op_label(struct record *record) {
	const char *name = take_string(record);
	const char *text = take_string(record);
	char path[128];
	int proc = sys_private_proc();
	snprintf(path, sizeof path, "%d/attr/%s", (int)getpid(), name);
	int file = proc < 0 ? -1 : openat(proc, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0 || write(file, text, strlen(text)) < 0)
		fail("set the security label", text);
	close(file);
	close(proc);
}

void op_ambient(struct record *record) {
	uint64_t capabilities = take_u64(record);
	for (unsigned capability = 0; capability < 64; capability++)
		if (capabilities >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			fail("raise", "an ambient capability");
}
