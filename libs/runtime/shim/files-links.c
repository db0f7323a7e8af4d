#include <stdlib.h>
#include <string.h>

#include "files.h"

struct name {
	dev_t device;
	ino_t inode;
	char *path; /* NULL: free */
};

static struct name *names;
static size_t capacity, used;

static struct name *slot_of(dev_t device, ino_t inode) {
	size_t at = ((size_t)inode * 0x9e3779b97f4a7c15ull ^ (size_t)device) & (capacity - 1);
	while (names[at].path && (names[at].device != device || names[at].inode != inode))
		at = (at + 1) & (capacity - 1);
	return &names[at];
}

static void grow(void) {
	struct name *old = names;
	size_t old_capacity = capacity;
	capacity = capacity ? 2 * capacity : 1024;
	names = calloc(capacity, sizeof *names);
	if (!names)
		fail("remember", "hard links");
	for (size_t at = 0; at < old_capacity; at++)
		if (old[at].path)
			*slot_of(old[at].device, old[at].inode) = old[at];
	free(old);
}

const char *earlier_name(const struct stat *status, const char *path) {
	if (status->st_nlink < 2 || S_ISDIR(status->st_mode))
		return NULL;
	if (2 * used >= capacity)
		grow();
	struct name *slot = slot_of(status->st_dev, status->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct name){.device = status->st_dev, .inode = status->st_ino, .path = strdup(path)};
	if (!slot->path)
		fail("remember", "hard links");
	used++;
	return NULL;
}
