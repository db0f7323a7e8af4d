#define _GNU_SOURCE
/*
 * Tells at once when the kernel kills a process of the container for lack of memory: by inotify on memory.events (cgroup v2), or by an
 * eventfd registered for memory.oom_control (v1). The counter in these files is the truth; a notification only says when to look.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

/* v1 tells before it kills: the counter follows within that time, or the kill was not needed. */
enum { LOOK_MS = 20, LOOK_FOR_MS = 2000, RECENT_MS = 5000 };

static struct {
	char counter[4096];
	int descriptor; /* -1: none; the counter is read at the end all the same */
	long long kills;
	long long killed_at_ms; /* of the monotonic clock, as all here */
	long long look_until_ms;
	long long last_kill_by_us_ms;
} oom = {.descriptor = -1};

static int watch_events(void) {
	int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (descriptor >= 0 && inotify_add_watch(descriptor, oom.counter, IN_MODIFY) < 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}

/* Writes "<eventfd> <descriptor of the file>" into cgroup.event_control beside it. */
static int register_event(size_t directory_length) {
	char path[sizeof oom.counter + 32], text[32];
	snprintf(path, sizeof path, "%.*s/cgroup.event_control", (int)directory_length, oom.counter);
	int file = open(oom.counter, O_RDONLY | O_CLOEXEC);
	int control = open(path, O_WRONLY | O_CLOEXEC);
	int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	snprintf(text, sizeof text, "%d %d", descriptor, file);
	if (file < 0 || control < 0 || descriptor < 0 || write(control, text, strlen(text)) < 0) {
		close(descriptor);
		descriptor = -1;
	}
	close(file);
	close(control);
	return descriptor;
}

void oom_watch(const char *counter) {
	const char *slash = strrchr(counter, '/');
	if (!slash)
		return; /* no memory controller */
	snprintf(oom.counter, sizeof oom.counter, "%s", counter);
	oom.descriptor = strcmp(slash, "/memory.events") == 0 ? watch_events() : register_event((size_t)(slash - counter));
}

int oom_descriptor(void) {
	return oom.descriptor;
}

int oom_patience_ms(void) {
	return monotonic_ms() < oom.look_until_ms ? LOOK_MS : -1;
}

void oom_wake(void) {
	char drained[4096];
	if (read(oom.descriptor, drained, sizeof drained) > 0)
		oom.look_until_ms = monotonic_ms() + LOOK_FOR_MS;
}

static long long count_kills(void) {
	char text[1024];
	int file = open(oom.counter, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length > 0 ? length : 0] = 0;
	char *at = strstr(text, "oom_kill ");
	return at ? atoll(at + strlen("oom_kill ")) : 0;
}

bool oom_look(void) {
	long long kills = *oom.counter ? count_kills() : 0;
	if (kills <= oom.kills)
		return false;
	oom.kills = kills;
	oom.killed_at_ms = monotonic_ms();
	oom.look_until_ms = 0;
	return true;
}

void oom_ignore_next(int signal) {
	if (signal == SIGKILL)
		oom.last_kill_by_us_ms = monotonic_ms();
}

/* An init or a shell that ends as its killed child did counts, too: that is how they pass it on. */
bool oom_ended(int wait_status) {
	bool was_killed = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) == SIGKILL : WEXITSTATUS(wait_status) == 128 + SIGKILL;
	bool is_recent = oom.kills > 0 && monotonic_ms() - oom.killed_at_ms < RECENT_MS;
	bool was_us = oom.last_kill_by_us_ms > oom.killed_at_ms;
	return was_killed && is_recent && !was_us;
}
