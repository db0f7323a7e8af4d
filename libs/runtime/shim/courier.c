#define _GNU_SOURCE
/*
 * Hands the listener of a seccomp filter to the program that decides about system calls (SCMP_ACT_NOTIFY). Whoever has loaded the
 * filter may be stopped by it at any call: so it only says in shared memory which descriptor it is, and this process, which has
 * no filter and stands outside of the container, takes it from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

enum { NOTHING = -1, TAKEN = -2, LOOK_MS = 1, TAKE_MS = 10000 };

/* Between the process and its courier: a descriptor of the process, or one of the words above. */
static volatile int *announced;
static int courier = -1;

void courier_prepare(int ends[2]) {
	announced = mmap(NULL, sizeof *announced, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (announced == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail("create", "the seccomp courier");
	*announced = NOTHING;
	courier = ends[0];
}

static int connect_to(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	return agent >= 0 && connect(agent, (struct sockaddr *)&address, sizeof address) == 0 ? agent : -1;
}

/* False: the process has ended. */
static bool await_announcement(int pidfd) {
	struct pollfd watched = {.fd = pidfd, .events = POLLIN};
	while (*announced == NOTHING)
		if (poll(&watched, 1, LOOK_MS) > 0)
			return false;
	return true;
}

/* The descriptor goes with the first byte of the state. */
static void deliver(int agent, int listener, const char *state) {
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {(void *)state, strlen(state)};
	memset(&control, 0, sizeof control);
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(header), &listener, sizeof(int));
	ssize_t sent = sendmsg(agent, &message, MSG_NOSIGNAL);
	while (sent > 0 && part.iov_len > (size_t)sent) {
		part.iov_base = (char *)part.iov_base + sent;
		part.iov_len -= (size_t)sent;
		sent = send(agent, part.iov_base, part.iov_len, MSG_NOSIGNAL);
	}
}

_Noreturn void courier_run(int process, int pidfd) {
	struct record record;
	char word;
	/* Neither the container's streams nor anything else of it hangs on us. */
	dup2(process, STDIN_FILENO);
	dup2(pidfd, STDOUT_FILENO);
	syscall(SYS_close_range, 2U, ~0U, 0);
	report_failures_to(-1);
	if (!read_record(STDIN_FILENO, &record))
		_exit(0); /* the process has ended */
	int agent = connect_to(take_string(&record));
	const char *state = take_string(&record);
	int32_t answer = agent < 0 ? errno : 0;
	if (write(STDIN_FILENO, &answer, sizeof answer) != sizeof answer || agent < 0)
		_exit(1);
	if (read(STDIN_FILENO, &word, 1) != 1 || !await_announcement(STDOUT_FILENO))
		_exit(0);
	int listener = (int)syscall(SYS_pidfd_getfd, STDOUT_FILENO, *announced, 0);
	*announced = TAKEN;
	if (listener >= 0)
		deliver(agent, listener, state);
	_exit(listener < 0);
}

void op_seccomp_listener(struct record *record) {
	int32_t answer;
	if (courier < 0 || !send_record(courier, record->kind, record->payload, record->length) || read(courier, &answer, sizeof answer) != sizeof answer)
		fail_because("load", "the seccomp filter", "its courier has ended");
	if (answer == 0)
		return;
	char reason[512];
	snprintf(reason, sizeof reason, "failed to connect with seccomp agent %.300s: %s", take_string(record), strerror(answer));
	fail_because("load", "the seccomp filter", reason);
}

void courier_alert(void) {
	if (courier >= 0)
		write(courier, "n", 1);
}

/* From here to its end no system call may be made: nobody is there yet to answer it. (The clock is read without one.) */
bool courier_announce(int listener) {
	if (courier < 0)
		return true;
	*announced = listener;
	long long until_ms = monotonic_ms() + TAKE_MS;
	while (*announced != TAKEN)
		if (monotonic_ms() > until_ms)
			return false;
	return true;
}
