#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim.h"

/* <sys/mount.h> and <linux/mount.h> exclude each other; these two calls are all we need of the first. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int umount2(const char *target, int flags);
#define DETACH 2

/* Mount sources, opened while the host's paths are still in sight. */
enum { SLOTS = 1024 };
static int slots[SLOTS];

int *mount_slot(struct record *record) {
	uint32_t slot = take_u32(record);
	if (slot >= SLOTS)
		fail_because("mount", "slot", "there are too many mounts");
	return &slots[slot];
}

void op_mount(struct record *record) {
	uint32_t flags = take_u32(record);
	const char *source = take_string(record);
	const char *target = take_string(record);
	const char *type = take_string(record);
	const char *data = take_string(record);
	if (mount(source, target, *type ? type : NULL, flags, *data ? data : NULL) < 0)
		fail("mount", target);
}

void op_propagation(struct record *record) {
	uint32_t flags = take_u32(record);
	const char *path = take_string(record);
	if (mount(NULL, path, NULL, flags, NULL) < 0)
		fail("change the mount propagation", path);
}

void op_open_tree(struct record *record) {
	int *slot = mount_slot(record);
	uint32_t recursive = take_u32(record);
	const char *source = take_string(record);
	*slot = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
	if (*slot < 0)
		fail("open the mount source", source);
}

/* As above, from the mounts of another container: its /dev/shm can be had in no other way. */
void op_open_tree_in(struct record *record) {
	int *slot = mount_slot(record);
	uint32_t recursive = take_u32(record);
	const char *path = take_string(record);
	const char *source = take_string(record);
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int other = open(path, O_RDONLY | O_CLOEXEC);
	if (own < 0 || other < 0 || setns(other, CLONE_NEWNS) < 0)
		fail("join the namespace", path);
	*slot = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));
	if (*slot < 0)
		fail("open the mount source", source);
	if (setns(own, CLONE_NEWNS) < 0)
		fail("return to the namespace", "of the container");
	close(own);
	close(other);
}

/* With empty maps: those of the container's own user namespace. */
void op_map_ids(struct record *record) {
	int mount = *mount_slot(record);
	uint32_t recursive = take_u32(record);
	const char *uid_map = take_string(record);
	const char *gid_map = take_string(record);
	int namespace = *uid_map ? make_user_namespace(uid_map, gid_map) : container_user_namespace();
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)namespace};
	if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes, sizeof attributes) < 0)
		fail("map the ids of", "a mount");
	if (*uid_map)
		close(namespace);
}

/* The kernel tells what it dislikes about an option in words, on the context itself. */
static _Noreturn void fail_with_kernel_text(int context, const char *step, const char *object) {
	int error_number = errno;
	char text[256];
	ssize_t length = read(context, text, sizeof text - 1);
	errno = error_number;
	if (length <= 2)
		fail(step, object);
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	fail_because(step, object, text + 2); /* after "e " */
}

static void set_option(int context, const char *option, const char *target) {
	char key[64];
	size_t length = strcspn(option, "=");
	if (length >= sizeof key)
		fail_because("mount", target, "an option's name is too long");
	memcpy(key, option, length);
	key[length] = 0;
	int result = option[length] == '='
		? sys_fsconfig(context, FSCONFIG_SET_STRING, key, option + length + 1)
		: sys_fsconfig(context, FSCONFIG_SET_FLAG, key, NULL);
	if (result < 0)
		fail_with_kernel_text(context, "set a mount option", option);
}

/* The mount that was attached last: for options that not every mount has. */
static int last_mount = -1;

static void attach(int mounted, int target, const char *path) {
	if (sys_move_mount(mounted, target) < 0)
		fail("mount", path);
	if (last_mount >= 0)
		close(last_mount);
	last_mount = mounted;
}

void op_mount_options(struct record *record) {
	uint64_t set = take_u64(record);
	uint64_t clear = take_u64(record);
	uint64_t propagation = take_u64(record);
	uint32_t recursive = take_u32(record);
	if (sys_mount_setattr(last_mount, recursive ? AT_RECURSIVE : 0, set, clear, propagation) < 0)
		fail("change the mount options", take_string(record));
}

