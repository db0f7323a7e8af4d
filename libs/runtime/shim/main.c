/*
 * shoal-shim: the part of the runtime that Node cannot do, since it cannot fork.
 *
 *   shoal-shim zygote SOCKET
 *
 * waits on SOCKET. Every connection gets a process of its own, which reads what it is to be: the parent of a
 * new container (container.c), or of one process more in a container (exec.c). It forks a child that executes the
 * launch program it is sent, record by record (child.c), and ends up as the container's process.
 *
 *   shoal-shim launch DESCRIPTOR [DESCRIPTOR TO CLOSE…]
 *
 * reads one launch program from a descriptor and forks the process itself: for callers of the OCI command line, who
 * look after the container on their own (launch.c).
 *
 *   shoal-shim device-filter CGROUP
 *
 * replaces the device filter of a container's group by the program on its standard input (device-filter.c).
 *
 *   shoal-shim notify DIRECTORY SUPERVISOR PID MAIN-PID
 *
 * waits for a container to say that it is ready (notify.c).
 *
 *   docker-init -- PROGRAM ARGUMENT…
 *
 * is the same file inside a container with `init: true` (init.c).
 *
 * What to do is decided in TypeScript; here is only how.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

int main(int count, char **arguments) {
	if (count == 3 && strcmp(arguments[1], "zygote") == 0) {
		continue_from_sealed_copy(arguments);
		run_zygote(arguments[2]);
	}
	if (count >= 3 && strcmp(arguments[1], "launch") == 0) {
		continue_from_sealed_copy(arguments);
		for (int i = 3; i < count; i++)
			close(atoi(arguments[i])); /* only to keep the number of others */
		run_launch(atoi(arguments[2]));
	}
	if (count == 3 && strcmp(arguments[1], "device-filter") == 0)
		run_device_filter(arguments[2]);
	if (count == 6 && strcmp(arguments[1], "notify") == 0)
		return run_notify(arguments[2], arguments[3], arguments[4], arguments[5]);
	if (count >= 3 && strcmp(arguments[1], "--") == 0)
		run_init(arguments + 2);
	if (count == 2 && strcmp(arguments[1], "version") == 0)
		return printf("shoal-shim protocol %d\n", PROTOCOL_VERSION) < 0;
	fprintf(stderr, "usage: shoal-shim zygote SOCKET\n       shoal-shim version\n");
	return 2;
}
