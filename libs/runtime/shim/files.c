#define _GNU_SOURCE
/* A process that looks at, reads or writes files of one container, then ends. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files.h"

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

/* Opened on the host: a container's own /proc is not to be believed. */
static int own_descriptors;

int reopen_for_reading(int at) {
	char name[16];
	snprintf(name, sizeof name, "%d", at);
	return openat(own_descriptors, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

const char *path_of(int at) {
	static char path[PATH_MAX];
	char name[16];
	snprintf(name, sizeof name, "%d", at);
	ssize_t length = readlinkat(own_descriptors, name, path, sizeof path - 1);
	if (length < 0)
		return NULL;
	path[length] = 0;
	return path;
}

static int open_target_process(pid_t pid, unsigned long long start_time) {
	int pidfd = sys_pidfd_open(pid);
	if (pidfd < 0 || process_start_time(pid) != start_time)
		fail_because("look into", "the container", "it has just ended");
	return pidfd;
}

/* Each directory on the way down is one descriptor. */
static void allow_many_descriptors(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("raise", "the limit of open files");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_entry(const char *path) {
	int at = open_in_root(path, O_PATH | O_NOFOLLOW, 0);
	if (at < 0)
		fail("open", path);
	return at;
}

static _Noreturn void finish(int connection) {
	struct event event;
	event_begin(&event, "done");
	event_end(&event);
	event_send(connection, &event);
	_exit(0);
}

static _Noreturn void look_at(int connection, const char *path) {
	struct stat status;
	const char *link = "";
	int at = open_entry(path);
	if (fstat(at, &status) < 0)
		fail("examine", path);
	if (S_ISLNK(status.st_mode)) {
		/* A link to nowhere leads nowhere: TypeScript says what its text says. */
		int end = open_in_root(path, O_PATH, 0);
		link = end < 0 ? "" : path_of(end);
		if (!link)
			fail("follow", path);
	}
	send_entry(connection, 0, &status, path, link, -1);
	finish(connection);
}

/* The root file system alone: what lies under its mounts, not what is mounted. */
static int detach_root(void) {
	int tree = sys_open_tree(root_directory(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		fail("open", "the root without its mounts");
	return tree;
}

void run_files(int connection, struct record *first) {
	pid_t pid = (pid_t)take_u32(first);
	unsigned long long start_time = take_u64(first);
	struct child_ends ends = {.connection = connection, .status = -1, .go = -1, .output = -1, .error = -1, .terminal = -1, .target = -1};
	struct record record;
	listen_on_after_failure();
	allow_many_descriptors();
	umask(0);
	own_descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own_descriptors < 0)
		fail("open", "/proc/self/fd");
	if (pid > 0)
		ends.target = open_target_process(pid, start_time);
	while (read_record(connection, &record)) {
		switch (record.kind) {
		case OP_FILES_STAT:
			look_at(connection, take_string(&record));
		case OP_FILES_READ: {
			const char *path = take_string(&record);
			read_files(connection, open_entry(path), take_string(&record));
			finish(connection);
		}
		case OP_FILES_ROOT:
			read_files(connection, detach_root(), "");
			finish(connection);
		case OP_FILES_LAYER:
			read_layer(connection, take_string(&record), root_is_open() ? root_directory() : -1);
			finish(connection);
		case OP_FILES_WRITE: {
			bool keep_kinds = take_u32(&record);
			write_files(connection, take_string(&record), keep_kinds);
		}
		default:
			perform(&ends, &record);
		}
	}
	_exit(1); /* the agent hung up */
}
