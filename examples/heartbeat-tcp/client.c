/* Writes a PING every 30 seconds over a plain socket, and prints what it hears.
 *
 *     cc -o client client.c && ./client [HOST [PORT [SECONDS]]]
 */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void say(int connection, const char *line)
{
    for (size_t sent = 0, length = strlen(line); sent < length;) {
        ssize_t bytes = send(connection, line + sent, length - sent, MSG_NOSIGNAL);
        if (bytes < 0) {
            perror("send");
            exit(1);
        }
        sent += bytes;
    }
}

int main(int argc, char **argv)
{
    const char *host = argc > 1 ? argv[1] : "127.0.0.1";
    const char *port = argc > 2 ? argv[2] : "7000";
    double interval = argc > 3 ? atof(argv[3]) : 30;

    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
    int error = getaddrinfo(host, port, &hints, &address);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", host, gai_strerror(error));
        return 1;
    }
    int connection = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (connection < 0 || connect(connection, address->ai_addr, address->ai_addrlen) != 0) {
        perror("connect");
        return 1;
    }
    freeaddrinfo(address);

    say(connection, "hello from C\n");
    for (double next = now();;) {
        struct pollfd readable = {.fd = connection, .events = POLLIN};
        double wait = next - now();
        if (wait <= 0) {
            say(connection, "PING\n");
            next += interval;
        } else if (poll(&readable, 1, (int)(wait * 1000) + 1) > 0) {
            char heard[4096];
            ssize_t bytes = recv(connection, heard, sizeof heard, 0);
            if (bytes <= 0) {
                fputs("the connection was closed\n", stderr);
                return 1;
            }
            fwrite(heard, 1, bytes, stdout);
            fflush(stdout);
        }
    }
}
