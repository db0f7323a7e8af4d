#define _GNU_SOURCE
/* Hooks of OCI configs that run where the container is being made: createContainer before the root changes, startContainer inside. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

struct hook {
	uint32_t timeout_ms; /* 0: none */
	char *path;
	char *input;
	char **arguments;
	char **environment;
	struct hook *next;
};

static struct hook *late_hooks;

static struct hook *take_hook(struct record *record) {
	struct hook *hook = calloc(1, sizeof *hook);
	if (!hook)
		fail("run", "a hook");
	hook->timeout_ms = take_u32(record);
	uint32_t count = take_u32(record);
	hook->path = strdup(take_string(record));
	hook->input = strdup(take_string(record));
	char **strings = take_strings(record);
	size_t total = 0;
	while (strings[total])
		total++;
	if (count > total)
		fail_because("run the hook", hook->path, "its arguments are missing");
	hook->environment = strings + count;
	hook->arguments = calloc(count + 1, sizeof *hook->arguments);
	if (!hook->path || !hook->input || !hook->arguments)
		fail("run", "a hook");
	memcpy(hook->arguments, strings, count * sizeof *strings);
	return hook;
}

static int wait_until(pid_t pid, uint32_t timeout_ms) {
	int wait_status = -1;
	long long deadline_ms = monotonic_ms() + timeout_ms;
	for (;;) {
		pid_t ended = waitpid(pid, &wait_status, timeout_ms ? WNOHANG : 0);
		if (ended == pid)
			return wait_status;
		if (ended < 0 && errno != EINTR)
			return -1;
		if (timeout_ms && monotonic_ms() >= deadline_ms) {
			kill(pid, SIGKILL);
			waitpid(pid, &wait_status, 0);
			return -1;
		}
		if (timeout_ms)
			usleep(2000);
	}
}

/* Its wait status; -1: it could not be run, or took too long. */
static int run(const struct hook *hook) {
	int input[2];
	if (pipe(input) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(input[0], STDIN_FILENO);
		close(input[0]);
		close(input[1]);
		execve(hook->path, hook->arguments, hook->environment);
		end_process(127);
	}
	close(input[0]);
	signal(SIGPIPE, SIG_IGN); /* a hook need not read it */
	if (pid > 0)
		write(input[1], hook->input, strlen(hook->input));
	close(input[1]);
	signal(SIGPIPE, SIG_DFL);
	return pid > 0 ? wait_until(pid, hook->timeout_ms) : -1;
}

void op_hook(struct record *record) {
	uint32_t late = take_u32(record);
	struct hook *hook = take_hook(record);
	if (!late) {
		if (run(hook) != 0)
			fail_because("run the hook", hook->path, "error running hook: it failed or took too long");
		return;
	}
	struct hook **end = &late_hooks;
	while (*end)
		end = &(*end)->next;
	*end = hook;
}

int run_start_hooks(void) {
	int wait_status = 0;
	for (const struct hook *hook = late_hooks; hook && wait_status == 0; hook = hook->next)
		wait_status = run(hook);
	return wait_status;
}