void op_filesystem(struct record *record) {
	uint64_t attributes = take_u64(record);
	uint32_t rule = take_u32(record);
	const char *path = take_string(record);
	const char *type = take_string(record);
	int target = open_target(path, rule);
	int context = sys_fsopen(type);
	if (context < 0)
		fail("mount a new filesystem", type);
	while (has_more(record))
		set_option(context, take_string(record), path);
	if (sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		fail_with_kernel_text(context, "mount", path);
	int mounted = sys_fsmount(context, (unsigned)attributes);
	if (mounted < 0)
		fail("mount", path);
	if (rule & TARGET_COPY_UP)
		copy_between(target, mounted);
	attach(mounted, target, path);
	close(context);
	close(target);
}

void op_attach(struct record *record) {
	int *slot = mount_slot(record);
	uint64_t attributes = take_u64(record);
	uint64_t propagation = take_u64(record);
	uint32_t recursive = take_u32(record);
	uint32_t rule = take_u32(record);
	const char *path = take_string(record);
	int target = open_target(path, rule);
	if (propagation && sys_mount_setattr(*slot, AT_RECURSIVE, 0, 0, propagation) < 0)
		fail("change the mount propagation", path);
	if (attributes && sys_mount_setattr(*slot, recursive ? AT_RECURSIVE : 0, attributes, 0, 0) < 0)
		fail("change the mount options", path);
	attach(*slot, target, path);
	close(target);
}

/* A path that an image may lack, or that a symlink redirects, is simply not there. */
static int open_optional(const char *path) {
	int target = open_in_root(path, O_PATH, RESOLVE_NO_SYMLINKS);
	if (target < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES)
		fail("open", path);
	return target;
}

void op_read_only(struct record *record) {
	uint32_t bind_first = take_u32(record);
	const char *path = take_string(record);
	int target = open_optional(path);
	if (target < 0)
		return;
	if (!bind_first) {
		if (sys_mount_setattr(target, 0, MOUNT_ATTR_RDONLY, 0, 0) < 0)
			fail("make read-only", path);
		close(target);
		return;
	}
	int clone = sys_open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (clone < 0 || sys_mount_setattr(clone, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0) < 0 || sys_move_mount(clone, target) < 0)
		fail("make read-only", path);
	close(clone);
	close(target);
}

/* Our own /dev/null, proven to be one: the image may have put anything in its place (CVE-2025-31133). */
static int clone_of_null(void) {
	struct stat status;
	int null = open_in_root("dev/null", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
	if (null < 0 || fstat(null, &status) < 0)
		fail("open", "/dev/null");
	if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
		fail_because("mask a path with", "/dev/null", "it is not the null device");
	int clone = sys_open_tree(null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	close(null);
	return clone;
}

static int empty_directory(void) {
	int context = sys_fsopen("tmpfs");
	if (context < 0 || sys_fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs") < 0 ||
	    sys_fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "2") < 0 || sys_fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL) < 0 ||
	    sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		fail("mount a new filesystem", "tmpfs");
	int mounted = sys_fsmount(context, MOUNT_ATTR_RDONLY);
	close(context);
	return mounted;
}

void op_mask(struct record *record) {
	const char *path = take_string(record);
	struct stat status;
	int target = open_optional(path);
	if (target < 0)
		return;
	if (fstat(target, &status) < 0)
		fail("examine", path);
	int cover = S_ISDIR(status.st_mode) ? empty_directory() : clone_of_null();
	if (cover < 0 || sys_move_mount(cover, target) < 0)
		fail("mask", path);
	close(cover);
	close(target);
}

/* Puts the old root on top of the new one and takes it away: no directory for it is needed. */
void op_pivot(void) {
	if (fchdir(root_directory()) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		fail("change to the root", "of the container");
	if (umount2(".", DETACH) < 0)
		fail("detach the root", "of the host");
	if (chdir("/") < 0)
		fail("change to the directory", "/");
}
