#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

static bool read_all(int connection, void *buffer, size_t length) {
	unsigned char *at = buffer;
	while (length > 0) {
		ssize_t got = read(connection, at, length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		length -= (size_t)got;
	}
	return true;
}

bool read_record(int connection, struct record *record) {
	static unsigned char *payload;
	uint32_t header[2];
	if (!read_all(connection, header, sizeof header))
		return false;
	if (header[1] > MAX_RECORD_BYTES)
		fail_because("read the launch program", "record", "it is longer than allowed");
	/* One byte more than sent: a missing NUL can never run past the end. */
	payload = realloc(payload, header[1] + 1);
	if (!payload)
		fail("read the launch program", "record");
	if (!read_all(connection, payload, header[1]))
		return false;
	payload[header[1]] = 0;
	*record = (struct record){.kind = header[0], .length = header[1], .payload = payload};
	return true;
}

bool parse_record(const unsigned char *bytes, size_t available, struct record *record) {
	uint32_t header[2];
	if (available < sizeof header)
		return false;
	memcpy(header, bytes, sizeof header);
	if (available - sizeof header < header[1])
		return false;
	*record = (struct record){.kind = header[0], .length = header[1], .payload = bytes + sizeof header};
	return true;
}

bool send_record(int connection, uint32_t kind, const void *payload, size_t length) {
	uint32_t header[2] = {kind, (uint32_t)length};
	struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	size_t left = sizeof header + length;
	while (left > 0) {
		ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		left -= (size_t)sent;
		for (int i = 0; i < 2 && sent > 0; i++) {
			size_t used = (size_t)sent < parts[i].iov_len ? (size_t)sent : parts[i].iov_len;
			parts[i].iov_base = (char *)parts[i].iov_base + used;
			parts[i].iov_len -= used;
			sent -= (ssize_t)used;
		}
	}
	return true;
}

static const unsigned char *take(struct record *record, size_t length) {
	if (record->length - record->taken < length)
		fail_because("read the launch program", "record", "it is shorter than its operation needs");
	const unsigned char *at = record->payload + record->taken;
	record->taken += (uint32_t)length;
	return at;
}

uint32_t take_u32(struct record *record) {
	uint32_t value;
	memcpy(&value, take(record, sizeof value), sizeof value);
	return value;
}

uint64_t take_u64(struct record *record) {
	uint64_t value;
	memcpy(&value, take(record, sizeof value), sizeof value);
	return value;
}

const char *take_string(struct record *record) {
	const char *text = (const char *)record->payload + record->taken;
	size_t length = strnlen(text, record->length - record->taken);
	take(record, length + 1);
	return text;
}

const unsigned char *take_bytes(struct record *record, size_t length) {
	return take(record, length);
}

const unsigned char *take_rest(struct record *record, size_t *length) {
	*length = record->length - record->taken;
	return take(record, *length);
}

bool has_more(const struct record *record) {
	return record->taken < record->length;
}

/* A NULL-terminated vector in memory of its own: it outlives the record. */
char **take_strings(struct record *record) {
	size_t count = 0;
	char **strings = calloc(record->length + 1, sizeof *strings);
	while (strings && has_more(record)) {
		strings[count] = strdup(take_string(record));
		if (!strings[count++])
			fail("read the launch program", "strings");
	}
	if (!strings)
		fail("read the launch program", "strings");
	return strings;
}
