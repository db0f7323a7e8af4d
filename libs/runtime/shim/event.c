#include <stdio.h>
#include <string.h>

#include "shim.h"

/* Room that stays free for the closing brace and one more number. */
enum { RESERVE = 64 };

static void append(struct event *event, const char *text) {
	size_t length = strlen(text);
	if (event->length + length < sizeof event->text) {
		memcpy(event->text + event->length, text, length);
		event->length += length;
	}
}

static void append_key(struct event *event, const char *key) {
	append(event, event->length > 1 ? ",\"" : "\"");
	append(event, key);
	append(event, "\":");
}

void event_begin(struct event *event, const char *name) {
	event->length = 0;
	append(event, "{");
	event_text(event, "event", name);
	event_number(event, "version", PROTOCOL_VERSION);
}

void event_number(struct event *event, const char *key, long long value) {
	char digits[32];
	snprintf(digits, sizeof digits, "%lld", value);
	append_key(event, key);
	append(event, digits);
}

void event_flag(struct event *event, const char *key, bool value) {
	append_key(event, key);
	append(event, value ? "true" : "false");
}

void event_text(struct event *event, const char *key, const char *value) {
	append_key(event, key);
	append(event, "\"");
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if (event->length + RESERVE > sizeof event->text)
			break;
		char escaped[8];
		if (*c < 0x20 || *c == '"' || *c == '\\' || *c == 0x7f)
			snprintf(escaped, sizeof escaped, "\\u%04x", *c);
		else
			snprintf(escaped, sizeof escaped, "%c", *c);
		append(event, escaped);
	}
	append(event, "\"");
}

void event_end(struct event *event) {
	append(event, "}");
}

bool event_send(int connection, struct event *event) {
	return send_record(connection, REPLY_EVENT, event->text, event->length);
}
