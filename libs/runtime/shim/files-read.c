#define _GNU_SOURCE
/*
 * Walks a tree by descriptors. Whoever swaps a directory for a symbolic link meanwhile changes which files of the same
 * container are read, never whose.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "files.h"

/* With its header, a piece of content is what a reader takes at once. */
enum { MAX_DEPTH = 1024, CONTENT_BYTES = (1 << 16) - 8 };

static struct {
	int connection;
	bool is_layer; /* a writable layer, with overlayfs's marks */
	char *path;
	size_t length, capacity;
} walk;

static void send_content(const void *bytes, size_t length) {
	if (!send_record(walk.connection, REPLY_CONTENT, bytes, length))
		_exit(1); /* the agent hung up */
}

/* As many bytes as were announced: a file that shrinks meanwhile is filled up with zeros. */
static void copy_content(int file, uint64_t left) {
	static char buffer[CONTENT_BYTES];
	while (left > 0) {
		size_t wanted = left < sizeof buffer ? (size_t)left : sizeof buffer;
		ssize_t length = read(file, buffer, wanted);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			fail("read", walk.path);
		if (length == 0)
			memset(buffer, 0, (size_t)(length = (ssize_t)wanted));
		send_content(buffer, (size_t)length);
		left -= (uint64_t)length;
	}
}

static bool is_gone(int error_number) {
	return error_number == ENOENT || error_number == ESTALE;
}

static void read_regular(int at, uint32_t flags, const struct stat *status) {
	int file = reopen_for_reading(at);
	if (file < 0 && is_gone(errno))
		return;
	if (file < 0)
		fail("open", walk.path);
	send_entry(walk.connection, flags, status, walk.path, "", file);
	copy_content(file, (uint64_t)status->st_size);
	close(file);
}

static void read_symbolic_link(int at, uint32_t flags, const struct stat *status) {
	char text[4097];
	ssize_t length = readlinkat(at, "", text, sizeof text - 1);
	if (length < 0)
		fail("read the symbolic link", walk.path);
	text[length] = 0;
	send_entry(walk.connection, flags, status, walk.path, text, -1);
}

/* Appends "/name" and returns the length to go back to. */
static size_t descend(const char *name) {
	size_t before = walk.length, length = strlen(name);
	if (walk.length + length + 2 > walk.capacity) {
		walk.capacity = 2 * (walk.length + length + 2);
		walk.path = realloc(walk.path, walk.capacity);
		if (!walk.path)
			fail("walk to", name);
	}
	walk.path[walk.length++] = '/';
	memcpy(walk.path + walk.length, name, length + 1);
	walk.length += length;
	return before;
}

static void ascend(size_t length) {
	walk.length = length;
	walk.path[length] = 0;
}

static void read_entry(int at, int image, int depth);

static void read_children(int directory, int image, int depth) {
	DIR *entries = fdopendir(directory);
	if (!entries)
		fail("read the directory", walk.path);
	errno = 0;
	for (struct dirent *entry; (entry = readdir(entries)); errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		size_t before = descend(entry->d_name);
		int at = openat(directory, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0 && !is_gone(errno))
			fail("open", walk.path);
		if (at >= 0)
			read_entry(at, image < 0 ? -1 : openat(image, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC), depth);
		ascend(before);
	}
	if (errno != 0)
		fail("read the directory", walk.path);
	closedir(entries);
}

static bool is_opaque(int directory) {
	char value;
	return walk.is_layer && fgetxattr(directory, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static void read_directory(int at, int image, uint32_t flags, const struct stat *status, int depth) {
	int directory = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 && is_gone(errno))
		return;
	if (directory < 0)
		fail("open the directory", walk.path);
	if (depth > MAX_DEPTH)
		fail_because("walk through", "the directories", "they are nested more than 1024 deep");
	if (is_opaque(directory))
		flags |= ENTRY_OPAQUE;
	send_entry(walk.connection, flags, status, walk.path, "", directory);
	read_children(directory, image, depth + 1);
}

static uint32_t compare_with_image(int image, const struct stat *status) {
	struct stat there;
	if (image < 0 || fstat(image, &there) < 0)
		return 0;
	bool same = S_ISDIR(status->st_mode) && there.st_mode == status->st_mode && there.st_uid == status->st_uid && there.st_gid == status->st_gid &&
		there.st_mtim.tv_sec == status->st_mtim.tv_sec && there.st_mtim.tv_nsec == status->st_mtim.tv_nsec;
	return same ? ENTRY_IN_IMAGE | ENTRY_AS_IN_IMAGE : ENTRY_IN_IMAGE;
}

/* Takes both descriptors over. */
static void read_entry(int at, int image, int depth) {
	struct stat status;
	if (fstat(at, &status) < 0)
		fail("examine", walk.path);
	uint32_t flags = compare_with_image(image, &status);
	bool is_whiteout = walk.is_layer && S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
	const char *earlier = is_whiteout ? NULL : earlier_name(&status, walk.path);
	if (is_whiteout)
		send_entry(walk.connection, flags | ENTRY_WHITEOUT, &status, walk.path, "", -1);
	else if (earlier)
		send_entry(walk.connection, flags | ENTRY_HARD_LINK, &status, walk.path, earlier, -1);
	else if (S_ISREG(status.st_mode))
		read_regular(at, flags, &status);
	else if (S_ISLNK(status.st_mode))
		read_symbolic_link(at, flags, &status);
	else if (S_ISDIR(status.st_mode))
		read_directory(at, image, flags, &status, depth);
	else if (!S_ISSOCK(status.st_mode)) /* tar has no sockets */
		send_entry(walk.connection, flags, &status, walk.path, "", -1);
	close(at);
	if (image >= 0)
		close(image);
}

void read_files(int connection, int at, const char *name) {
	walk.connection = connection;
	walk.path = strdup(name);
	if (!walk.path)
		fail("walk to", name);
	walk.length = strlen(name);
	walk.capacity = walk.length + 1;
	read_entry(at, -1, 0);
}

void read_layer(int connection, const char *directory, int image) {
	int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		fail("open", directory);
	walk.is_layer = true;
	walk.connection = connection;
	walk.path = strdup("");
	if (!walk.path)
		fail("walk to", directory);
	walk.capacity = 1;
	read_entry(at, image < 0 ? -1 : dup(image), 0);
}
