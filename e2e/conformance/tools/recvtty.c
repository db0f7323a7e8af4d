/*
 * Receives the terminals of containers at a socket and reads them to their end: the helper that runc's bats suite expects, which
 * itself is written in Go. As quick to start as that one, since the suite does not wait for it.
 *
 *   recvtty [--pid-file FILE] [--mode null|single] SOCKET
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int connection) {
	char name[4096];
	struct iovec part = {name, sizeof name};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	int terminal = -1;
	if (recvmsg(connection, &message, 0) <= 0)
		return -1;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&terminal, CMSG_DATA(header), sizeof terminal);
	return terminal;
}

static void drain(int terminal, int shown) {
	char bytes[4096];
	for (ssize_t length; (length = read(terminal, bytes, sizeof bytes)) > 0;)
		if (shown && write(STDOUT_FILENO, bytes, (size_t)length) < 0)
			return;
}

int main(int count, char **arguments) {
	const char *pid_file = NULL, *path = NULL;
	int single = 1;
	for (int i = 1; i < count; i++) {
		if (strcmp(arguments[i], "--pid-file") == 0 && i + 1 < count)
			pid_file = arguments[++i];
		else if (strcmp(arguments[i], "--mode") == 0 && i + 1 < count)
			single = strcmp(arguments[++i], "single") == 0;
		else
			path = arguments[i];
	}
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path || strlen(path) >= sizeof address.sun_path)
		return fprintf(stderr, "usage: recvtty [--pid-file FILE] [--mode null|single] SOCKET\n"), 2;
	strcpy(address.sun_path, path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0)
		return perror(path), 1;
	if (pid_file) {
		FILE *file = fopen(pid_file, "w");
		if (!file || fprintf(file, "%d", getpid()) < 0 || fclose(file) != 0)
			return perror(pid_file), 1;
	}
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		int terminal = connection < 0 ? -1 : receive(connection);
		close(connection);
		if (terminal < 0)
			continue;
		if (single)
			return drain(terminal, 1), 0;
		if (fork() == 0)
			return close(listener), drain(terminal, 0), 0;
		close(terminal);
	}
}
