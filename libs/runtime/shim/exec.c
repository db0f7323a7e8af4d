#define _GNU_SOURCE
/*
 * The parent of one process more in a container: passes its output to the agent and the agent's input to it. Without the
 * agent it goes on, and its output is dropped, unless it is to end with it; it ends with its container in any case.
 */
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

enum { START_MS = 30000, WITHOUT_LIMIT = 0xffffffff };

struct exec {
	struct connection client;
	int connection; /* the child's as long as it reads its program */
	int target; /* pidfd of the container's first process; -1: it has ended */
	uint32_t options; /* EXEC_… */
	pid_t pid;
	int pidfd;
	int status; /* -1: it has executed, or failed to */
	int go;
	struct streams streams;
	int children;
	bool running; /* told to execute: from here on the connection is ours */
	bool ended;
	int wait_status;
	uint32_t output_left;
	uint32_t timeout_ms; /* 0: none */
	long long deadline_ms; /* of the monotonic clock; 0: none */
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

static void fork_child(struct exec *e) {
	int status[2], go[2];
	struct child_ends ends = {.connection = e->connection, .target = e->target, .listener = -1};
	if (pipe2(status, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		fail("create", "a pipe");
	streams_create(&e->streams, e->options & EXEC_INPUT, &ends);
	ends.status = status[1];
	ends.go = go[0];
	if (setns(e->target, CLONE_NEWPID) < 0)
		fail_because("execute in", "the container", "it is not running");
	e->children = watch_children();
	e->pid = sys_clone(0, &e->pidfd);
	if (e->pid < 0)
		fail_because("execute in", "the container", "it is not running");
	if (e->pid == 0)
		run_child(&ends);
	close(status[1]);
	close(go[0]);
	streams_forked(&ends);
	e->status = status[0];
	e->go = go[1];
}

/* Its whole group: it leads one of its own. */
static void stop(struct exec *e) {
	if (e->ended)
		return;
	kill(-e->pid, SIGKILL);
	sys_pidfd_send_signal(e->pidfd, SIGKILL);
}

static void lose_client(struct exec *e) {
	connection_close(&e->client);
	streams_end_input(&e->streams);
	if (e->options & EXEC_ENDS_WITH_CLIENT)
		stop(e);
}

static void tell(struct exec *e, struct event *event) {
	if (e->client.socket >= 0 && !connection_send_event(&e->client, event))
		lose_client(e);
}

static void tell_started(struct exec *e) {
	struct event event;
	event_begin(&event, "started");
	event_text(&event, "state", "running");
	event_number(&event, "pid", e->pid);
	event_number(&event, "startTime", (long long)process_start_time(e->pid));
	event_end(&event);
	tell(e, &event);
}

static void go_ahead(struct exec *e) {
	streams_take_terminal(&e->streams);
	e->running = true;
	e->deadline_ms = e->timeout_ms ? monotonic_ms() + e->timeout_ms : 0;
	connection_open(&e->client, e->connection);
	report_failures_to(-1);
	if (write(e->go, "g", 1) != 1)
		stop(e);
}

static void hear_child(struct exec *e) {
	struct child_status told;
	ssize_t length = read(e->status, &told, sizeof told);
	if (length == sizeof told && told.ready)
		return go_ahead(e);
	if (length == sizeof told)
		e->start_errno = (int)told.error_number;
	else if (e->running)
		tell_started(e);
	close(e->status);
	e->status = -1;
}

/* What is beyond the limit is read all the same, so that the process does not hang on a full pipe. */
static ssize_t pump(struct exec *e, int number) {
	unsigned char *bytes;
	ssize_t length = streams_read(&e->streams, number, &bytes);
	if (length <= 0 || e->client.socket < 0)
		return length;
	size_t sent = (size_t)length < e->output_left ? (size_t)length : e->output_left;
	if (e->output_left != WITHOUT_LIMIT)
		e->output_left -= (uint32_t)sent;
	if (sent > 0 && !connection_send(&e->client, number == 0 ? REPLY_OUTPUT : REPLY_ERROR, bytes, sent))
		lose_client(e);
	return length;
}

/* A process that was left behind may hold the pipes: at the end only what is there already counts. */
static bool is_drained(struct exec *e) {
	for (int number = 0; number < 2; number++)
		while (e->streams.output[number] >= 0) {
			if (connection_is_behind(&e->client))
				return false;
			if (pump(e, number) <= 0)
				streams_end_output(&e->streams, number);
		}
	return true;
}

static _Noreturn void finish(struct exec *e) {
	struct event event;
	event_begin(&event, "exited");
	event_number(&event, "waitStatus", e->wait_status);
	event_number(&event, "startErrno", e->start_errno);
	event_flag(&event, "timedOut", e->timed_out);
	event_end(&event);
	tell(e, &event);
	while (e->client.socket >= 0 && connection_is_behind(&e->client)) {
		struct pollfd watched = {.fd = e->client.socket, .events = POLLOUT};
		if (poll(&watched, 1, -1) > 0 && !connection_flush(&e->client))
			break;
	}
	connection_hear_out(&e->client, monotonic_ms() + LAST_WORDS_MS);
	_exit(0);
}

static void reap(struct exec *e) {
	struct signalfd_siginfo ignored;
	while (read(e->children, &ignored, sizeof ignored) > 0)
		;
	if (e->ended || waitpid(e->pid, &e->wait_status, WNOHANG) != e->pid)
		return;
	if (e->status >= 0)
		hear_child(e);
	if (!e->running)
		_exit(1); /* the child has told why itself */
	e->ended = true;
}

/* False: there is no room for it yet. */
static bool obey(struct exec *e, struct record *command) {
	if (command->kind == COMMAND_INPUT)
		return streams_forward(&e->streams, &e->client, command);
	if (command->kind == COMMAND_INPUT_END)
		streams_end_input(&e->streams);
	if (command->kind == COMMAND_SIGNAL && command->length >= 4 && !e->ended)
		sys_pidfd_send_signal(e->pidfd, (int)take_u32(command));
	if (command->kind == COMMAND_RESIZE && command->length >= 8 && e->streams.master >= 0) {
		uint32_t rows = take_u32(command);
		set_terminal_size(e->streams.master, rows, take_u32(command));
	}
	return true;
}

static void read_commands(struct exec *e) {
	struct record command;
	while (e->client.socket >= 0) {
		enum received received = connection_receive(&e->client, &command);
		if (received == RECEIVED_END)
			return lose_client(e);
		if (received == RECEIVED_NOTHING)
			return;
		e->client.stalled = !obey(e, &command);
		if (e->client.stalled)
			return;
		connection_release(&e->client);
	}
}

static int patience_ms(struct exec *e) {
	if (e->deadline_ms == 0 || e->timed_out)
		return -1;
	long long left = e->deadline_ms - monotonic_ms();
	return left > 0 ? (int)left : 0;
}

/* One that cannot even start may be held by a frozen group: it is to be gone when that is thawed. */
static void check_deadline(struct exec *e) {
	if (e->deadline_ms == 0 || e->timed_out || monotonic_ms() < e->deadline_ms)
		return;
	e->timed_out = true;
	stop(e);
	if (!e->running)
		fail_because("start", "the exec", "it did not stand in time");
}

static short client_events(struct exec *e) {
	return (short)((e->client.stalled ? 0 : POLLIN) | (connection_is_behind(&e->client) ? POLLOUT : 0));
}

static _Noreturn void monitor(struct exec *e) {
	for (;;) {
		bool behind = connection_is_behind(&e->client);
		short events = client_events(e);
		struct pollfd watched[] = {
			/* A reader that is slow slows the process, as a pipe between them would. */
			{.fd = behind ? -1 : e->streams.output[0], .events = POLLIN}, {.fd = behind ? -1 : e->streams.output[1], .events = POLLIN},
			{.fd = e->status, .events = POLLIN}, {.fd = e->children, .events = POLLIN},
			{.fd = events ? e->client.socket : -1, .events = events},
			{.fd = e->client.stalled ? streams_input(&e->streams) : -1, .events = POLLOUT},
			{.fd = e->target, .events = POLLIN},
		};
		if (poll(watched, sizeof watched / sizeof *watched, patience_ms(e)) < 0 && errno != EINTR)
			_exit(1);
		for (int number = 0; number < 2; number++)
			if (watched[number].revents)
				pump(e, number);
		if (watched[2].revents)
			hear_child(e);
		if (watched[3].revents)
			reap(e);
		if ((watched[4].revents & POLLOUT) && !connection_flush(&e->client))
			lose_client(e);
		if ((watched[4].revents & (POLLIN | POLLHUP | POLLERR)) || watched[5].revents)
			read_commands(e);
		if (watched[6].revents) {
			close(e->target);
			e->target = -1;
			stop(e); /* its container has ended */
		}
		check_deadline(e);
		if (e->ended && is_drained(e))
			finish(e);
	}
}

void run_exec(int connection, struct record *record) {
	struct exec e = {.connection = connection, .client = {.socket = -1}};
	pid_t pid = (pid_t)take_u32(record);
	unsigned long long start_time = take_u64(record);
	e.options = take_u32(record);
	e.timeout_ms = take_u32(record);
	e.output_left = take_u32(record);
	e.target = open_target_process(pid, start_time);
	fork_child(&e);
	e.deadline_ms = monotonic_ms() + START_MS;
	monitor(&e);
}
