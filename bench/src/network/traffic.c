/*
 * Traffic for the bench of the network.
 *
 *   traffic serve PORT                 answers 'c' with a byte and closes; swallows what follows 'b'
 *   traffic connect ADDRESS PORT N     makes N short connections one after the other; prints microseconds for each, the median
 *   traffic send ADDRESS PORT MS       sends for so long; prints Gbit/s
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[128 * 1024];

static void fail(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/* Ends a connection without the wait for late segments, so that ports do not run out. */
static void reset(int fd)
{
	struct linger linger = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

static void serve(int port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any };
	int yes = 1, listener = socket(AF_INET6, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024))
		fail("listen");
	puts("listening");
	fflush(stdout);
	for (;;) {
		char command;
		int fd = accept(listener, NULL, NULL);
		if (fd < 0 || read(fd, &command, 1) != 1) {
			close(fd);
			continue;
		}
		if (command == 'c') {
			if (write(fd, "c", 1) == 1)
				while (read(fd, buffer, sizeof buffer) > 0)
					;
			close(fd);
		} else if (fork() == 0) {
			while (read(fd, buffer, sizeof buffer) > 0)
				;
			exit(0);
		} else {
			close(fd);
		}
	}
}

static int open_to(const char *host, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, host, &address.sin_addr);
	if (connect(fd, (struct sockaddr *)&address, sizeof address))
		fail("connect");
	return fd;
}

static int ascending(const void *one, const void *other)
{
	double difference = *(const double *)one - *(const double *)other;
	return (difference > 0) - (difference < 0);
}

static void connect_often(const char *host, int port, int count)
{
	double *took = calloc(count, sizeof *took);

	for (int i = 0; i < count; i++) {
		double start = now_us();
		int fd = open_to(host, port);
		if (write(fd, "c", 1) != 1 || read(fd, buffer, 1) != 1)
			fail("answer");
		reset(fd);
		took[i] = now_us() - start;
	}
	qsort(took, count, sizeof *took, ascending);
	printf("%.2f\n", took[count / 2]);
}

static void send_for(const char *host, int port, double ms)
{
	int fd = open_to(host, port);
	double bytes = 0, start = now_us();

	if (write(fd, "b", 1) != 1)
		fail("write");
	while (now_us() - start < ms * 1000) {
		ssize_t sent = write(fd, buffer, sizeof buffer);
		if (sent < 0)
			fail("write");
		bytes += sent;
	}
	printf("%.3f\n", bytes * 8 / 1000 / (now_us() - start));
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	else if (argc == 5 && !strcmp(argv[1], "connect"))
		connect_often(argv[2], atoi(argv[3]), atoi(argv[4]));
	else if (argc == 5 && !strcmp(argv[1], "send"))
		send_for(argv[2], atoi(argv[3]), atof(argv[4]));
	else
		return 2;
	return 0;
}
