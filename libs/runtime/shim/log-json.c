/* Docker's json-file log: one object per line; a piece without line feed is partial. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "shim.h"

static char *attributes = ""; /* the member before "time", with its comma */

static void open_json(const struct log_settings *settings) {
	attributes = strndup((const char *)settings->header, settings->header_length);
	if (!attributes)
		fail("open the log", settings->target);
	log_file_open(settings);
}

static void put_text(const char *text) {
	log_file_put(text, strlen(text));
}

static void put_escaped_character(const unsigned char *at, size_t size) {
	char escaped[8];
	bool separator = size == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
	if (*at == '\\' || *at == '"') {
		escaped[0] = '\\';
		escaped[1] = (char)*at;
		log_file_put(escaped, 2);
	} else if (*at == '\n') {
		put_text("\\n");
	} else if (*at == '\r') {
		put_text("\\r");
	} else if (*at == '\t') {
		put_text("\\t");
	} else if (separator) {
		put_text(at[2] == 0xa8 ? "\\u2028" : "\\u2029");
	} else {
		snprintf(escaped, sizeof escaped, "\\u%04x", *at);
		put_text(escaped);
	}
}

static bool is_plain(const unsigned char *at, size_t size) {
	if (size == 1)
		return *at >= 0x20 && *at != '\\' && *at != '"' && *at != '<' && *at != '>' && *at != '&';
	return !(size == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9));
}

static void put_escaped(const unsigned char *text, size_t length) {
	size_t from = 0, at = 0;
	while (at < length) {
		size_t size = character_length(text + at, length - at);
		if (size > 0 && is_plain(text + at, size)) {
			at += size;
			continue;
		}
		log_file_put(text + from, at - from);
		if (size == 0)
			put_text("\\ufffd");
		else
			put_escaped_character(text + at, size);
		at += size > 0 ? size : 1;
		from = at;
	}
	log_file_put(text + from, at - from);
}

/* RFC 3339 with nanoseconds, without trailing zeros. */
static void put_time(const struct timespec *time) {
	char text[40], fraction[16];
	struct tm parts;
	gmtime_r(&time->tv_sec, &parts);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	int digits = snprintf(fraction, sizeof fraction, ".%09ld", time->tv_nsec);
	while (digits > 0 && fraction[digits - 1] == '0')
		digits--;
	put_text(text);
	log_file_put(fraction, digits == 1 ? 0 : (size_t)digits);
}

static void write_json(const struct log_piece *piece) {
	log_file_begin();
	put_text("{\"log\":\"");
	put_escaped(piece->bytes, piece->length);
	put_text(piece->complete ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
	put_text(piece->stream == 0 ? "stdout\"," : "stderr\",");
	put_text(attributes);
	put_text("\"time\":\"");
	put_time(&piece->time);
	put_text("Z\"}\n");
}

const struct log_driver json_log = {open_json, write_json, log_file_flush, NULL, NULL};
