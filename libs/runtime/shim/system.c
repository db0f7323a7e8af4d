#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

int sys_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
	struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
	/* EAGAIN: a rename raced with the walk, which proves nothing yet. */
	for (int attempt = 0;; attempt++) {
		long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
		if (result >= 0 || errno != EAGAIN || attempt == 128)
			return (int)result;
	}
}

int sys_open_tree(int directory, const char *path, unsigned flags) {
	return (int)syscall(SYS_open_tree, directory, path, flags);
}

int sys_move_mount(int mount, int target) {
	return (int)syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int sys_fsopen(const char *type) {
	return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

int sys_fsconfig(int context, unsigned command, const char *key, const char *value) {
	return (int)syscall(SYS_fsconfig, context, command, key, value, 0);
}

int sys_fsmount(int context, unsigned attributes) {
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
}

int sys_mount_setattr(int mount, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation) {
	struct mount_attr attributes = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
	return (int)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attributes, sizeof attributes);
}

int sys_private_proc(void) {
	int context = sys_fsopen("proc");
	if (context < 0 || sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -1;
	int mounted = sys_fsmount(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close(context);
	return mounted;
}

int sys_pidfd_open(pid_t pid) {
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int sys_pidfd_send_signal(int pidfd, int signal) {
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int clone_with(struct clone_args arguments, int *pidfd) {
	arguments.flags |= CLONE_PIDFD;
	arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
	arguments.exit_signal = arguments.flags & CLONE_PARENT ? 0 : SIGCHLD;
	return (int)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int sys_clone(uint64_t flags, int *pidfd) {
	return clone_with((struct clone_args){.flags = flags}, pidfd);
}

int sys_clone_sibling(uint64_t flags, int *pidfd) {
	return clone_with((struct clone_args){.flags = flags | CLONE_PARENT}, pidfd);
}

int sys_clone_into(uint64_t flags, int cgroup, int *pidfd) {
	return clone_with((struct clone_args){.flags = flags | CLONE_INTO_CGROUP, .cgroup = (uint64_t)cgroup}, pidfd);
}

void write_whole_file(const char *path, const char *text, const char *step) {
	int file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, text, strlen(text)) < 0)
		fail(step, path);
	close(file);
}

unsigned long long process_start_time(pid_t pid) {
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	if (length <= 0)
		return 0;
	text[length] = 0;
	/* The name may hold anything, but after its last bracket come plain numbers: field 3 is next, 22 is wanted. */
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static long long now_ms(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

long long wall_ms(void) {
	return now_ms(CLOCK_REALTIME);
}

long long monotonic_ms(void) {
	return now_ms(CLOCK_MONOTONIC);
}

int watch_children(void) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
