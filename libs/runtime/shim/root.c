#define _GNU_SOURCE
/*
 * Paths of the container, looked up inside its root. The image and shared volumes may hold any symlink, and another
 * container may swap them while we look: so each lookup is one openat2 that cannot leave the root, and what it found
 * is only used through its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shim.h"

static int root = -1;

void open_root(const char *path) {
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		fail("open the root", path);
}

bool root_is_open(void) {
	return root >= 0;
}

int root_directory(void) {
	return root;
}

int open_in_root(const char *path, int flags, uint64_t resolve) {
	return sys_openat2(root, path, flags | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

enum { MAX_LINKS = 40 };

static int make_directories(const char *path, mode_t mode, int links);

/* A symlink to what is not there yet, such as /var/run in many images: its target is made, inside. */
static void make_link_target(int directory, const char *parent, const char *name, mode_t mode, int links) {
	char text[PATH_MAX], target[2 * PATH_MAX];
	ssize_t length = readlinkat(directory, name, text, sizeof text - 1);
	if (length < 0)
		return; /* no symlink: somebody else has made it meanwhile */
	text[length] = 0;
	snprintf(target, sizeof target, "%s/%s", text[0] == '/' ? "" : parent, text);
	close(make_directories(target, mode, links + 1));
}

/* Walks from the root again for every component: a symlink in the middle means what it means inside. */
static int make_directories(const char *path, mode_t mode, int links) {
	char walked[PATH_MAX] = "";
	int directory = open_in_root("/", O_PATH | O_DIRECTORY, 0);
	const char *at = path;
	for (;;) {
		at += strspn(at, "/");
		size_t length = strcspn(at, "/");
		if (length == 0)
			return directory;
		char name[NAME_MAX + 1];
		size_t parent_length = strlen(walked);
		if (length >= sizeof name || parent_length + length + 2 > sizeof walked || links > MAX_LINKS) {
			errno = links > MAX_LINKS ? ELOOP : ENAMETOOLONG;
			fail("create the directory", path);
		}
		memcpy(name, at, length);
		name[length] = 0;
		strcat(walked, "/");
		strcat(walked, name);
		int next = open_in_root(walked, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOENT) {
			if (mkdirat(directory, name, mode) < 0) {
				if (errno != EEXIST)
					fail("create the directory", path);
				walked[parent_length] = 0;
				make_link_target(directory, walked, name, mode, links);
				walked[parent_length] = '/';
			}
			next = open_in_root(walked, O_PATH | O_DIRECTORY, 0);
		}
		if (next < 0)
			fail("create the directory", path);
		close(directory);
		directory = next;
		at += length;
	}
}

int make_directories_in_root(const char *path, mode_t mode) {
	return make_directories(path, mode, 0);
}

int open_parent_in_root(const char *path, const char **name) {
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	size_t length = slash ? (size_t)(slash - path) : 0;
	if (length >= sizeof parent || **name == 0 || strcmp(*name, "..") == 0 || strcmp(*name, ".") == 0) {
		errno = EINVAL;
		fail("find the parent directory", path);
	}
	memcpy(parent, path, length);
	parent[length] = 0;
	return make_directories_in_root(parent, 0755);
}

static void create_target(const char *path, uint32_t rule) {
	if (rule & TARGET_CREATE_DIRECTORY) {
		close(make_directories_in_root(path, 0755));
		return;
	}
	const char *name;
	int parent = open_parent_in_root(path, &name);
	int file = openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0755);
	if (file < 0)
		fail("create the mount point", path);
	close(file);
	close(parent);
}

/* A volume over a file of procfs would make us believe what the volume says (CVE-2019-16884 and its kin). */
static void refuse_proc(int target, const char *path) {
	struct statfs filesystem;
	if (fstatfs(target, &filesystem) < 0)
		fail("examine the mount point", path);
	if (filesystem.f_type == PROC_SUPER_MAGIC)
		fail_because("mount", path, "it is inside /proc, which nothing may cover");
}

/* A file of ours goes over the image's own, even where that is a symlink to nowhere (/etc/resolv.conf often is). */
static void replace_symlink(const char *path) {
	const char *name;
	struct stat status;
	int parent = open_parent_in_root(path, &name);
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode) && unlinkat(parent, name, 0) < 0)
		fail("replace the symbolic link", path);
	close(parent);
}

int open_target(const char *path, uint32_t rule) {
	if (!root_is_open()) {
		int target = open(path, O_PATH | O_CLOEXEC);
		if (target < 0)
			fail("open the mount point", path);
		return target;
	}
	if (rule & TARGET_REPLACE_SYMLINK)
		replace_symlink(path);
	uint64_t resolve = rule & TARGET_NO_SYMLINKS ? RESOLVE_NO_SYMLINKS : 0;
	int target = open_in_root(path, O_PATH, resolve);
	if (target < 0 && errno == ENOENT && rule & (TARGET_CREATE_DIRECTORY | TARGET_CREATE_FILE)) {
		create_target(path, rule);
		target = open_in_root(path, O_PATH, resolve);
	}
	if (target < 0 && errno == ELOOP)
		fail_because("mount", path, "it must be mounted on ordinary directory, and is a symbolic link in the image");
	if (target < 0)
		fail("open the mount point", path);
	if (!(rule & TARGET_MAY_BE_PROC))
		refuse_proc(target, path);
	return target;
}

int open_proc_file(const char *path, int flags) {
	int proc = open_in_root("proc", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (proc < 0)
		fail("open", "/proc");
	struct statfs filesystem;
	if (fstatfs(proc, &filesystem) < 0 || filesystem.f_type != PROC_SUPER_MAGIC)
		fail_because("open", "/proc", "it is not a procfs");
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	int file = sys_openat2(proc, path, (uint64_t)flags | O_CLOEXEC, 0, resolve);
	int error_number = errno;
	close(proc);
	errno = error_number;
	return file;
}
