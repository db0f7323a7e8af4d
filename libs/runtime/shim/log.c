#define _GNU_SOURCE
/*
 * Docker's json-file log: one object per line, cut into pieces of 16 KiB. A piece without line feed is partial;
 * all pieces of a line carry the time of its first. The log is never a reason to stop the container: what the disk
 * refuses is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

enum { PIECE_BYTES = 16384, OUT_BYTES = 65536, MAX_ESCAPED = 6, STREAMS = 2 };

struct stream {
	char time[40]; /* of the line's first piece */
	size_t length;
	unsigned char piece[PIECE_BYTES];
};

static struct stream streams[STREAMS];
static const char *const stream_names[STREAMS] = {"stdout", "stderr"};
static char log_path[4096];
static int log_file = -1;
static uint64_t log_bytes;
static uint64_t max_log_bytes;
static uint32_t max_log_files;
static char out[OUT_BYTES];
static size_t out_length;

static void open_log_file(int flags) {
	log_file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (log_file >= 0) {
		struct stat status;
		fchmod(log_file, 0640);
		log_bytes = fstat(log_file, &status) == 0 ? (uint64_t)status.st_size : 0;
	}
}

void log_open(const char *path, uint64_t max_bytes, uint32_t max_files) {
	snprintf(log_path, sizeof log_path, "%s", path);
	max_log_bytes = max_bytes;
	max_log_files = max_files;
	open_log_file(0);
	if (log_file < 0)
		fail("open the log", path);
}

static void flush(void) {
	for (size_t at = 0; at < out_length;) {
		ssize_t written = write(log_file, out + at, out_length - at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		at += (size_t)written;
		log_bytes += (uint64_t)written;
	}
	out_length = 0;
}

static void rotate(void) {
	char older[4200], newer[4200];
	close(log_file);
	for (uint32_t number = max_log_files - 1; number > 0; number--) {
		snprintf(older, sizeof older, "%s.%u", log_path, number);
		if (number > 1)
			snprintf(newer, sizeof newer, "%s.%u", log_path, number - 1);
		else
			snprintf(newer, sizeof newer, "%s", log_path);
		rename(newer, older);
	}
	unlink(log_path);
	open_log_file(O_TRUNC);
}

static void put(const char *text, size_t length) {
	if (out_length + length > sizeof out)
		flush();
	memcpy(out + out_length, text, length);
	out_length += length;
}

static void put_text(const char *text) {
	put(text, strlen(text));
}

/* Length of the UTF-8 character at `at`, 0 when it is not one. */
static size_t character_length(const unsigned char *at, size_t available) {
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

static void put_escaped(const unsigned char *text, size_t length) {
	char escaped[8];
	for (size_t at = 0; at < length;) {
		unsigned char c = text[at];
		size_t size = character_length(text + at, length - at);
		if (size == 0) {
			put_text("\\ufffd");
			at++;
			continue;
		}
		bool separator = size == 3 && c == 0xe2 && text[at + 1] == 0x80 && (text[at + 2] == 0xa8 || text[at + 2] == 0xa9);
		if (c == '\\' || c == '"') {
			escaped[0] = '\\';
			escaped[1] = (char)c;
			put(escaped, 2);
		} else if (c == '\n') {
			put_text("\\n");
		} else if (c == '\r') {
			put_text("\\r");
		} else if (c == '\t') {
			put_text("\\t");
		} else if (c < 0x20 || c == '<' || c == '>' || c == '&') {
			snprintf(escaped, sizeof escaped, "\\u%04x", c);
			put_text(escaped);
		} else if (separator) {
			put_text(text[at + 2] == 0xa8 ? "\\u2028" : "\\u2029");
		} else {
			put((const char *)text + at, size);
		}
		at += size;
	}
}

/* RFC 3339 with nanoseconds, without trailing zeros. */
static void format_now(char *text, size_t size) {
	struct timespec now;
	struct tm parts;
	char fraction[16];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
	int digits = snprintf(fraction, sizeof fraction, ".%09ld", now.tv_nsec);
	while (digits > 0 && fraction[digits - 1] == '0')
		digits--;
	if (digits == 1)
		digits = 0;
	snprintf(text + length, size - length, "%.*sZ", digits, fraction);
}

static void put_piece(struct stream *stream, bool complete) {
	if (max_log_bytes > 0 && log_bytes + out_length >= max_log_bytes) {
		flush();
		rotate();
	}
	put_text("{\"log\":\"");
	put_escaped(stream->piece, stream->length);
	put_text(complete ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
	put_text(stream_names[stream - streams]);
	put_text("\",\"time\":\"");
	put_text(stream->time);
	put_text("\"}\n");
	stream->length = 0;
	if (complete)
		stream->time[0] = 0;
}

/* A piece that ends inside a character leaves its first bytes for the next one. */
static void put_partial_piece(struct stream *stream) {
	size_t kept = 0;
	while (kept < 3 && kept + 1 < stream->length && (stream->piece[stream->length - 1 - kept] & 0xc0) == 0x80)
		kept++;
	bool cut = stream->piece[stream->length - 1 - kept] >= 0xc0 &&
		character_length(stream->piece + stream->length - 1 - kept, kept + 1) == 0;
	unsigned char rest[4];
	size_t rest_length = cut ? kept + 1 : 0;
	memcpy(rest, stream->piece + stream->length - rest_length, rest_length);
	stream->length -= rest_length;
	put_piece(stream, false);
	memcpy(stream->piece, rest, rest_length);
	stream->length = rest_length;
}

static void take(struct stream *stream, const unsigned char *bytes, size_t length) {
	while (length > 0) {
		if (stream->time[0] == 0)
			format_now(stream->time, sizeof stream->time);
		const unsigned char *end = memchr(bytes, '\n', length);
		size_t line = end ? (size_t)(end - bytes) : length;
		size_t room = PIECE_BYTES - stream->length;
		size_t used = line < room ? line : room;
		memcpy(stream->piece + stream->length, bytes, used);
		stream->length += used;
		bytes += used;
		length -= used;
		if (end && used == line) {
			put_piece(stream, true);
			bytes++;
			length--;
		} else if (stream->length == PIECE_BYTES) {
			put_partial_piece(stream);
		}
	}
}

bool log_pump(int number, int from) {
	static unsigned char in[32768];
	ssize_t length = read(from, in, sizeof in);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (length <= 0)
		return false;
	take(&streams[number], in, (size_t)length);
	flush();
	return true;
}

void log_finish(void) {
	for (int number = 0; number < STREAMS; number++)
		if (streams[number].length > 0)
			put_piece(&streams[number], false);
	flush();
}
