#define _GNU_SOURCE
/*
 * One log file and its rotated predecessors: NAME, NAME.1, NAME.2 … or NAME.2.gz. The shim alone gives them their names;
 * whoever compresses one hands it the twin. A write that fails takes back all since the last flush, so that no record
 * is ever half there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "shim.h"

enum { PATH_BYTES = 4200 };

static char *path;
static int file = -1;
static uint64_t file_bytes; /* written, without what waits to be written */
static uint64_t whole_bytes; /* of them, up to the last flush */
static uint64_t max_bytes;
static uint32_t max_files;
static bool compresses;
static bool rotated;
static bool failed; /* since the last flush */
static size_t out_length; /* in the scratch room */

static void open_file(int flags) {
	struct stat status;
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (file < 0)
		return;
	fchmod(file, 0640);
	file_bytes = whole_bytes = fstat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
}

void log_file_open(const struct log_settings *settings) {
	path = strdup(settings->target);
	max_bytes = settings->max_bytes;
	max_files = settings->max_files;
	compresses = settings->options & STREAMS_COMPRESS;
	if (path)
		open_file(0);
	if (!path || file < 0)
		fail("open the log", settings->target);
}

static void write_out(void) {
	for (size_t at = 0; at < out_length && !failed;) {
		ssize_t written = write(file, scratch()->out + at, out_length - at);
		if (written < 0 && errno == EINTR)
			continue;
		failed = written <= 0;
		if (!failed) {
			at += (size_t)written;
			file_bytes += (uint64_t)written;
		}
	}
	out_length = 0;
}

static void numbered(char name[PATH_BYTES], uint32_t number, const char *suffix) {
	if (number == 0)
		snprintf(name, PATH_BYTES, "%s%s", path, suffix);
	else
		snprintf(name, PATH_BYTES, "%s.%u%s", path, number, suffix);
}

/* From the oldest on: each takes the place of the one before it. */
static void move_up(const char *suffix, uint32_t first) {
	char older[PATH_BYTES], newer[PATH_BYTES];
	numbered(older, max_files - 1, suffix);
	if (max_files > 1)
		unlink(older);
	for (uint32_t number = max_files - 1; number > first; number--) {
		numbered(older, number, suffix);
		numbered(newer, number - 1, suffix);
		rename(newer, older);
	}
}

static void rotate(void) {
	write_out();
	if (failed)
		return;
	close(file);
	if (compresses)
		move_up(".gz", 1);
	move_up("", 0);
	unlink(path);
	open_file(O_TRUNC);
	rotated = true;
}

void log_file_begin(void) {
	if (max_bytes > 0 && file_bytes + out_length >= max_bytes && !failed)
		rotate();
}

void log_file_put(const void *bytes, size_t length) {
	while (length > 0) {
		if (out_length == LOG_OUT_BYTES)
			write_out();
		size_t part = length < LOG_OUT_BYTES - out_length ? length : LOG_OUT_BYTES - out_length;
		memcpy(scratch()->out + out_length, bytes, part);
		out_length += part;
		bytes = (const char *)bytes + part;
		length -= part;
	}
}

bool log_file_flush(void) {
	if (file < 0)
		open_file(0); /* it could not be opened at its rotation */
	write_out();
	bool kept = !failed;
	if (failed && file >= 0 && ftruncate(file, (off_t)whole_bytes) == 0)
		file_bytes = whole_bytes;
	whole_bytes = file_bytes;
	failed = false;
	return kept;
}

bool log_was_rotated(void) {
	bool was = rotated;
	rotated = false;
	return was;
}

void log_replace(struct record *command) {
	uint64_t inode = take_u64(command);
	const char *twin = take_string(command);
	char plain[PATH_BYTES], compressed[PATH_BYTES];
	struct stat status;
	for (uint32_t number = 1; path && number < max_files; number++) {
		numbered(plain, number, "");
		if (stat(plain, &status) < 0 || status.st_ino != inode)
			continue;
		numbered(compressed, number, ".gz");
		if (rename(twin, compressed) == 0)
			unlink(plain);
		return;
	}
	unlink(twin); /* rotation has deleted its file meanwhile */
}
