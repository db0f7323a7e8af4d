#define _GNU_SOURCE
/*
 * Makes files as they are told, entry by entry. Every name is looked up from the container's root, and only what was made
 * here, new, is written to: a symbolic link at its place is replaced, never followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files.h"

enum { MAX_DEPTH = 1024 };

struct entry {
	uint32_t is_hard_link, mode, uid, gid, major, minor;
	uint64_t size;
	struct timespec modified;
	const char *path, *link;
	uint32_t attributes;
};

/* The new file that content goes to; the rest of its entry follows when all is written. */
static struct {
	int file; /* -1: none */
	unsigned char *record;
	uint32_t length;
} open_file = {.file = -1};

/* Times of directories come last: every new name changes its directory's. */
struct directory_time {
	struct directory_time *next;
	struct timespec modified;
	char path[];
};
static struct directory_time *directory_times;

static struct entry take_entry(struct record *record) {
	struct entry entry;
	entry.is_hard_link = take_u32(record);
	entry.mode = take_u32(record);
	entry.uid = take_u32(record);
	entry.gid = take_u32(record);
	entry.major = take_u32(record);
	entry.minor = take_u32(record);
	entry.size = take_u64(record);
	entry.modified.tv_sec = (time_t)take_u64(record);
	entry.modified.tv_nsec = (long)take_u32(record);
	entry.path = take_string(record);
	entry.link = take_string(record);
	entry.attributes = take_u32(record);
	return entry;
}

static void remove_tree(int parent, const char *name, int depth) {
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR || depth > MAX_DEPTH)
		fail("replace", name);
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = directory < 0 ? NULL : fdopendir(directory);
	if (!entries)
		fail("replace the directory", name);
	for (struct dirent *entry; (entry = readdir(entries));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(directory, entry->d_name, depth + 1);
	closedir(entries);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		fail("replace the directory", name);
}

/* Makes room for the entry. True: a directory is there and stays, with what is in it. */
static bool make_room(int parent, const char *name, const struct entry *entry, bool keep_kinds) {
	struct stat status;
	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			fail("examine", entry->path);
		return false;
	}
	bool is_directory = !entry->is_hard_link && S_ISDIR(entry->mode);
	if (S_ISDIR(status.st_mode) && is_directory)
		return true;
	if (keep_kinds && S_ISDIR(status.st_mode))
		fail_because("overwrite the directory with a non-directory,", entry->path, "it was asked not to");
	if (keep_kinds && is_directory)
		fail_because("overwrite the non-directory with a directory,", entry->path, "it was asked not to");
	remove_tree(parent, name, 0);
	return false;
}

static void finish_attributes(int file, const struct entry *entry, struct record *record) {
	/* The order matters: chown takes setuid bits and capabilities away. */
	if (fchown(file, entry->uid, entry->gid) < 0 || fchmod(file, entry->mode & 07777) < 0)
		fail("set the owner and mode of", entry->path);
	set_attributes(file, record, entry->attributes);
}

static void close_file(void) {
	if (open_file.file < 0)
		return;
	struct record record = {.payload = open_file.record, .length = open_file.length};
	struct entry entry = take_entry(&record);
	/* For a hole at the end. */
	if (ftruncate(open_file.file, (off_t)entry.size) < 0)
		fail("write", entry.path);
	finish_attributes(open_file.file, &entry, &record);
	futimens(open_file.file, (struct timespec[]){entry.modified, entry.modified});
	close(open_file.file);
	free(open_file.record);
	open_file.file = -1;
}

static void make_file(int parent, const char *name, const struct entry *entry, const struct record *record) {
	open_file.file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (open_file.file < 0)
		fail("create", entry->path);
	open_file.length = record->length;
	open_file.record = malloc(record->length + 1u);
	if (!open_file.record)
		fail("create", entry->path);
	memcpy(open_file.record, record->payload, record->length);
	open_file.record[record->length] = 0;
}

static void remember_time(const struct entry *entry) {
	size_t length = strlen(entry->path) + 1;
	struct directory_time *time = malloc(sizeof *time + length);
	if (!time)
		fail("remember", entry->path);
	*time = (struct directory_time){.next = directory_times, .modified = entry->modified};
	memcpy(time->path, entry->path, length);
	directory_times = time;
}

static void make_directory(int parent, const char *name, const struct entry *entry, struct record *record, bool is_there) {
	if (!is_there && mkdirat(parent, name, 0700) < 0)
		fail("create the directory", entry->path);
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		fail("open the directory", entry->path);
	finish_attributes(directory, entry, record);
	close(directory);
	remember_time(entry);
}

static void make_hard_link(int parent, const char *name, const struct entry *entry) {
	const char *source_name;
	int source = open_parent_in_root(entry->link, &source_name);
	if (linkat(source, source_name, parent, name, 0) < 0)
		fail("create the hard link", entry->path);
	close(source);
}

static void make_special(int parent, const char *name, const struct entry *entry) {
	int made = S_ISLNK(entry->mode) ? symlinkat(entry->link, parent, name)
					: mknodat(parent, name, (entry->mode & S_IFMT) | 0600, makedev(entry->major, entry->minor));
	if (made < 0 || fchownat(parent, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail("create", entry->path);
	if (!S_ISLNK(entry->mode) && fchmodat(parent, name, entry->mode & 07777, 0) < 0)
		fail("set the mode of", entry->path);
	utimensat(parent, name, (struct timespec[]){entry->modified, entry->modified}, AT_SYMLINK_NOFOLLOW);
}

static void make_entry(struct record *record, bool keep_kinds) {
	struct entry entry = take_entry(record);
	const char *name;
	int parent = open_parent_in_root(entry.path, &name);
	bool is_there = make_room(parent, name, &entry, keep_kinds);
	if (entry.is_hard_link)
		make_hard_link(parent, name, &entry);
	else if (S_ISREG(entry.mode))
		make_file(parent, name, &entry, record);
	else if (S_ISDIR(entry.mode))
		make_directory(parent, name, &entry, record, is_there);
	else
		make_special(parent, name, &entry);
	close(parent);
}

static void write_content(struct record *record) {
	uint64_t at = take_u64(record);
	size_t length;
	const unsigned char *bytes = take_rest(record, &length);
	if (open_file.file < 0)
		fail_because("write", "content", "no file is open for it");
	while (length > 0) {
		ssize_t written = pwrite(open_file.file, bytes, length, (off_t)at);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			fail("write", "a file");
		bytes += written;
		at += (uint64_t)written;
		length -= (size_t)written;
	}
}

static void set_directory_times(void) {
	for (struct directory_time *time = directory_times; time; time = time->next) {
		int directory = open_in_root(time->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
		if (directory < 0)
			continue; /* a later entry, or the container, has replaced it */
		futimens(directory, (struct timespec[]){time->modified, time->modified});
		close(directory);
	}
}

void write_files(int connection, const char *directory, bool keep_kinds) {
	int at = open_in_root(directory, O_PATH | O_DIRECTORY, 0);
	if (at < 0)
		fail("open the directory", directory);
	close(at);
	struct record record;
	struct event event;
	while (read_record(connection, &record)) {
		if (record.kind == OP_FILES_CONTENT) {
			write_content(&record);
			continue;
		}
		close_file();
		if (record.kind == OP_FILES_ENTRY) {
			make_entry(&record, keep_kinds);
			continue;
		}
		if (record.kind != OP_FILES_END)
			fail_because("write", "files", "an unknown record came");
		set_directory_times();
		event_begin(&event, "done");
		event_end(&event);
		event_send(connection, &event);
		_exit(0);
	}
	_exit(1); /* the agent hung up */
}
