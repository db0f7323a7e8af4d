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

enum { DRAIN_MS = 2000, QUIET_MS = 1000, WATCHED = 8 };

enum state { CREATING, CREATED, STARTING, RUNNING, EXITED };
static const char *const state_names[] = {"creating", "created", "created", "running", "exited"};

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
	uint32_t options; /* STREAMS_… */
	struct streams streams;
	int cgroup; /* where the process is born; -1: where we are */
	int wait_status;
	int start_errno;
	long long exited_at_ms;
	long long drain_until_ms;
	bool oom_untold; /* no agent was there to hear of the last kill for lack of memory */
};

static struct container container;

static void listen_in(struct container *c) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "shim.sock"};
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	umask(0177);
	/* A relative name: the directory's own may be longer than a socket address can be. */
	if (c->listener < 0 || fchdir(c->directory) < 0 || bind(c->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(c->listener, MAX_CLIENTS) < 0 || chdir("/") < 0)
		fail("listen on", "shim.sock");
}

static void make_pipe(int ends[2]) {
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("create", "a pipe");
}

static void close_end(int *descriptor) {
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

static void fork_child(struct container *c, uint64_t flags, int connection) {
	int status[2], go[2];
	struct child_ends ends = {.connection = connection, .target = -1, .listener = -1};
	make_pipe(status);
	make_pipe(go);
	streams_create(&c->streams, c->options & STREAMS_INPUT, &ends);
	ends.status = status[1];
	ends.go = go[0];
	c->children = watch_children();
	c->pid = c->cgroup < 0 ? sys_clone(flags, &c->pidfd) : sys_clone_into(flags, c->cgroup, &c->pidfd);
	if (c->pid < 0)
		fail("create", "the first process");
	close_end(&c->cgroup);
	if (c->pid == 0) {
		close(c->listener);
		close(c->directory);
		run_child(&ends);
	}
	close(status[1]);
	close(go[0]);
	streams_forked(&ends);
	c->status = status[0];
	c->go = go[1];
	c->start_time = process_start_time(c->pid);
}

/* Where input ends with the first who types, it ends with his connection as well. */
static void end_input_of(struct container *c, struct connection *connection) {
	if (connection->types && (c->options & STREAMS_INPUT_ONCE))
		streams_end_input(&c->streams);
	connection->types = false;
}

static void leaving(struct connection *connection) {
	end_input_of(&container, connection);
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
	clients_tell(&event);
}

static void describe_oom(struct event *event) {
	event_begin(event, "oom");
	event_end(event);
}

static void accept_connection(struct container *c) {
	int socket = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	struct connection *connection = socket < 0 ? NULL : clients_add(socket);
	struct event event;
	if (!connection)
		return;
	describe_state(c, &event, "state");
	bool is_told = connection_send_event(connection, &event);
	if (is_told && c->oom_untold) {
		describe_oom(&event);
		is_told = connection_send_event(connection, &event);
		c->oom_untold = !is_told;
	}
	if (!is_told)
		clients_remove(connection);
}

static void attach(struct container *c, struct connection *connection, bool types) {
	struct event event;
	connection->attached = true;
	connection->types = types && (c->options & STREAMS_INPUT);
	event_begin(&event, "attached");
	event_flag(&event, "input", connection->types);
	event_end(&event);
	if (!connection_send_event(connection, &event))
		clients_remove(connection);
}

static void resize(struct container *c, struct record *command) {
	uint32_t rows = take_u32(command);
	uint32_t columns = take_u32(command);
	if (c->streams.master >= 0)
		set_terminal_size(c->streams.master, rows, columns);
}

static void send_signal(struct container *c, int signal) {
	oom_ignore_next(signal);
	sys_pidfd_send_signal(c->pidfd, signal);
}

static uint32_t least_bytes(uint32_t kind) {
	switch (kind) {
	case COMMAND_SIGNAL: case COMMAND_FOLLOW: return 4;
	case COMMAND_RESIZE: return 8;
	case COMMAND_LOG_COMPRESSED: return 9;
	default: return 0;
	}
}

/* False: there is no room for it yet. */
static bool obey(struct connection *connection, struct record *command) {
	struct container *c = &container;
	if (command->length < least_bytes(command->kind))
		return true; /* nothing that an agent sends may end the container's parent */
	switch (command->kind) {
	case COMMAND_GO:
		if (c->state != CREATED)
			return true;
		c->state = STARTING;
		write(c->go, "g", 1); /* when the child is gone, its end is on the way */
		return true;
	case COMMAND_SIGNAL: return send_signal(c, (int)take_u32(command)), true;
	case COMMAND_RESIZE: return resize(c, command), true;
	case COMMAND_FOLLOW: return attach(c, connection, take_u32(command) != 0), true;
	case COMMAND_INPUT: return !connection->types || streams_forward(&c->streams, connection, command);
	case COMMAND_INPUT_END: return end_input_of(c, connection), true;
	case COMMAND_LOG_COMPRESSED: return log_replace(command), true;
	default: return true; /* of a newer agent, which sees that nothing comes of it */
	}
}

static void report_start_failure(struct container *c) {
	struct event event;
	event_begin(&event, "start-failed");
	event_number(&event, "errno", c->start_errno);
	event_end(&event);
	clients_tell(&event);
}

/* The child's status pipe: ready, a failed execve, or closed by a successful one. */
static void hear_child(struct container *c) {
	struct child_status told;
	ssize_t length = read(c->status, &told, sizeof told);
	if (length == sizeof told && told.ready) {
		streams_take_terminal(&c->streams);
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

static void look_for_oom(struct container *c) {
	struct event event;
	if (!oom_look())
		return;
	describe_oom(&event);
	c->oom_untold = !clients_tell(&event);
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
	look_for_oom(c);
	event_begin(&event, "exited");
	event_number(&event, "pid", c->pid);
	event_number(&event, "startTime", (long long)c->start_time);
	event_number(&event, "waitStatus", c->wait_status);
	event_flag(&event, "oomKilled", oom_ended(c->wait_status));
	if (c->oom_untold)
		event_flag(&event, "oomUntold", true);
	event_number(&event, "startErrno", c->start_errno);
	event_number(&event, "exitedAtMs", c->exited_at_ms);
	event_number(&event, "lostLogRecords", (long long)log_lost_records());
	event_end(&event);
	record_exit(c, &event);
	clients_tell(&event);
	clients_part();
	unlinkat(c->directory, "shim.sock", 0);
	_exit(0);
}

static int sooner(int one_ms, int other_ms) {
	if (one_ms < 0 || other_ms < 0)
		return one_ms < 0 ? other_ms : one_ms;
	return one_ms < other_ms ? one_ms : other_ms;
}

static int patience_ms(struct container *c) {
	int wake_ms = sooner(sooner(log_patience_ms(), oom_patience_ms()), scratch_is_held() ? QUIET_MS : -1);
	if (c->state != EXITED)
		return wake_ms;
	long long left = c->drain_until_ms - monotonic_ms();
	return sooner(wake_ms, left > 0 ? (int)left : 0);
}

static bool drained(struct container *c) {
	return streams_have_ended(&c->streams) || monotonic_ms() >= c->drain_until_ms;
}

static void tell_rotated(void) {
	struct event event;
	event_begin(&event, "log-rotated");
	event_end(&event);
	clients_tell(&event);
}

static void pump(struct container *c, int number) {
	unsigned char *bytes;
	ssize_t length = streams_read(&c->streams, number, &bytes);
	if (length <= 0)
		return;
	clients_offer(number == 0 ? REPLY_OUTPUT : REPLY_ERROR, bytes, (size_t)length);
	log_take(number, bytes, (size_t)length);
	if ((c->options & STREAMS_COMPRESS) && log_was_rotated())
		tell_rotated();
}

static _Noreturn void monitor(struct container *c) {
	for (;;) {
		bool full = log_is_full();
		struct pollfd watched[WATCHED + MAX_CLIENTS] = {
			{.fd = full ? -1 : c->streams.output[0], .events = POLLIN}, {.fd = full ? -1 : c->streams.output[1], .events = POLLIN},
			{.fd = c->status, .events = POLLIN}, {.fd = c->children, .events = POLLIN}, {.fd = c->listener, .events = POLLIN},
			{.fd = log_descriptor(), .events = POLLOUT},
			{.fd = clients_stall() ? streams_input(&c->streams) : -1, .events = POLLOUT},
			{.fd = oom_descriptor(), .events = POLLIN},
		};
		/* While the child reads its program, the agent's connection is the child's. */
		int clients = c->state == CREATING ? 0 : MAX_CLIENTS;
		if (clients > 0)
			clients_watch(watched + WATCHED);
		int ready = poll(watched, (nfds_t)(WATCHED + clients), patience_ms(c));
		if (ready < 0 && errno != EINTR)
			_exit(1);
		if (ready == 0)
			scratch_release(); /* it has said nothing for a while */
		for (int number = 0; number < 2; number++)
			if (watched[number].revents)
				pump(c, number);
		if (watched[2].revents)
			hear_child(c);
		if (watched[3].revents)
			reap(c);
		if (watched[4].revents)
			accept_connection(c);
		log_wake();
		if (watched[6].revents)
			clients_go_on();
		if (watched[7].revents)
			oom_wake();
		if (oom_patience_ms() >= 0)
			look_for_oom(c);
		if (clients > 0)
			clients_serve(watched + WATCHED);
		if (c->state == EXITED && drained(c))
			finish(c);
	}
}

void run_container(int connection, struct record *record) {
	struct container *c = &container;
	uint64_t clone_flags = take_u64(record);
	const char *directory = take_string(record);
	oom_watch(take_string(record));
	const char *pid_namespace = take_string(record);
	const char *cgroup = take_string(record);
	c->cgroup = *cgroup ? open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (*cgroup && c->cgroup < 0)
		fail("open", cgroup);
	join_pid_namespace(pid_namespace);
	clients_open(obey, leaving);
	c->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->directory < 0)
		fail("open", directory);
	struct record settings;
	if (!read_record(connection, &settings) || settings.kind != OP_STREAMS)
		fail_because("read the launch program", "second record", "it does not say where the streams go");
	c->options = take_u32(&settings);
	log_open(&settings);
	listen_in(c);
	fork_child(c, clone_flags, connection);
	report_failures_to(-1);
	clients_add(connection);
	monitor(c);
}
