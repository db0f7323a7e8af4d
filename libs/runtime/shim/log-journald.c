/* Entries in journald's native protocol: fields of text end with a line feed, the message has its length before it. */
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "shim.h"

static unsigned char *fields;
static size_t fields_length;

static void open_journald(const struct log_settings *settings) {
	fields = malloc(settings->header_length + 1);
	if (!fields)
		fail("open the log", settings->target);
	memcpy(fields, settings->header, settings->header_length);
	fields_length = settings->header_length;
	log_socket_open(settings);
}

static void write_journald(const struct log_piece *piece) {
	uint64_t length = piece->length;
	const char *priority = piece->stream == 0 ? "PRIORITY=6\n" : "PRIORITY=3\n";
	const char *partial = piece->complete ? "" : "CONTAINER_PARTIAL_MESSAGE=true\n";
	struct iovec parts[] = {
		{fields, fields_length}, {(char *)priority, strlen(priority)}, {(char *)partial, strlen(partial)},
		{"MESSAGE\n", strlen("MESSAGE\n")}, {&length, sizeof length}, {(void *)piece->bytes, piece->length}, {"\n", 1},
	};
	log_socket_send(parts, sizeof parts / sizeof *parts);
}

const struct log_driver journald_log = {open_journald, write_journald, log_socket_flush, log_socket_settle, log_socket_has_room};
