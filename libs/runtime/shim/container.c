#define _GNU_SOURCE
/*
 * The parent of one container, from its creation to its end: it pumps the output into the log, passes signals on,
 * answers whoever connects to shim.sock, and writes exit.json. It outlives every agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

enum { MAX_CONNECTIONS = 16, COMMAND_BYTES = 64, DRAIN_MS = 2000 };

enum state { CREATING, CREATED, STARTING, RUNNING, EXITED };
static const char *const state_names[] = {"creating", "created", "created", "running", "exited"};

struct connection {
	int socket; /* -1: free */
	size_t used;
	unsigned char bytes[COMMAND_BYTES];
};

struct container {
	enum state state;
	int directory;
	int listener;
	int children; /* signalfd */
	pid_t pid;
	int pidfd;
	unsigned long long start_time;
	int status; /* what the child tells */
	int go;
	int terminal; /* where a terminal's master arrives */
	int output[2]; /* -1: ended */
	char oom_counter[4096];
	int wait_status;
	int start_errno;
	long long exited_at_ms;
	long long drain_until_ms;
	struct connection connections[MAX_CONNECTIONS];
};

static struct container container;

static void listen_in(struct container *c) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "shim.sock"};
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	umask(0177);
	/* A relative name: the directory's own may be longer than a socket address can be. */
	if (c->listener < 0 || fchdir(c->directory) < 0 || bind(c->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(c->listener, MAX_CONNECTIONS) < 0 || chdir("/") < 0)
		fail("listen on", "shim.sock");
}

static void make_pipe(int ends[2]) {
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("create", "a pipe");
}

static void fork_child(struct container *c, uint64_t flags, int connection) {
	int status[2], go[2], output[2], error[2], terminal[2];
	make_pipe(status);
	make_pipe(go);
	make_pipe(output);
	make_pipe(error);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, terminal) < 0)
		fail("create", "a socket pair");
	c->children = watch_children();
	c->pid = sys_clone(flags, &c->pidfd);
	if (c->pid < 0)
		fail("create", "the first process");
	if (c->pid == 0) {
		close(c->listener);
		close(c->directory);
		struct child_ends ends = {
			.connection = connection, .status = status[1], .go = go[0], .listener = -1, .output = output[1],
			.error = error[1], .terminal = terminal[1], .target = -1,
		};
		run_child(&ends);
	}
	close(status[1]);
	close(go[0]);
	close(output[1]);
	close(error[1]);
	close(terminal[1]);
	c->status = status[0];
	c->go = go[1];
	c->output[0] = output[0];
	c->output[1] = error[0];
	c->terminal = terminal[0];
	c->start_time = process_start_time(c->pid);
}

static void disconnect(struct connection *connection) {
	close(connection->socket);
	connection->socket = -1;
}

static void tell_all(struct container *c, struct event *event) {
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		if (c->connections[i].socket >= 0 && !event_send(c->connections[i].socket, event))
			disconnect(&c->connections[i]);
}

static void describe_state(struct container *c, struct event *event, const char *name) {
	event_begin(event, name);
	event_text(event, "state", state_names[c->state]);
	event_number(event, "pid", c->pid);
	event_number(event, "startTime", (long long)c->start_time);
	event_end(event);
}

static void enter(struct container *c, enum state state, const char *event_name) {
	struct event event;
	c->state = state;
	describe_state(c, &event, event_name);
	tell_all(c, &event);
}

static void add_connection(struct container *c, int socket) {
	/* A reader that stands still must never hold up the container's parent. */
	struct timeval patience = {.tv_usec = 100000};
	setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		if (c->connections[i].socket < 0) {
			c->connections[i] = (struct connection){.socket = socket};
			return;
		}
	close(socket);
}

static void accept_connection(struct container *c) {
	int socket = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	if (socket < 0)
		return;
	struct event event;
	describe_state(c, &event, "state");
	if (event_send(socket, &event))
		add_connection(c, socket);
	else
		close(socket);
}

static void obey(struct container *c, struct record *command) {
	if (command->kind == COMMAND_GO && c->state == CREATED) {
		c->state = STARTING;
		if (write(c->go, "g", 1) != 1)
			return; /* the child is gone, its end is on the way */
	}
	if (command->kind == COMMAND_SIGNAL && command->length >= sizeof(uint32_t))
		sys_pidfd_send_signal(c->pidfd, (int)take_u32(command));
}

static void read_commands(struct container *c, struct connection *connection) {
	ssize_t length = recv(connection->socket, connection->bytes + connection->used, COMMAND_BYTES - connection->used, MSG_DONTWAIT);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0)
		return disconnect(connection);
	connection->used += (size_t)length;
	struct record command;
	while (parse_record(connection->bytes, connection->used, &command)) {
		size_t size = 2 * sizeof(uint32_t) + command.length;
		obey(c, &command);
		memmove(connection->bytes, connection->bytes + size, connection->used - size);
		connection->used -= size;
	}
	if (connection->used == COMMAND_BYTES)
		disconnect(connection); /* no command is that long */
}

