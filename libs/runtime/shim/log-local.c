/*
 * The `local` log, made to be small: each record is u32 length of what follows, u64 nanoseconds since 1970, u8 flags
 * (1: standard error, 2: partial), and the bytes as they came; little-endian.
 */
#include <string.h>

#include "log.h"
#include "shim.h"

enum { FROM_ERROR = 1, PARTIAL = 2, HEAD_BYTES = 13 };

static void write_local(const struct log_piece *piece) {
	unsigned char head[HEAD_BYTES];
	uint32_t length = (uint32_t)(sizeof head - sizeof length + piece->length);
	uint64_t at_ns = (uint64_t)piece->time.tv_sec * 1000000000u + (uint64_t)piece->time.tv_nsec;
	memcpy(head, &length, sizeof length);
	memcpy(head + sizeof length, &at_ns, sizeof at_ns);
	head[HEAD_BYTES - 1] = (unsigned char)((piece->stream == 0 ? 0 : FROM_ERROR) | (piece->complete ? 0 : PARTIAL));
	log_file_begin();
	log_file_put(head, sizeof head);
	log_file_put(piece->bytes, piece->length);
}

const struct log_driver local_log = {log_file_open, write_local, log_file_flush, NULL, NULL};
