#ifndef SHOAL_FILES_H
#define SHOAL_FILES_H

#include <sys/stat.h>

#include "shim.h"

/*
 * files*.c: copying out of and into a container (REPLY_ENTRY, OP_FILES_ENTRY). The process stands in the container's mount
 * namespace, so that nothing of the host can be named; tar is made and read in TypeScript.
 */
enum entry_flag {
	ENTRY_HARD_LINK = 1, /* `link` names an earlier entry */
	ENTRY_WHITEOUT = 2, /* of a writable layer: the name is deleted */
	ENTRY_OPAQUE = 4, /* of a writable layer: hides the whole directory below */
	ENTRY_IN_IMAGE = 8, /* the image has something of that name */
	ENTRY_AS_IN_IMAGE = 16, /* both are directories of the same mode, owner and time */
};

/* files.c */
int reopen_for_reading(int at); /* a regular file behind an O_PATH descriptor; -1 with errno */
const char *path_of(int at); /* as seen from our root; NULL with errno */

/* files-entry.c: what one name is. */
void send_entry(int connection, uint32_t flags, const struct stat *status, const char *path, const char *link, int open_file);
void set_attributes(int file, struct record *names_and_values, uint32_t count);

/* files-links.c: which names are the same file. Remembers `path`; an earlier name of the same file, or NULL. */
const char *earlier_name(const struct stat *status, const char *path);

/* files-read.c */
void read_files(int connection, int at, const char *name);
void read_layer(int connection, const char *directory, int image);

/* files-write.c */
_Noreturn void write_files(int connection, const char *directory, bool keep_kinds);

#endif
