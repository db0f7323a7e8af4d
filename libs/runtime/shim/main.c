/*
 * shoal-shim: the part of the runtime that Node cannot do, since it cannot fork.
 *
 *   shoal-shim zygote SOCKET
 *
 * waits on SOCKET. Every connection gets a process of its own, which reads what it is to be: the parent of a
 * new container (container.c), or of one process more in a container (exec.c). It forks a child that executes the
 * launch program it is sent, record by record (child.c), and ends up as the container's process.
 *
 *   docker-init -- PROGRAM ARGUMENT…
 *
 * is the same file inside a container with `init: true` (init.c).
 *
 * What to do is decided in TypeScript; here is only how.
 */
#include <stdio.h>
#include <string.h>

#include "shim.h"

int main(int count, char **arguments) {
	if (count == 3 && strcmp(arguments[1], "zygote") == 0)
		run_zygote(arguments[2]);
	if (count >= 3 && strcmp(arguments[1], "--") == 0)
		run_init(arguments + 2);
	if (count == 2 && strcmp(arguments[1], "version") == 0)
		return printf("shoal-shim protocol %d\n", PROTOCOL_VERSION) < 0;
	fprintf(stderr, "usage: shoal-shim zygote SOCKET\n       shoal-shim version\n");
	return 2;
}
