#define _GNU_SOURCE
/*
 * The output of a container on its way into its log: cut into lines, and those into pieces of 16 KiB; all pieces of a line
 * carry the time of its first. The log is never a reason to stop the container: what a disk or a server refuses is lost,
 * counted, and told in the log itself as soon as it takes something again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "shim.h"

enum { STREAMS = 2 };

/* A line that has begun. */
struct line {
	struct timespec time; /* 0: there is none */
	size_t length;
	unsigned char *bytes; /* held only while the line is unfinished */
};

static const struct log_driver *driver = &no_log;
static struct line lines[STREAMS];
static uint64_t records; /* since the last flush */
static uint64_t lost_records;
static uint64_t told_records; /* lost ones that the log tells of */

static const struct log_driver *find_driver(uint32_t kind) {
	switch (kind) {
	case LOG_NONE: return &no_log;
	case LOG_JSON: return &json_log;
	case LOG_LOCAL: return &local_log;
	case LOG_SYSLOG: return &syslog_log;
	case LOG_JOURNALD: return &journald_log;
	default: fail_because("open the log", "driver", "this shim does not know it");
	}
}

void log_open(struct record *record) {
	struct log_settings settings;
	record->taken = 0;
	settings.options = take_u32(record);
	driver = find_driver(take_u32(record));
	settings.style = take_u32(record);
	settings.max_bytes = take_u64(record);
	settings.max_files = take_u32(record);
	settings.buffer_bytes = take_u32(record);
	settings.target = take_string(record);
	settings.header = take_rest(record, &settings.header_length);
	driver->open(&settings);
}

void log_count_lost(uint64_t count) {
	lost_records += count;
}

uint64_t log_lost_records(void) {
	return lost_records;
}

size_t character_length(const unsigned char *at, size_t available) {
	unsigned char c = at[0];
	if (c < 0x80)
		return 1;
	size_t length = c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
	if (length == 0 || length > available)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (c == 0xe0 && at[1] < 0xa0) || (c == 0xf0 && at[1] < 0x90);
	bool surrogate_or_beyond = (c == 0xed && at[1] > 0x9f) || (c == 0xf4 && at[1] > 0x8f);
	return overlong || surrogate_or_beyond ? 0 : length;
}

/* Bytes at the end that begin a character which only the next piece completes. */
static size_t unfinished_bytes(const unsigned char *bytes, size_t length) {
	size_t back = 0;
	while (back < 3 && back + 1 < length && (bytes[length - 1 - back] & 0xc0) == 0x80)
		back++;
	const unsigned char *last = bytes + length - 1 - back;
	return *last >= 0xc0 && character_length(last, back + 1) == 0 ? back + 1 : 0;
}

static void write_piece(int stream, const unsigned char *bytes, size_t length, bool complete) {
	struct line *line = &lines[stream];
	struct log_piece piece = {.stream = stream, .time = line->time, .complete = complete, .bytes = bytes, .length = length};
	driver->write(&piece);
	records++;
	if (complete)
		line->time = (struct timespec){0};
}

static void drop_line(struct line *line) {
	free(line->bytes);
	line->bytes = NULL;
	line->length = 0;
}

static void keep(struct line *line, const unsigned char *bytes, size_t length) {
	unsigned char *larger = realloc(line->bytes, line->length + length + 1);
	if (!larger) {
		log_count_lost(1);
		return drop_line(line);
	}
	memmove(larger + line->length, bytes, length);
	line->bytes = larger;
	line->length += length;
}

/* What is too long for one piece, whole pieces of it. Returns how much was used. */
static size_t write_whole_pieces(int stream, const unsigned char *bytes, size_t length) {
	size_t used = 0;
	while (length - used >= PIECE_BYTES) {
		size_t size = PIECE_BYTES - unfinished_bytes(bytes + used, PIECE_BYTES);
		write_piece(stream, bytes + used, size, false);
		used += size;
	}
	return used;
}

/* A part of a line, without line feed; at its end, the line is complete. */
static void take_part(int stream, const unsigned char *bytes, size_t length, bool ends) {
	struct line *line = &lines[stream];
	if (line->time.tv_sec == 0)
		clock_gettime(CLOCK_REALTIME, &line->time);
	if (line->length == 0 && length <= PIECE_BYTES && ends)
		return write_piece(stream, bytes, length, true);
	keep(line, bytes, length);
	size_t used = line->length > PIECE_BYTES || !ends ? write_whole_pieces(stream, line->bytes, line->length) : 0;
	size_t rest = line->length - used;
	if (ends) {
		write_piece(stream, line->bytes + used, rest, true);
		drop_line(line);
	} else if (rest == 0) {
		drop_line(line);
	} else if (used > 0) {
		memmove(line->bytes, line->bytes + used, rest);
		line->length = rest;
	}
}

static bool may_tell_lost(void) {
	return lost_records > told_records && (!driver->has_room || driver->has_room());
}

static void tell_lost(void) {
	char text[64];
	struct log_piece piece = {.stream = 1, .complete = true, .bytes = (unsigned char *)text};
	clock_gettime(CLOCK_REALTIME, &piece.time);
	piece.length = (size_t)snprintf(text, sizeof text, "[shoal: %llu log records were lost here]", (unsigned long long)(lost_records - told_records));
	driver->write(&piece);
}

void log_take(int stream, const unsigned char *bytes, size_t length) {
	bool tells = may_tell_lost();
	uint64_t told = tells ? lost_records : told_records;
	records = 0;
	if (tells)
		tell_lost();
	while (length > 0) {
		const unsigned char *end = memchr(bytes, '\n', length);
		size_t part = end ? (size_t)(end - bytes) : length;
		take_part(stream, bytes, part, end != NULL);
		part += end != NULL;
		bytes += part;
		length -= part;
	}
	if (driver->flush())
		told_records = told;
	else
		log_count_lost(records);
}

static void settle(void) {
	if (driver->settle)
		driver->settle();
}

void log_finish(void) {
	records = 0;
	for (int stream = 0; stream < STREAMS; stream++)
		if (lines[stream].length > 0)
			write_piece(stream, lines[stream].bytes, lines[stream].length, false);
	if (!driver->flush())
		log_count_lost(records);
	settle();
	if (!may_tell_lost())
		return;
	tell_lost();
	driver->flush();
	settle();
}

static void open_nothing(const struct log_settings *settings) {
	(void)settings;
}

static void write_nothing(const struct log_piece *piece) {
	(void)piece;
}

static bool flush_nothing(void) {
	return true;
}

const struct log_driver no_log = {open_nothing, write_nothing, flush_nothing, NULL, NULL};
