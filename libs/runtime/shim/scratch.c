#define _GNU_SOURCE
/*
 * Room for output that is under way, for reading and for the log. A shim that waits for a container that says nothing
 * holds none: there may be a thousand of them.
 */
#include <sys/mman.h>

#include "shim.h"

static struct scratch *held;

struct scratch *scratch(void) {
	if (held)
		return held;
	void *room = mmap(NULL, sizeof *held, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		fail("get", "memory");
	return held = room;
}

bool scratch_is_held(void) {
	return held != NULL;
}

void scratch_release(void) {
	if (held)
		munmap(held, sizeof *held);
	held = NULL;
}
