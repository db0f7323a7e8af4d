#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files.h"

/* Grows as needed; a name, a link's text and attributes of 64 KiB each find room. */
static struct {
	unsigned char *bytes;
	size_t length, capacity;
} payload;

static void append(const void *bytes, size_t length) {
	if (payload.length + length > payload.capacity) {
		payload.capacity = 2 * (payload.length + length);
		payload.bytes = realloc(payload.bytes, payload.capacity);
		if (!payload.bytes)
			fail("describe", "a file");
	}
	memcpy(payload.bytes + payload.length, bytes, length);
	payload.length += length;
}

static void append_u32(uint32_t value) {
	append(&value, sizeof value);
}

static void append_u64(uint64_t value) {
	append(&value, sizeof value);
}

static void append_text(const char *text) {
	append(text, strlen(text) + 1);
}

/* Content of the image as its maker meant it; labels and overlayfs's own notes belong to the host. */
static bool is_content(const char *name) {
	return strcmp(name, "security.capability") == 0 || (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static void append_attributes(int file) {
	static char names[65536], value[65536];
	ssize_t length = file < 0 ? 0 : flistxattr(file, names, sizeof names);
	uint32_t count = 0;
	size_t count_at = payload.length;
	append_u32(0);
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		ssize_t size = is_content(name) ? fgetxattr(file, name, value, sizeof value) : -1;
		if (size < 0)
			continue; /* not to be copied, or removed meanwhile */
		append_text(name);
		append_u32((uint32_t)size);
		append(value, (size_t)size);
		count++;
	}
	memcpy(payload.bytes + count_at, &count, sizeof count);
}

void send_entry(int connection, uint32_t flags, const struct stat *status, const char *path, const char *link, int open_file) {
	payload.length = 0;
	append_u32(flags);
	append_u32(status->st_mode);
	append_u32(status->st_uid);
	append_u32(status->st_gid);
	append_u32(major(status->st_rdev));
	append_u32(minor(status->st_rdev));
	append_u64((uint64_t)status->st_size);
	append_u64((uint64_t)status->st_mtim.tv_sec);
	append_u32((uint32_t)status->st_mtim.tv_nsec);
	append_text(path);
	append_text(link);
	append_attributes(open_file);
	if (!send_record(connection, REPLY_ENTRY, payload.bytes, payload.length))
		_exit(1); /* the agent hung up */
}

void set_attributes(int file, struct record *record, uint32_t count) {
	while (count-- > 0) {
		const char *name = take_string(record);
		uint32_t size = take_u32(record);
		const unsigned char *value = take_bytes(record, size);
		if (is_content(name) && fsetxattr(file, name, value, size, 0) < 0 && errno != ENOTSUP)
			fail("set the attribute", name);
	}
}
