#define _GNU_SOURCE
/*
 * One connection to an agent, between two turns of a loop that waits for everybody: what has arrived of a record, and
 * what the other side has not taken yet. Nothing here ever waits. Memory is held only while something is under way.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

enum { HEADER_BYTES = 8, MAX_COMMAND_BYTES = 16384, MAX_BACKLOG_BYTES = 1 << 20 };

void connection_open(struct connection *connection, int socket) {
	*connection = (struct connection){.socket = socket};
}

void connection_close(struct connection *connection) {
	if (connection->socket >= 0)
		close(connection->socket);
	free(connection->payload);
	free(connection->backlog);
	*connection = (struct connection){.socket = -1};
}

/* Whoever is still sending would find nobody there, and miss what was said to it last: it is told that this is all, and heard to its end. */
void connection_hear_out(struct connection *connection, long long until_ms) {
	char ignored[4096];
	if (connection->socket < 0 || shutdown(connection->socket, SHUT_WR) < 0)
		return;
	for (;;) {
		long long left = until_ms - monotonic_ms();
		struct pollfd watched = {.fd = connection->socket, .events = POLLIN};
		if (left <= 0 || poll(&watched, 1, (int)left) <= 0 || recv(connection->socket, ignored, sizeof ignored, MSG_DONTWAIT) == 0)
			return;
	}
}

static size_t wanted_bytes(const struct connection *connection) {
	return HEADER_BYTES + (connection->received < HEADER_BYTES ? 0 : connection->header[1]);
}

/* The header is here: room for the rest. */
static bool make_room(struct connection *connection) {
	if (connection->header[1] > MAX_COMMAND_BYTES)
		return false;
	/* One byte more: a missing NUL can never run past the end. */
	connection->payload = calloc(1, connection->header[1] + 1);
	return connection->payload != NULL;
}

enum received connection_receive(struct connection *connection, struct record *record) {
	for (;;) {
		size_t wanted = wanted_bytes(connection);
		if (connection->received >= HEADER_BYTES && connection->received == wanted) {
			*record = (struct record){.kind = connection->header[0], .length = connection->header[1], .payload = connection->payload};
			return RECEIVED_RECORD;
		}
		bool in_header = connection->received < HEADER_BYTES;
		unsigned char *at = in_header ? (unsigned char *)connection->header + connection->received
					      : connection->payload + (connection->received - HEADER_BYTES);
		ssize_t got = recv(connection->socket, at, wanted - connection->received, MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return RECEIVED_NOTHING;
		if (got <= 0)
			return RECEIVED_END;
		connection->received += (uint32_t)got;
		if (in_header && connection->received == HEADER_BYTES && !make_room(connection))
			return RECEIVED_END; /* no command is that long */
	}
}

void connection_release(struct connection *connection) {
	free(connection->payload);
	connection->payload = NULL;
	connection->received = 0;
}

static bool keep(struct connection *connection, const void *bytes, size_t length) {
	size_t left = connection->backlog_length - connection->backlog_at;
	if (left + length > MAX_BACKLOG_BYTES)
		return false;
	memmove(connection->backlog, connection->backlog + connection->backlog_at, left);
	unsigned char *larger = realloc(connection->backlog, left + length);
	if (!larger)
		return false;
	memcpy(larger + left, bytes, length);
	connection->backlog = larger;
	connection->backlog_at = 0;
	connection->backlog_length = left + length;
	return true;
}

bool connection_is_behind(const struct connection *connection) {
	return connection->backlog != NULL;
}

/* In its place: before what could be sent again. */
static bool tell_lost(struct connection *connection) {
	uint64_t lost = connection->lost_bytes;
	connection->lost_bytes = 0;
	return lost == 0 || connection_send(connection, REPLY_LOST, &lost, sizeof lost);
}

bool connection_send(struct connection *connection, uint32_t kind, const void *payload, size_t length) {
	if (connection->lost_bytes > 0 && !tell_lost(connection))
		return false;
	uint32_t header[2] = {kind, (uint32_t)length};
	struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	size_t sent = 0;
	if (!connection->backlog) {
		ssize_t taken = sendmsg(connection->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (taken < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		sent = taken > 0 ? (size_t)taken : 0;
	}
	bool kept = sent >= sizeof header || keep(connection, (unsigned char *)header + sent, sizeof header - sent);
	size_t payload_sent = sent > sizeof header ? sent - sizeof header : 0;
	return kept && (payload_sent == length || keep(connection, (const unsigned char *)payload + payload_sent, length - payload_sent));
}

bool connection_flush(struct connection *connection) {
	while (connection->backlog_at < connection->backlog_length) {
		ssize_t sent = send(connection->socket, connection->backlog + connection->backlog_at,
				    connection->backlog_length - connection->backlog_at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		connection->backlog_at += (size_t)sent;
	}
	free(connection->backlog);
	connection->backlog = NULL;
	connection->backlog_at = connection->backlog_length = 0;
	return tell_lost(connection);
}

bool connection_offer(struct connection *connection, uint32_t kind, const void *payload, size_t length) {
	if (connection->backlog) {
		connection->lost_bytes += length;
		return true;
	}
	return connection_send(connection, kind, payload, length);
}

bool connection_send_event(struct connection *connection, struct event *event) {
	return connection_send(connection, REPLY_EVENT, event->text, event->length);
}
