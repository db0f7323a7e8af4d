#define _GNU_SOURCE
/*
 * Messages to a server, over a unix or network socket, in order. A server that reads slowly makes the container wait, or,
 * when there is a buffer, loses what does not fit; one that is away never makes it wait: it is tried again every second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "shim.h"

enum { CONNECT_MS = 5000, RETRY_MS = 1000, FINISH_MS = 2000, DEFAULT_BUFFER_BYTES = 1 << 16 };

struct message {
	struct message *next;
	size_t length;
	unsigned char bytes[];
};

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address address;
static socklen_t address_length;
static int type; /* SOCK_STREAM or SOCK_DGRAM */
static bool is_local;
static int server = -1;
static uint32_t buffer_bytes; /* 0: the container waits */
static struct message *first, **last = &first;
static size_t queued_bytes;
static size_t sent_bytes; /* of the first message */
static long long retry_at_ms;

static void use_path(const char *path) {
	is_local = true;
	address.local.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof address.local.sun_path) {
		errno = ENAMETOOLONG;
		fail("connect to the log server", path);
	}
	strcpy(address.local.sun_path, path);
	address_length = sizeof address.local;
}

/* ADDRESS:PORT; an address of version 6 has colons of its own, so the last one counts. */
static void use_port(const char *text) {
	char host[64] = "";
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	uint16_t port = colon ? htons((uint16_t)atoi(colon + 1)) : 0;
	if (length < sizeof host)
		memcpy(host, text, length);
	if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = port;
		address_length = sizeof address.v4;
	} else if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = port;
		address_length = sizeof address.v6;
	} else {
		fail_because("connect to the log server", text, "that is no address");
	}
}

static void parse_target(const char *target) {
	static const struct { const char *prefix; int type; void (*use)(const char *); } kinds[] = {
		{"unixgram:", SOCK_DGRAM, use_path}, {"unix:", SOCK_STREAM, use_path}, {"udp:", SOCK_DGRAM, use_port}, {"tcp:", SOCK_STREAM, use_port},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
			type = kinds[i].type;
			return kinds[i].use(target + strlen(kinds[i].prefix));
		}
	fail_because("connect to the log server", target, "that is no address");
}

static bool open_server(void) {
	server = socket(address.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	sent_bytes = 0;
	if (server >= 0 && (connect(server, &address.any, address_length) == 0 || errno == EINPROGRESS))
		return true;
	int why = errno;
	close(server);
	server = -1;
	errno = why;
	retry_at_ms = monotonic_ms() + RETRY_MS;
	return false;
}

static bool connected_in_time(void) {
	struct pollfd watched = {.fd = server, .events = POLLOUT};
	socklen_t length = sizeof errno;
	int why = 0;
	if (poll(&watched, 1, CONNECT_MS) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	getsockopt(server, SOL_SOCKET, SO_ERROR, &why, &length);
	errno = why;
	return why == 0;
}

void log_socket_open(const struct log_settings *settings) {
	buffer_bytes = settings->buffer_bytes;
	parse_target(settings->target);
	if (!open_server() || (type == SOCK_STREAM && !connected_in_time()))
		fail("connect to the log server", settings->target);
}

static void forget_first(void) {
	struct message *message = first;
	first = message->next;
	if (!first)
		last = &first;
	queued_bytes -= message->length;
	sent_bytes = 0;
	free(message);
}

/* What is under way to a server that went is sent again, whole. */
static void lose_server(void) {
	close(server);
	server = -1;
	sent_bytes = 0;
	retry_at_ms = monotonic_ms() + RETRY_MS;
}

/* Nobody listens at a port: datagrams have no connection to lose, only themselves. */
static bool is_lost_datagram(int why) {
	return type == SOCK_DGRAM && (!is_local || why == EMSGSIZE);
}

static void send_queued(void) {
	while (first && server >= 0) {
		ssize_t sent = send(server, first->bytes + sent_bytes, first->length - sent_bytes, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return;
		if (sent < 0 && is_lost_datagram(errno)) {
			log_count_lost(1);
			forget_first();
		} else if (sent < 0) {
			lose_server();
		} else {
			sent_bytes += (size_t)sent;
			if (sent_bytes >= first->length)
				forget_first();
		}
	}
}

void log_wake(void) {
	if (first && server < 0 && monotonic_ms() >= retry_at_ms)
		open_server();
	if (first && server >= 0)
		send_queued();
}

static bool has_room_for(size_t length) {
	size_t limit = buffer_bytes ? buffer_bytes : DEFAULT_BUFFER_BYTES;
	bool waits = buffer_bytes == 0 && server >= 0; /* what is read in one go always has room: nothing more is read until it is sent */
	return waits || queued_bytes + length <= limit;
}

void log_socket_send(const struct iovec *parts, size_t count) {
	size_t length = 0;
	for (size_t i = 0; i < count; i++)
		length += parts[i].iov_len;
	struct message *message = has_room_for(length) ? malloc(sizeof *message + length) : NULL;
	if (!message)
		return log_count_lost(1);
	*message = (struct message){.length = 0};
	for (size_t i = 0; i < count; i++) {
		memcpy(message->bytes + message->length, parts[i].iov_base, parts[i].iov_len);
		message->length += parts[i].iov_len;
	}
	*last = message;
	last = &message->next;
	queued_bytes += length;
}

bool log_socket_flush(void) {
	log_wake();
	return true;
}

bool log_socket_has_room(void) {
	return !first && server >= 0;
}

bool log_is_full(void) {
	return buffer_bytes == 0 && first && server >= 0;
}

int log_descriptor(void) {
	return first ? server : -1;
}

int log_patience_ms(void) {
	if (!first || server >= 0)
		return -1;
	long long left = retry_at_ms - monotonic_ms();
	return left > 0 ? (int)left : 0;
}

void log_socket_settle(void) {
	long long until = monotonic_ms() + FINISH_MS;
	for (;;) {
		log_wake();
		long long left = until - monotonic_ms();
		if (!first || left <= 0)
			break;
		struct pollfd watched = {.fd = server, .events = POLLOUT};
		int patience = log_patience_ms();
		poll(&watched, 1, patience >= 0 && patience < left ? patience : (int)left);
	}
	for (; first; forget_first())
		log_count_lost(1);
}
