#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

static int failures_to = -1;
static bool listens_on;

void report_failures_to(int connection) {
	failures_to = connection;
}

void listen_on_after_failure(void) {
	listens_on = true;
}

/* Who is still sending would find nobody there, and miss what was said. */
static void hear_out(int connection) {
	char ignored[65536];
	while (read(connection, ignored, sizeof ignored) > 0)
		;
}

static _Noreturn void report(const char *step, const char *object, int error_number, const char *reason) {
	struct event event;
	event_begin(&event, "failed");
	event_text(&event, "step", step);
	event_text(&event, "object", object);
	event_number(&event, "errno", error_number);
	event_text(&event, "reason", reason);
	event_end(&event);
	if (failures_to >= 0)
		event_send(failures_to, &event);
	if (failures_to >= 0 && listens_on)
		hear_out(failures_to);
	end_process(1);
}

/* libc's _exit would ask for ever where a seccomp filter denies it. */
void end_process(int status) {
	syscall(SYS_exit_group, status);
	for (;;)
		__builtin_trap();
}

void fail(const char *step, const char *object) {
	report(step, object, errno, strerror(errno));
}

void fail_because(const char *step, const char *object, const char *reason) {
	report(step, object, 0, reason);
}
