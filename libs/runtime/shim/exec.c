#define _GNU_SOURCE
/* The parent of one process more in a container: sends its output to the agent, ends it at the timeout. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

struct exec {
	int connection;
	pid_t pid;
	int status;
	int go;
	int output;
	int children;
	uint32_t output_left;
	long long deadline_ms; /* of the monotonic clock; 0: it does not run yet */
	uint32_t timeout_ms;
	bool timed_out;
	int start_errno;
};

/* The process id may be another one's by now: only its start time tells. */
static int open_target_process(pid_t pid, unsigned long long start_time) {
	int pidfd = sys_pidfd_open(pid);
	if (pidfd < 0 || process_start_time(pid) != start_time)
		fail_because("execute in", "the container", "it is not running");
	return pidfd;
}

static void fork_child(struct exec *e, int target) {
	int status[2], go[2], output[2], pidfd;
	if (pipe2(status, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0)
		fail("create", "a pipe");
	if (setns(target, CLONE_NEWPID) < 0)
		fail("join", "the process ids of the container");
	e->children = watch_children();
	e->pid = sys_clone(0, &pidfd);
	if (e->pid < 0)
		fail_because("execute in", "the container", "it is not running");
	if (e->pid == 0) {
		struct child_ends ends = {
			.connection = e->connection, .status = status[1], .go = go[0], .listener = -1, .output = output[1],
			.error = output[1], .terminal = -1, .target = target,
		};
		run_child(&ends);
	}
	close(status[1]);
	close(go[0]);
	close(output[1]);
	close(target);
	e->status = status[0];
	e->go = go[1];
	e->output = output[0];
}

static void stop(struct exec *e) {
	kill(-e->pid, SIGKILL);
	kill(e->pid, SIGKILL);
}

static void hear_child(struct exec *e) {
	struct child_status told;
	ssize_t length = read(e->status, &told, sizeof told);
	if (length == sizeof told && told.ready) {
		e->deadline_ms = monotonic_ms() + e->timeout_ms;
		if (write(e->go, "g", 1) != 1)
			stop(e);
	} else if (length == sizeof told) {
		e->start_errno = (int)told.error_number;
	} else {
		close(e->status);
		e->status = -1;
	}
}

/* What is beyond the limit is read all the same, so that the process does not hang on a full pipe. */
static bool pump(struct exec *e) {
	static char bytes[32768];
	ssize_t length = read(e->output, bytes, sizeof bytes);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return errno == EINTR;
	if (length <= 0) {
		close(e->output);
		e->output = -1;
		return false;
	}
	size_t sent = (size_t)length < e->output_left ? (size_t)length : e->output_left;
	if (sent > 0 && !send_record(e->connection, REPLY_OUTPUT, bytes, sent))
		stop(e);
	e->output_left -= (uint32_t)sent;
	return true;
}

static _Noreturn void finish(struct exec *e, int wait_status) {
	struct event event;
	/* A process that was left behind may hold the pipe: only what is there already counts. */
	if (e->output >= 0)
		fcntl(e->output, F_SETFL, O_NONBLOCK);
	for (int reads = 0; e->output >= 0 && reads < 64 && pump(e); reads++)
		;
	if (e->status >= 0)
		hear_child(e);
	event_begin(&event, "exited");
	event_number(&event, "waitStatus", wait_status);
	event_number(&event, "startErrno", e->start_errno);
	event_flag(&event, "timedOut", e->timed_out);
	event_end(&event);
	event_send(e->connection, &event);
	_exit(0);
}

static int patience_ms(struct exec *e) {
	if (e->deadline_ms == 0 || e->timed_out)
		return -1;
	long long left = e->deadline_ms - monotonic_ms();
	return left > 0 ? (int)left : 0;
}

static void check_deadline(struct exec *e) {
	if (e->deadline_ms == 0 || e->timed_out || monotonic_ms() < e->deadline_ms)
		return;
	e->timed_out = true;
	stop(e);
}

static void reap(struct exec *e) {
	struct signalfd_siginfo ignored;
	int wait_status;
	while (read(e->children, &ignored, sizeof ignored) > 0)
		;
	if (waitpid(e->pid, &wait_status, WNOHANG) == e->pid)
		finish(e, wait_status);
}

void run_exec(int connection, struct record *record) {
	pid_t pid = (pid_t)take_u32(record);
	unsigned long long start_time = take_u64(record);
	struct exec e = {.connection = connection};
	e.timeout_ms = take_u32(record);
	e.output_left = take_u32(record);
	fork_child(&e, open_target_process(pid, start_time));
	for (;;) {
		bool running = e.deadline_ms != 0;
		struct pollfd watched[] = {
			{.fd = e.output, .events = POLLIN}, {.fd = e.status, .events = POLLIN}, {.fd = e.children, .events = POLLIN},
			/* Until it runs, the connection is the child's. Afterwards only its end can come. */
			{.fd = running && !e.timed_out ? connection : -1, .events = POLLIN},
		};
		if (poll(watched, 4, patience_ms(&e)) < 0 && errno != EINTR)
			_exit(1);
		if (watched[0].revents)
			pump(&e);
		if (watched[1].revents)
			hear_child(&e);
		if (watched[2].revents)
			reap(&e);
		if (watched[3].revents) {
			stop(&e); /* the agent gave up */
			e.timed_out = true;
		}
		check_deadline(&e);
	}
}
