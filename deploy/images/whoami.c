/*
 * whoami: a tiny web server that says who answered. For demonstrations and tests of a cluster.
 *
 *   /                 plain text: task, hostname, node, version, peer's address, request line
 *   /json             the same as JSON
 *   /health           200 "ok"
 *   /exit?code=N      ends with that status
 *   /alloc?mb=N       takes and touches N MiB, and keeps them
 *   /burn?seconds=N   keeps one CPU busy that long, in a child
 *   /sleep?seconds=N  answers after that time
 *
 * Environment: PORT (80), SHOAL_TASK_NAME, SHOAL_NODE_NAME, WHOAMI_VERSION. One process, epoll, HTTP/1.1 with keep-alive.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES 8192
#define OUTPUT_BYTES 4096
#define MAX_EVENTS 256

struct connection {
	int fd;
	int closing;             /* after the output is written */
	long skip;               /* bytes of a request body still to be ignored */
	long long wake_ms;       /* the answer waits until then; 0: it does not */
	size_t input_length, output_length, output_done;
	struct connection *previous, *next; /* list of those that sleep */
	char peer[64];
	char input[INPUT_BYTES];
	char output[OUTPUT_BYTES];
};

static int poller, listener, listener_is_off;
static struct connection *sleepers;
static char host_name[256];
static const char *task_name, *node_name, *version;

static void fail(const char *what)
{
	dprintf(2, "whoami: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_terminate(int signal)
{
	(void)signal;
	_exit(0);
}

static long long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

struct text {
	char *start;
	size_t size, length;
};

static void append(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(text->start + text->length, text->size - text->length, format, arguments);
	va_end(arguments);
	text->length += wanted < 0 ? 0 : (size_t)wanted;
	if (text->length >= text->size)
		text->length = text->size - 1;
}

static void append_json(struct text *text, const char *key, const char *value, const char *end)
{
	append(text, "\"%s\":\"", key);
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if (*c == '"' || *c == '\\')
			append(text, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			append(text, "\\u%04x", *c);
		else
			append(text, "%c", *c);
	}
	append(text, "\"%s", end);
}

/* --- connections -------------------------------------------------------------------------------------------------- */

static void watch(struct connection *connection, int operation, unsigned events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };
	epoll_ctl(poller, operation, connection->fd, &event);
}

static void watch_listener(int on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0, .data.ptr = NULL };
	epoll_ctl(poller, EPOLL_CTL_MOD, listener, &event);
	listener_is_off = !on;
}

static void stop_sleeping(struct connection *connection)
{
	if (!connection->wake_ms)
		return;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		sleepers = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	connection->previous = connection->next = NULL;
	connection->wake_ms = 0;
}

static void end(struct connection *connection)
{
	stop_sleeping(connection);
	watch(connection, EPOLL_CTL_DEL, 0); /* close does not do it while a burning child has not closed its copy yet */
	close(connection->fd);
	free(connection);
	if (listener_is_off)
		watch_listener(1); /* there is a free file descriptor again */
}

