#define _GNU_SOURCE
/*
 * All who are connected to the parent of a container: agents, and those who are attached to its streams. None of them can hold up
 * the container or another one.
 */
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

static struct {
	struct connection all[MAX_CLIENTS];
	bool (*obey)(struct connection *, struct record *);
	void (*leaving)(struct connection *);
} clients;

void clients_open(bool (*obey)(struct connection *, struct record *), void (*leaving)(struct connection *)) {
	clients.obey = obey;
	clients.leaving = leaving;
	for (int i = 0; i < MAX_CLIENTS; i++)
		clients.all[i].socket = -1;
}

struct connection *clients_add(int socket) {
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients.all[i].socket < 0) {
			connection_open(&clients.all[i], socket);
			return &clients.all[i];
		}
	close(socket);
	return NULL;
}

void clients_remove(struct connection *connection) {
	clients.leaving(connection);
	connection_close(connection);
}

bool clients_tell(struct event *event) {
	bool is_heard = false;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct connection *connection = &clients.all[i];
		if (connection->socket < 0)
			continue;
		if (!connection_send_event(connection, event))
			clients_remove(connection);
		else if (!connection->attached)
			is_heard = true;
	}
	return is_heard;
}

void clients_offer(uint32_t kind, const unsigned char *bytes, size_t length) {
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct connection *connection = &clients.all[i];
		if (connection->socket >= 0 && connection->attached && !connection_offer(connection, kind, bytes, length))
			clients_remove(connection);
	}
}

static void read_commands(struct connection *connection) {
	struct record command;
	for (;;) {
		enum received received = connection_receive(connection, &command);
		if (received == RECEIVED_END)
			return clients_remove(connection);
		if (received == RECEIVED_NOTHING)
			return;
		connection->stalled = !clients.obey(connection, &command);
		if (connection->stalled || connection->socket < 0)
			return;
		connection_release(connection);
	}
}

static struct pollfd wait_for(const struct connection *connection) {
	short events = (short)((connection->stalled ? 0 : POLLIN) | (connection_is_behind(connection) ? POLLOUT : 0));
	return (struct pollfd){.fd = events == 0 ? -1 : connection->socket, .events = events};
}

void clients_watch(struct pollfd *watched) {
	for (int i = 0; i < MAX_CLIENTS; i++)
		watched[i] = wait_for(&clients.all[i]);
}

static void serve(struct connection *connection, short events) {
	if ((events & POLLOUT) && !connection_flush(connection))
		return clients_remove(connection);
	if (events & (POLLIN | POLLHUP | POLLERR))
		read_commands(connection);
}

void clients_serve(const struct pollfd *watched) {
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (watched[i].revents && clients.all[i].socket == watched[i].fd)
			serve(&clients.all[i], watched[i].revents);
}

bool clients_stall(void) {
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients.all[i].socket >= 0 && clients.all[i].stalled)
			return true;
	return false;
}

void clients_go_on(void) {
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients.all[i].socket >= 0 && clients.all[i].stalled)
			read_commands(&clients.all[i]);
}

/* Who listens slowly gets a moment for the end of what he listened to. */
static void flush_all(long long until_ms) {
	for (;;) {
		struct pollfd watched[MAX_CLIENTS];
		bool behind = false;
		for (int i = 0; i < MAX_CLIENTS; i++) {
			struct connection *connection = &clients.all[i];
			if (connection->socket >= 0 && connection_is_behind(connection) && !connection_flush(connection))
				connection_close(connection);
			bool waits = connection->socket >= 0 && connection_is_behind(connection);
			watched[i] = (struct pollfd){.fd = waits ? connection->socket : -1, .events = POLLOUT};
			behind |= waits;
		}
		long long left = until_ms - monotonic_ms();
		if (!behind || left <= 0)
			return;
		poll(watched, MAX_CLIENTS, (int)left);
	}
}

void clients_part(void) {
	flush_all(monotonic_ms() + LAST_WORDS_MS);
	long long until_ms = monotonic_ms() + LAST_WORDS_MS;
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (clients.all[i].types)
			connection_hear_out(&clients.all[i], until_ms);
}
