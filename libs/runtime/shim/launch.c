#define _GNU_SOURCE
/*
 * Launches a container's first process, or one more in it, for a caller of the OCI command line. Nothing of ours stays:
 * as soon as the process stands, we leave, and it becomes the child of the caller's own monitor, which waits for it.
 * Only where the command line runs in the foreground do we stay, as its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

struct launch {
	int connection;
	int children;
	pid_t pid;
	int pidfd;
	int status;
	int go;
	int terminal; /* where a terminal's master arrives when it is ours to relay; else -1 */
	int master;
	bool stay;
	pid_t builder; /* 0: the process makes everything itself */
	bool builds; /* the first child makes the process and its root */
	bool delivers; /* a seccomp listener to whoever decides about system calls */
	bool listens; /* the process is started later, over its socket */
};

/* A socket's address is short, a directory's path may not be: the name is taken relative to its directory. */
static void enter_directory_of(const char *path, struct sockaddr_un *address) {
	char directory[4096];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	const char *name = slash ? slash + 1 : path;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length >= sizeof directory || strlen(name) >= sizeof address->sun_path) {
		errno = ENAMETOOLONG;
		fail("find the socket", path);
	}
	memcpy(directory, path, length);
	directory[length] = 0;
	strcpy(address->sun_path, name);
	if (length > 0 && chdir(directory) < 0)
		fail("find the socket", path);
}

static int listen_at(const char *path) {
	struct sockaddr_un address;
	enter_directory_of(path, &address);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	umask(0177);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0)
		fail("listen on", path);
	return listener;
}

static int connect_to(const char *path) {
	struct sockaddr_un address;
	enter_directory_of(path, &address);
	int console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (console < 0 || connect(console, (struct sockaddr *)&address, sizeof address) < 0)
		fail("connect to the console socket", path);
	return console;
}

/* The process id may be another one's by now: only its start time tells. */
static int open_target_process(pid_t pid, unsigned long long start_time) {
	int pidfd = sys_pidfd_open(pid);
	if (pidfd < 0 || process_start_time(pid) != start_time)
		fail_because("execute in", "the container", "it is not running");
	if (setns(pidfd, CLONE_NEWPID) < 0)
		fail("join", "the process ids of the container");
	return pidfd;
}

static void join_process_ids(const char *path) {
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWPID) < 0)
		fail("join the namespace", path);
	close(namespace);
}

static void tell_state(struct launch *l, const char *event_name, const char *state) {
	struct event event;
	event_begin(&event, event_name);
	event_text(&event, "state", state);
	event_number(&event, "pid", l->pid);
	event_number(&event, "startTime", (long long)process_start_time(l->pid));
	event_end(&event);
	event_send(l->connection, &event);
}

static void tell_number(struct launch *l, const char *event_name, const char *key, long long value) {
	struct event event;
	event_begin(&event, event_name);
	event_number(&event, key, value);
	event_number(&event, "startErrno", 0);
	event_end(&event);
	event_send(l->connection, &event);
}

