#define _GNU_SOURCE
/*
 * Stands between a container and who supervises its caller (sd_notify): a socket of our own, below a directory that is mounted in
 * the container, hears that the container is ready and tells the supervisor's. Ends with that word, or with the container.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

static const char name[] = "notify";
static const char ready[] = "READY=1";

static int listen_in(const char *directory) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, name);
	/* Whoever the container's user is, by whatever map of ids. */
	if (listener < 0 || chdir(directory) < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || chmod(name, 0777) < 0)
		return -1;
	return listener;
}

static void tell(const char *supervisor, const char *text) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, supervisor, sizeof address.sun_path - 1);
	sendto(out, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof address);
	close(out);
}

/* One assignment a line. */
static bool says_ready(char *text) {
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (strcmp(line, ready) == 0)
			return true;
	return false;
}

/* @arg main_pid who is to be supervised from now on; empty: who is already */
int run_notify(const char *directory, const char *supervisor, const char *pid, const char *main_pid) {
	char text[4096];
	int pidfd = sys_pidfd_open(atoi(pid));
	int listener = listen_in(directory);
	if (listener < 0 || pidfd < 0) {
		perror("cannot listen for the container's notification");
		return 1;
	}
	write(STDOUT_FILENO, "listens\n", 8);
	struct pollfd watched[] = {{.fd = listener, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	while (poll(watched, 2, -1) >= 0) {
		ssize_t length = recv(listener, text, sizeof text - 1, MSG_DONTWAIT);
		text[length > 0 ? length : 0] = 0;
		if (says_ready(text)) {
			tell(supervisor, ready);
			if (*main_pid) {
				snprintf(text, sizeof text, "MAINPID=%s", main_pid);
				tell(supervisor, text);
			}
			return 0;
		}
		if (length < 0 && watched[1].revents)
			return 0; /* it has ended without a word */
	}
	return 1;
}
