/* Swaps two names as fast as it can, until its end: what a container does that wants a copy to go astray. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **names) {
	if (count != 3)
		return 2;
	write(1, "up\n", 3);
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], 2 /* RENAME_EXCHANGE */) < 0)
			return 1;
}