static void name_peer(struct connection *connection, const struct sockaddr_in6 *address)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	if (address->sin6_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
		snprintf(connection->peer, sizeof connection->peer, "%s:%d", ip, ntohs(v4->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
		inet_ntop(AF_INET, address->sin6_addr.s6_addr + 12, ip, sizeof ip);
		snprintf(connection->peer, sizeof connection->peer, "%s:%d", ip, ntohs(address->sin6_port));
	} else {
		inet_ntop(AF_INET6, &address->sin6_addr, ip, sizeof ip);
		snprintf(connection->peer, sizeof connection->peer, "[%s]:%d", ip, ntohs(address->sin6_port));
	}
}

static void accept_all(void)
{
	for (;;) {
		struct sockaddr_in6 address;
		socklen_t size = sizeof address;
		int fd = accept4(listener, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
				watch_listener(0);
			if (errno == ECONNABORTED || errno == EINTR)
				continue;
			return;
		}
		struct connection *connection = malloc(sizeof *connection);
		if (!connection) {
			close(fd);
			return;
		}
		memset(connection, 0, offsetof(struct connection, input)); /* the buffers stay untouched, so they cost nothing yet */
		connection->fd = fd;
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		name_peer(connection, &address);
		watch(connection, EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

struct request {
	char line[1024]; /* "GET /path HTTP/1.1" */
	char path[512];
	long number; /* the value of the one query parameter */
	int is_head, keep_alive;
	long content_length;
};

static const char *header_value(const char *head, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static int parse(const char *head, struct request *request)
{
	char method[16], target[512], protocol[16];
	memset(request, 0, sizeof *request);
	if (sscanf(head, "%15[A-Z] %511[^ \r\n] %15[^ \r\n]", method, target, protocol) != 3 || strncmp(protocol, "HTTP/1.", 7) != 0)
		return -1;
	snprintf(request->line, sizeof request->line, "%s %s %s", method, target, protocol);
	request->is_head = strcmp(method, "HEAD") == 0;
	request->keep_alive = strcmp(protocol, "HTTP/1.0") != 0;
	const char *connection = header_value(head, "Connection");
	if (connection && strncasecmp(connection, "close", 5) == 0)
		request->keep_alive = 0;
	if (connection && strncasecmp(connection, "keep-alive", 10) == 0)
		request->keep_alive = 1;
	const char *content_length = header_value(head, "Content-Length");
	request->content_length = content_length ? atol(content_length) : 0;
	if (request->content_length < 0)
		return -1;
	char *query = strchr(target, '?');
	if (query) {
		*query++ = 0;
		char *equals = strchr(query, '=');
		request->number = equals ? atol(equals + 1) : 0;
	}
	snprintf(request->path, sizeof request->path, "%s", target);
	return 0;
}

static void answer(struct connection *connection, const char *status, const char *type, const char *body, size_t length, const struct request *request)
{
	struct text output = { connection->output, OUTPUT_BYTES, 0 };
	append(&output, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, type, length,
	       request->keep_alive ? "" : "Connection: close\r\n");
	if (!request->is_head)
		append(&output, "%.*s", (int)length, body);
	connection->output_length = output.length;
	connection->output_done = 0;
	connection->closing = !request->keep_alive;
	dprintf(1, "%s \"%s\" %.3s\n", connection->peer, request->line, status);
}

static void allocate(long megabytes)
{
	for (long i = 0; i < megabytes; i++) {
		char *block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			return;
		memset(block, 0x5a, 1 << 20);
	}
}

static void burn(long seconds)
{
	if (fork() != 0)
		return;
	signal(SIGTERM, SIG_DFL);
	for (int fd = 3; fd < 1024; fd++)
		close(fd); /* else clients would not see the end of their connections */
	long long until = now_ms() + seconds * 1000;
	while (now_ms() < until)
		;
	_exit(0);
}

static void serve(struct connection *connection, const struct request *request)
{
	char body_bytes[3072];
	struct text body = { body_bytes, sizeof body_bytes, 0 };
	const char *status = "200 OK", *type = "text/plain; charset=utf-8";
	if (strcmp(request->path, "/") == 0) {
		append(&body, "Task: %s\nHostname: %s\nNode: %s\nVersion: %s\nRemoteAddr: %s\nRequest: %s\n", task_name, host_name, node_name,
		       version, connection->peer, request->line);
	} else if (strcmp(request->path, "/json") == 0) {
		type = "application/json";
		append(&body, "{");
		append_json(&body, "task", task_name, ",");
		append_json(&body, "hostname", host_name, ",");
		append_json(&body, "node", node_name, ",");
		append_json(&body, "version", version, ",");
		append_json(&body, "remoteAddr", connection->peer, ",");
		append_json(&body, "request", request->line, "}\n");
	} else if (strcmp(request->path, "/health") == 0) {
		append(&body, "ok\n");
	} else if (strcmp(request->path, "/exit") == 0) {
		dprintf(1, "%s \"%s\" exit %ld\n", connection->peer, request->line, request->number);
		_exit((int)request->number);
	} else if (strcmp(request->path, "/alloc") == 0) {
		allocate(request->number);
		append(&body, "%ld MiB taken\n", request->number);
	} else if (strcmp(request->path, "/burn") == 0) {
		burn(request->number);
		append(&body, "burning for %ld s\n", request->number);
	} else if (strcmp(request->path, "/sleep") == 0) {
		append(&body, "slept for %ld s\n", request->number);
		connection->wake_ms = now_ms() + request->number * 1000;
		connection->next = sleepers;
		if (sleepers)
			sleepers->previous = connection;
		sleepers = connection;
	} else {
		status = "404 Not Found";
		append(&body, "there is no %s here\n", request->path);
	}
	answer(connection, status, type, body.start, body.length, request);
}

/* Takes one request from the input, if it is complete. 1: there is an answer to write; 0: more input is needed; -1: give up. */
static int take_request(struct connection *connection)
{
	if (connection->skip) {
		size_t ignored = connection->input_length < (size_t)connection->skip ? connection->input_length : (size_t)connection->skip;
		connection->skip -= (long)ignored;
		connection->input_length -= ignored;
		memmove(connection->input, connection->input + ignored, connection->input_length);
	}
	connection->input[connection->input_length] = 0;
	char *head_end = strstr(connection->input, "\r\n\r\n");
	if (!head_end)
		return connection->input_length == INPUT_BYTES - 1 ? -1 : 0;
	head_end[2] = 0;
	struct request request;
	if (parse(connection->input, &request) < 0)
		return -1;
	size_t taken = (size_t)(head_end + 4 - connection->input);
	connection->input_length -= taken;
	memmove(connection->input, connection->input + taken, connection->input_length);
	connection->skip = request.content_length;
	serve(connection, &request);
	return 1;
}

/* 1: all written; 0: the socket is full; -1: the connection is dead. */
static int write_output(struct connection *connection)
{
	while (connection->output_done < connection->output_length) {
		ssize_t written = send(connection->fd, connection->output + connection->output_done,
				       connection->output_length - connection->output_done, MSG_NOSIGNAL);
		if (written < 0)
			return errno == EAGAIN ? 0 : -1;
		connection->output_done += (size_t)written;
	}
	connection->output_length = connection->output_done = 0;
	return connection->closing ? -1 : 1;
}

/* Answers everything that is complete. Pipelined requests are answered one after the other. */
static void advance(struct connection *connection)
{
	for (;;) {
		if (connection->wake_ms) {
			watch(connection, EPOLL_CTL_MOD, 0); /* only the end of the connection is of interest */
			return;
		}
		int written = write_output(connection);
		if (written < 0)
			return end(connection);
		if (written == 0)
			return watch(connection, EPOLL_CTL_MOD, EPOLLOUT);
		int taken = take_request(connection);
		if (taken < 0)
			return end(connection);
		if (taken == 0)
			return watch(connection, EPOLL_CTL_MOD, EPOLLIN);
	}
}

static void read_input(struct connection *connection)
{
	ssize_t count = recv(connection->fd, connection->input + connection->input_length, INPUT_BYTES - 1 - connection->input_length, 0);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0)
		return end(connection);
	connection->input_length += (size_t)count;
	advance(connection);
}

static void wake_sleepers(void)
{
	long long now = now_ms();
	for (struct connection *connection = sleepers, *next; connection; connection = next) {
		next = connection->next;
		if (connection->wake_ms > now)
			continue;
		stop_sleeping(connection);
		advance(connection);
	}
}

static int next_wake_ms(void)
{
	long long soonest = -1, now = now_ms();
	for (struct connection *connection = sleepers; connection; connection = connection->next) {
		long long left = connection->wake_ms > now ? connection->wake_ms - now : 0;
		if (soonest < 0 || left < soonest)
			soonest = left;
	}
	return soonest > 60000 ? 60000 : (int)soonest;
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static void listen_on(int port)
{
	int on = 1, off = 0;
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port), .sin6_addr = IN6ADDR_ANY_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener >= 0) {
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
		if (bind(listener, (struct sockaddr *)&v6, sizeof v6) == 0 && listen(listener, 4096) == 0)
			return;
		if (errno == EADDRINUSE || errno == EACCES)
			fail("cannot listen");
		close(listener);
	}
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		fail("cannot open a socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&v4, sizeof v4) < 0 || listen(listener, 4096) < 0)
		fail("cannot listen");
}

int main(void)
{
	signal(SIGTERM, on_terminate);
	signal(SIGINT, on_terminate);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN); /* burning children are reaped by the kernel */
	gethostname(host_name, sizeof host_name - 1);
	task_name = environment("SHOAL_TASK_NAME", host_name);
	node_name = environment("SHOAL_NODE_NAME", "unknown");
	version = environment("WHOAMI_VERSION", "0");
	int port = atoi(environment("PORT", "80"));

	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		fail("cannot open epoll");
	listen_on(port);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
	dprintf(1, "whoami version %s listens on port %d as %s\n", version, port, host_name);

	struct epoll_event events[MAX_EVENTS];
	for (;;) {
		int count = epoll_wait(poller, events, MAX_EVENTS, next_wake_ms());
		for (int i = 0; i < count; i++) {
			struct connection *connection = events[i].data.ptr;
			if (!connection)
				accept_all();
			else if (events[i].events & (EPOLLERR | EPOLLHUP))
				end(connection);
			else if (events[i].events & EPOLLOUT)
				advance(connection);
			else
				read_input(connection);
		}
		wake_sleepers();
	}
}
