#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

static _Noreturn void give_up(const char *step) {
	fprintf(stderr, "shoal-shim: %s: %s\n", step, strerror(errno));
	_exit(1);
}

static int listen_on(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		give_up(path);
	}
	strcpy(address.sun_path, path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		give_up("socket");
	unlink(path);
	umask(0177);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0)
		give_up(path);
	return listener;
}

static void detach_standard_streams(void) {
	int null = open("/dev/null", O_RDWR);
	for (int stream = 0; stream < 3; stream++)
		dup2(null, stream);
	if (null > 2)
		close(null);
}

/* A process of its own, in a session of its own: neither the agent's end nor the zygote's touches it. */
static _Noreturn void serve(int connection) {
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	setsid();
	detach_standard_streams();
	report_failures_to(connection);
	struct record record;
	if (!read_record(connection, &record))
		_exit(1);
	uint32_t version = take_u32(&record);
	if (version != PROTOCOL_VERSION)
		fail_because("read the launch program", "version", "it is not the one of this shim");
	switch (record.kind) {
	case OP_CONTAINER:
		run_container(connection, &record);
	case OP_EXEC:
		run_exec(connection, &record);
	case OP_FILES:
		run_files(connection, &record);
	default:
		fail_because("read the launch program", "first record", "it is nothing that a process can be");
	}
}

/*
 * Runs on from a sealed copy of itself in memory. A container that gets hold of the file behind /proc/<pid>/exe finds one
 * that nobody can write (CVE-2019-5736), and the file on disk can be replaced at any time.
 */
void continue_from_sealed_copy(char **arguments) {
	if (getenv("SHOAL_SHIM_SEALED"))
		return;
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int copy = memfd_create("shoal-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct stat status;
	if (self < 0 || copy < 0 || fstat(self, &status) < 0)
		give_up("copy the program into memory");
	for (off_t at = 0; at < status.st_size;)
		if (sendfile(copy, self, &at, (size_t)(status.st_size - at)) <= 0)
			give_up("copy the program into memory");
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		give_up("seal the program");
	char *environment[] = {"SHOAL_SHIM_SEALED=1", NULL};
	syscall(SYS_execveat, copy, "", arguments, environment, AT_EMPTY_PATH);
	give_up("execute the sealed copy");
}

/* Standard input is the lifeline: it ends with the agent, and so does the zygote. Its shims stay. */
void run_zygote(const char *socket_path) {
	prctl(PR_SET_NAME, "shoal-shim"); /* not the number of a descriptor */
	/* Until its execve no process of ours can be looked into from inside a container (CVE-2016-9962). */
	prctl(PR_SET_DUMPABLE, 0);
	int listener = listen_on(socket_path);
	signal(SIGCHLD, SIG_IGN); /* nobody waits for the shims */
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		give_up("write to standard output");
	struct pollfd watched[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	for (;;) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			give_up("poll");
		if (watched[0].revents)
			_exit(0);
		if (!watched[1].revents)
			continue;
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (connection < 0)
			continue;
		pid_t pid = fork();
		if (pid == 0) {
			close(listener);
			serve(connection);
		}
		close(connection);
	}
}