static int wait_for(struct launch *l) {
	int wait_status = 0;
	while (waitpid(l->pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	return wait_status;
}

static void take_master(struct launch *l) {
	char name[32];
	struct iovec part = {name, sizeof name};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	if (l->terminal < 0 || recvmsg(l->terminal, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&l->master, CMSG_DATA(header), sizeof(int));
}

static _Noreturn void finish(struct launch *l, int wait_status) {
	tell_number(l, "exited", "waitStatus", wait_status);
	_exit(0);
}

/* Its caller's monitor waits for it from here on. Where we stay, that is us. */
static _Noreturn void leave_or_stay(struct launch *l) {
	if (!l->stay)
		_exit(0);
	if (l->master >= 0)
		finish(l, relay_terminal(l->connection, l->master, l->children, l->pid));
	finish(l, wait_for(l));
}

/* Until it is told otherwise by a closed pipe, a failed execve may still come. */
static void start(struct launch *l) {
	struct child_status told;
	if (write(l->go, "g", 1) != 1)
		finish(l, wait_for(l));
	if (read(l->status, &told, sizeof told) == sizeof told) {
		wait_for(l);
		tell_number(l, "start-failed", "errno", told.error_number);
		_exit(1);
	}
	tell_state(l, "started", "running");
}

static _Noreturn void monitor(struct launch *l) {
	struct child_status told;
	if (read(l->status, &told, sizeof told) != sizeof told) {
		wait_for(l); /* it has told why itself */
		_exit(1);
	}
	if (!told.ready) {
		wait_for(l);
		tell_number(l, "start-failed", "errno", told.error_number);
		_exit(1);
	}
	if (l->builder)
		waitpid(l->builder, NULL, 0);
	take_master(l);
	tell_state(l, "created", "created");
	if (!l->listens)
		start(l);
	leave_or_stay(l);
}

static void make_pipe(int ends[2]) {
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("create", "a pipe");
}

static void fork_courier(struct launch *l, int ends[2]) {
	close(ends[0]);
	pid_t pid = fork();
	if (pid < 0)
		fail("create", "the seccomp courier");
	if (pid == 0)
		courier_run(ends[1], l->pidfd);
	close(ends[1]);
}

/* The process is another child of ours, that the first one has made. */
static void await_birth(struct launch *l, int born) {
	pid_t pid;
	l->builder = l->pid;
	if (read(born, &pid, sizeof pid) != sizeof pid) {
		wait_for(l); /* it has told why itself */
		_exit(1);
	}
	close(born);
	close(l->pidfd);
	l->pid = pid;
	l->pidfd = sys_pidfd_open(pid);
}

static void fork_child(struct launch *l, uint64_t flags, struct child_ends ends) {
	int status[2], go[2], courier[2], born[2];
	make_pipe(status);
	make_pipe(go);
	ends.status = status[1];
	ends.go = go[0];
	if (l->builds)
		make_pipe(born);
	ends.born = l->builds ? born[1] : -1;
	if (l->delivers)
		courier_prepare(courier);
	l->children = watch_children();
	l->pid = sys_clone(flags, &l->pidfd);
	if (l->pid < 0)
		fail("create", "the process");
	if (l->pid == 0) {
		if (l->delivers)
			close(courier[1]);
		run_child(&ends);
	}
	if (l->builds) {
		close(born[1]);
		await_birth(l, born[0]);
	}
	if (l->delivers)
		fork_courier(l, courier);
	close(status[1]);
	close(go[0]);
	if (ends.listener >= 0)
		close(ends.listener);
	if (ends.terminal >= 0)
		close(ends.terminal);
	l->status = status[0];
	l->go = go[1];
}

void run_launch(int connection) {
	struct record record;
	struct launch launch = {.connection = connection, .terminal = -1, .master = -1}, *l = &launch;
	prctl(PR_SET_NAME, "shoal-shim"); /* not the number of a descriptor */
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	fcntl(connection, F_SETFD, FD_CLOEXEC);
	report_failures_to(connection);
	if (!read_record(connection, &record))
		_exit(1);
	if (record.kind != OP_LAUNCH || take_u32(&record) != PROTOCOL_VERSION)
		fail_because("read the launch program", "first record", "it is none of this shim's version");
	uint64_t flags = take_u64(&record);
	pid_t target_pid = (pid_t)take_u32(&record);
	unsigned long long target_start = take_u64(&record);
	struct child_ends ends = {
		.connection = connection, .output = STDOUT_FILENO, .error = STDERR_FILENO, .terminal = -1, .target = -1, .listener = -1,
	};
	ends.preserved = take_u32(&record);
	uint32_t options = take_u32(&record);
	l->stay = options & LAUNCH_STAY;
	l->builds = options & LAUNCH_USER_PROCESS;
	l->delivers = options & LAUNCH_SECCOMP_LISTENER;
	const char *start_socket = take_string(&record);
	const char *console_socket = take_string(&record);
	const char *pid_namespace = take_string(&record);
	if (*pid_namespace)
		join_process_ids(pid_namespace);
	if (target_pid)
		ends.target = open_target_process(target_pid, target_start);
	if (*start_socket) {
		l->listens = true;
		ends.listener = listen_at(start_socket);
	}
	int terminal[2] = {-1, -1};
	if (*console_socket)
		terminal[1] = connect_to(console_socket);
	else if (l->stay && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, terminal) < 0)
		fail("create", "a socket pair");
	ends.terminal = terminal[1];
	l->terminal = terminal[0];
	if (chdir("/") < 0)
		fail("change to the directory", "/");
	fork_child(l, flags, ends);
	tell_state(l, "state", "creating");
	monitor(l);
}
