#ifndef SHOAL_LOG_H
#define SHOAL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>

enum { PIECE_BYTES = 16384 };

/* A line, or a part of one that is longer than a piece may be. */
struct log_piece {
	int stream; /* 0: standard output */
	struct timespec time; /* of the line's first piece */
	bool complete; /* the line ends here */
	const unsigned char *bytes;
	size_t length;
};

struct log_settings {
	uint32_t options; /* STREAMS_… */
	uint32_t style;
	uint64_t max_bytes; /* 0: no limit */
	uint32_t max_files;
	uint32_t buffer_bytes; /* 0: the container waits for a slow server */
	const char *target;
	const unsigned char *header;
	size_t header_length;
};

/* One way to keep the output. */
struct log_driver {
	void (*open)(const struct log_settings *settings);
	void (*write)(const struct log_piece *piece);
	bool (*flush)(void); /* false: of what was written since the last flush, nothing is kept */
	void (*settle)(void); /* what waits is delivered or given up; NULL: nothing ever waits */
	bool (*has_room)(void); /* for a word of its own; NULL: always */
};
extern const struct log_driver no_log, json_log, local_log, syslog_log, journald_log;

/* log.c */
size_t character_length(const unsigned char *at, size_t available); /* of a UTF-8 character; 0: it is none */
void log_count_lost(uint64_t records);

/* log-file.c: one file and its rotated predecessors. */
void log_file_open(const struct log_settings *settings);
void log_file_begin(void); /* a record: here it may rotate */
void log_file_put(const void *bytes, size_t length);
bool log_file_flush(void);

/* log-socket.c: messages to a server. */
void log_socket_open(const struct log_settings *settings);
void log_socket_send(const struct iovec *parts, size_t count);
bool log_socket_flush(void);
bool log_socket_has_room(void);
void log_socket_settle(void);

#endif