static void close_end(int *descriptor) {
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

static void take_terminal(struct container *c) {
	char name[32];
	struct iovec part = {name, sizeof name};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	if (recvmsg(c->terminal, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return;
	close_end(&c->output[0]);
	memcpy(&c->output[0], CMSG_DATA(header), sizeof(int));
}

static void report_start_failure(struct container *c) {
	struct event event;
	event_begin(&event, "start-failed");
	event_number(&event, "errno", c->start_errno);
	event_end(&event);
	tell_all(c, &event);
}

/* The child's status pipe: ready, a failed execve, or closed by a successful one. */
static void hear_child(struct container *c) {
	struct child_status told;
	ssize_t length = read(c->status, &told, sizeof told);
	if (length == sizeof told && told.ready) {
		take_terminal(c);
		close_end(&c->terminal);
		enter(c, CREATED, "created");
	} else if (length == sizeof told) {
		c->start_errno = (int)told.error_number;
		report_start_failure(c);
	} else {
		close_end(&c->status);
		if (c->state == STARTING && c->start_errno == 0)
			enter(c, RUNNING, "started");
	}
}

static void reap(struct container *c) {
	struct signalfd_siginfo ignored;
	while (read(c->children, &ignored, sizeof ignored) > 0)
		;
	if (c->state == EXITED || waitpid(c->pid, &c->wait_status, WNOHANG) != c->pid)
		return;
	if (c->status >= 0)
		hear_child(c); /* what it said before it went */
	if (c->state == CREATING) {
		/* It has told the agent why. Nothing was started, so nothing is recorded. */
		unlinkat(c->directory, "shim.sock", 0);
		_exit(1);
	}
	c->state = EXITED;
	c->exited_at_ms = wall_ms();
	c->drain_until_ms = monotonic_ms() + DRAIN_MS;
}

static bool oom_killed(struct container *c) {
	char text[1024];
	int file = open(c->oom_counter, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length > 0 ? length : 0] = 0;
	char *at = strstr(text, "oom_kill ");
	return at && atoll(at + strlen("oom_kill ")) > 0;
}

/* On disk before anybody is told: an agent that dies in between still finds it. */
static void record_exit(struct container *c, const struct event *event) {
	int file = openat(c->directory, "exit.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0 || write(file, event->text, event->length) != (ssize_t)event->length)
		return; /* the directory is gone or the disk is full: the event below is all there can be */
	fdatasync(file);
	close(file);
	renameat(c->directory, "exit.json.new", c->directory, "exit.json");
}

static _Noreturn void finish(struct container *c) {
	struct event event;
	log_finish();
	event_begin(&event, "exited");
	event_number(&event, "pid", c->pid);
	event_number(&event, "startTime", (long long)c->start_time);
	event_number(&event, "waitStatus", c->wait_status);
	event_flag(&event, "oomKilled", oom_killed(c));
	event_number(&event, "startErrno", c->start_errno);
	event_number(&event, "exitedAtMs", c->exited_at_ms);
	event_end(&event);
	record_exit(c, &event);
	tell_all(c, &event);
	unlinkat(c->directory, "shim.sock", 0);
	_exit(0);
}

static int patience_ms(struct container *c) {
	if (c->state != EXITED)
		return -1;
	long long left = c->drain_until_ms - monotonic_ms();
	return left > 0 ? (int)left : 0;
}

static bool drained(struct container *c) {
	return (c->output[0] < 0 && c->output[1] < 0) || monotonic_ms() >= c->drain_until_ms;
}

static _Noreturn void monitor(struct container *c) {
	for (;;) {
		struct pollfd watched[5 + MAX_CONNECTIONS] = {
			{.fd = c->output[0], .events = POLLIN}, {.fd = c->output[1], .events = POLLIN},
			{.fd = c->status, .events = POLLIN}, {.fd = c->children, .events = POLLIN}, {.fd = c->listener, .events = POLLIN},
		};
		for (int i = 0; i < MAX_CONNECTIONS; i++)
			/* While the child reads its program, the agent's connection is the child's. */
			watched[5 + i] = (struct pollfd){.fd = c->state == CREATING ? -1 : c->connections[i].socket, .events = POLLIN};
		if (poll(watched, 5 + MAX_CONNECTIONS, patience_ms(c)) < 0 && errno != EINTR)
			_exit(1);
		for (int stream = 0; stream < 2; stream++)
			if (watched[stream].revents && !log_pump(stream, c->output[stream]))
				close_end(&c->output[stream]);
		if (watched[2].revents)
			hear_child(c);
		if (watched[3].revents)
			reap(c);
		if (watched[4].revents)
			accept_connection(c);
		for (int i = 0; i < MAX_CONNECTIONS; i++)
			if (watched[5 + i].revents && c->connections[i].socket == watched[5 + i].fd)
				read_commands(c, &c->connections[i]);
		if (c->state == EXITED && drained(c))
			finish(c);
	}
}

void run_container(int connection, struct record *record) {
	struct container *c = &container;
	uint64_t clone_flags = take_u64(record);
	uint64_t log_max_bytes = take_u64(record);
	uint32_t log_max_files = take_u32(record);
	const char *directory = take_string(record);
	const char *log_path = take_string(record);
	snprintf(c->oom_counter, sizeof c->oom_counter, "%s", take_string(record));
	const char *pid_namespace = take_string(record);
	for (int i = 0; i < MAX_CONNECTIONS; i++)
		c->connections[i].socket = -1;
	c->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->directory < 0)
		fail("open", directory);
	log_open(log_path, log_max_bytes, log_max_files);
	listen_in(c);
	join_pid_namespace(pid_namespace);
	fork_child(c, clone_flags, connection);
	report_failures_to(-1);
	add_connection(c, connection);
	monitor(c);
}
