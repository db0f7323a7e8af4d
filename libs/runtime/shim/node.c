#define _GNU_SOURCE
/* Files, directories, links and device nodes that a container begins with. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim.h"

void op_directory(struct record *record) {
	uint32_t mode = take_u32(record);
	const char *path = take_string(record);
	if (root_is_open())
		close(make_directories_in_root(path, mode));
	else if (mkdir(path, mode) < 0 && errno != EEXIST)
		fail("create the directory", path);
}

/* Leaves a file alone that is there already. */
void op_file(struct record *record) {
	uint32_t mode = take_u32(record);
	uint32_t uid = take_u32(record);
	uint32_t gid = take_u32(record);
	const char *path = take_string(record);
	size_t length;
	const unsigned char *bytes = take_rest(record, &length);
	const char *name = path;
	int parent = root_is_open() ? open_parent_in_root(path, &name) : AT_FDCWD;
	int file = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	if (file < 0 && errno == EEXIST)
		return;
	if (file < 0)
		fail("create the file", path);
	while (length > 0) {
		ssize_t written = write(file, bytes, length);
		if (written < 0)
			fail("write the file", path);
		bytes += written;
		length -= (size_t)written;
	}
	if (fchown(file, uid, gid) < 0 || fchmod(file, mode) < 0)
		fail("set the owner of the file", path);
	close(file);
	if (parent != AT_FDCWD)
		close(parent);
}

void op_symlink(struct record *record) {
	const char *path = take_string(record);
	const char *text = take_string(record);
	const char *name;
	int parent = open_parent_in_root(path, &name);
	if (symlinkat(text, parent, name) < 0 && errno != EEXIST)
		fail("create the symbolic link", path);
	close(parent);
}

void op_node(struct record *record) {
	uint32_t mode = take_u32(record);
	uint32_t major = take_u32(record);
	uint32_t minor = take_u32(record);
	const char *path = take_string(record);
	const char *name;
	int parent = open_parent_in_root(path, &name);
	if (mknodat(parent, name, mode, makedev(major, minor)) < 0) {
		/* The very device may be there already. */
		struct stat found;
		int error_number = errno;
		if (errno == EEXIST && fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && (found.st_mode & S_IFMT) == (mode & S_IFMT) &&
		    (S_ISFIFO(mode) || found.st_rdev == makedev(major, minor))) {
			close(parent);
			return;
		}
		errno = error_number;
		fail("create the device node", path);
	}
	if (fchmodat(parent, name, mode & 07777, 0) < 0)
		fail("create the device node", path);
	close(parent);
}

void op_owner(struct record *record) {
	uint32_t uid = take_u32(record);
	uint32_t gid = take_u32(record);
	const char *path = take_string(record);
	const char *name;
	int parent = open_parent_in_root(path, &name);
	if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail("set the owner of", path);
	close(parent);
}

void op_read_file(int connection, struct record *record) {
	uint32_t limit = take_u32(record);
	const char *path = take_string(record);
	char *text = malloc(sizeof(uint32_t) + limit);
	if (!text)
		fail("read the file", path);
	uint32_t error_number = 0;
	size_t length = 0;
	int file = open_in_root(path, O_RDONLY | O_NONBLOCK, 0);
	struct stat status;
	if (file < 0 || fstat(file, &status) < 0)
		error_number = (uint32_t)errno;
	else if (S_ISREG(status.st_mode))
		while (length < limit) {
			ssize_t got = read(file, text + sizeof error_number + length, limit - length);
			if (got <= 0)
				break;
			length += (size_t)got;
		}
	if (file >= 0)
		close(file);
	memcpy(text, &error_number, sizeof error_number);
	send_record(connection, REPLY_FILE, text, sizeof error_number + length);
	free(text);
}
