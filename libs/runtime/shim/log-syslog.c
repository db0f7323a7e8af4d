#define _GNU_SOURCE
/* Messages to a syslog server, in the forms of RFC 3164 and RFC 5424. What stands around time and number is prepared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "shim.h"

enum { TEXTS = 3, INFORMATIONAL = 6, ERROR = 3 };

static char *texts; /* before the time, between time and number, after the number; each ends with NUL */
static uint32_t style;

static void open_syslog(const struct log_settings *settings) {
	texts = malloc(settings->header_length + TEXTS);
	if (!texts)
		fail("open the log", settings->target);
	memset(texts, 0, settings->header_length + TEXTS);
	memcpy(texts, settings->header, settings->header_length);
	style = settings->style;
	log_socket_open(settings);
}

static void format_time(char *text, size_t size, const struct timespec *time) {
	struct tm parts;
	char micros[32];
	gmtime_r(&time->tv_sec, &parts);
	snprintf(micros, sizeof micros, ".%06ldZ", time->tv_nsec / 1000);
	if ((style & 0xff) == STYLE_STAMP) {
		strftime(text, size, "%b %e %H:%M:%S", &parts);
		return;
	}
	size_t length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, size - length, "%s", (style & 0xff) == STYLE_SECONDS ? "Z" : micros);
}

static void write_syslog(const struct log_piece *piece) {
	char priority[16], time[48], number[16];
	const char *between = texts + strlen(texts) + 1;
	const char *after = between + strlen(between) + 1;
	snprintf(priority, sizeof priority, "<%u>", (style >> 8) * 8 + (piece->stream == 0 ? INFORMATIONAL : ERROR));
	format_time(time, sizeof time, &piece->time);
	snprintf(number, sizeof number, "%d", getpid());
	struct iovec parts[] = {
		{priority, strlen(priority)}, {texts, strlen(texts)}, {time, strlen(time)}, {(char *)between, strlen(between)},
		{number, strlen(number)}, {(char *)after, strlen(after)}, {(void *)piece->bytes, piece->length}, {"\n", 1},
	};
	log_socket_send(parts, sizeof parts / sizeof *parts);
}

const struct log_driver syslog_log = {open_syslog, write_syslog, log_socket_flush, log_socket_settle, log_socket_has_room};
