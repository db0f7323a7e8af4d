/* Prints every datagram that arrives at a unix socket as one line of hexadecimal digits. Node knows no such sockets. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int count, char **arguments) {
	static unsigned char bytes[1 << 18];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (count != 2 || strlen(arguments[1]) >= sizeof address.sun_path)
		return 2;
	strcpy(address.sun_path, arguments[1]);
	if (receiver < 0 || bind(receiver, (struct sockaddr *)&address, sizeof address) < 0)
		return 1;
	printf("ready\n");
	for (;;) {
		fflush(stdout);
		ssize_t length = recv(receiver, bytes, sizeof bytes, 0);
		if (length < 0)
			return 1;
		for (ssize_t at = 0; at < length; at++)
			printf("%02x", bytes[at]);
		printf("\n");
	}
}
