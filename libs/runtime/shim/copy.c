#define _GNU_SOURCE
/* Volume copy-up: a new volume begins with what the image has at its place, with owners, modes and attributes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "shim.h"

enum { MAX_DEPTH = 256 };

static void copy_attributes(int from, int to) {
	char names[4096], value[65536];
	ssize_t length = flistxattr(from, names, sizeof names);
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, sizeof value);
		/* overlayfs keeps its own notes there; they are not the image's. */
		if (size >= 0 && strncmp(name, "trusted.overlay.", 16) != 0)
			fsetxattr(to, name, value, (size_t)size, 0);
	}
}

static void copy_owner_and_times(int from, int to, const char *name) {
	struct stat status;
	if (fstat(from, &status) < 0 || fchown(to, status.st_uid, status.st_gid) < 0 || fchmod(to, status.st_mode & 07777) < 0)
		fail("copy the owner into the volume", name);
	copy_attributes(from, to);
	futimens(to, (struct timespec[]){status.st_atim, status.st_mtim});
}

static void copy_file(int from_directory, int to_directory, const char *name) {
	int from = openat(from_directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = openat(to_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (from < 0 || to < 0)
		fail("copy into the volume", name);
	static char buffer[65536];
	ssize_t length;
	while ((length = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)length) != length)
			fail("copy into the volume", name);
	if (length < 0)
		fail("copy into the volume", name);
	copy_owner_and_times(from, to, name);
	close(from);
	close(to);
}

static void copy_special(int from_directory, int to_directory, const char *name, const struct stat *status) {
	if (S_ISLNK(status->st_mode)) {
		char text[4096];
		ssize_t length = readlinkat(from_directory, name, text, sizeof text - 1);
		if (length < 0)
			fail("copy into the volume", name);
		text[length] = 0;
		if (symlinkat(text, to_directory, name) < 0)
			fail("copy into the volume", name);
	} else if (mknodat(to_directory, name, status->st_mode, status->st_rdev) < 0) {
		fail("copy into the volume", name);
	}
	if (fchownat(to_directory, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail("copy into the volume", name);
	if (!S_ISLNK(status->st_mode) && fchmodat(to_directory, name, status->st_mode & 07777, 0) < 0)
		fail("copy into the volume", name);
}

static void copy_directory(int from, int to, int depth) {
	if (depth > MAX_DEPTH)
		fail_because("copy into the volume", "directory", "the image nests directories too deeply");
	DIR *entries = fdopendir(dup(from));
	if (!entries)
		fail("copy into the volume", "directory");
	for (struct dirent *entry; (entry = readdir(entries));) {
		const char *name = entry->d_name;
		struct stat status;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			fail("copy into the volume", name);
		if (S_ISREG(status.st_mode)) {
			copy_file(from, to, name);
		} else if (S_ISDIR(status.st_mode)) {
			if (mkdirat(to, name, 0700) < 0)
				fail("copy into the volume", name);
			int below_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			int below_to = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (below_from < 0 || below_to < 0)
				fail("copy into the volume", name);
			copy_directory(below_from, below_to, depth + 1);
			close(below_from);
			close(below_to);
		} else if (!S_ISSOCK(status.st_mode)) {
			copy_special(from, to, name, &status);
		}
	}
	closedir(entries);
	copy_owner_and_times(from, to, "directory");
}

void copy_between(int from_path, int to_path) {
	int from = openat(from_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int to = openat(to_path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0)
		fail("copy into", "a new filesystem");
	copy_directory(from, to, 0);
	close(from);
	close(to);
}

void op_copy_up(struct record *record) {
	int destination = *mount_slot(record);
	const char *source = take_string(record);
	int from = open_in_root(source, O_RDONLY | O_DIRECTORY, 0);
	if (from < 0 && (errno == ENOENT || errno == ENOTDIR))
		return;
	int to = openat(destination, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0 || to < 0)
		fail("copy into the volume", source);
	copy_directory(from, to, 0);
	close(from);
	close(to);
}
