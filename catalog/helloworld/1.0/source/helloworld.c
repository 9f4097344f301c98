/* A web server that answers every request with one greeting.
 *
 * Usage: helloworld ADDRESS PORT FILE
 * The greeting is the text of FILE, read once at the start. One request at a time, each with a time limit, which is
 * enough for a page that is looked at to see that a machine works.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { GREETING_MAX = 8192, REQUEST_MAX = 8192, WAIT_SECONDS = 2 };

static void fail(const char *doing, const char *what)
{
    fprintf(stderr, "helloworld: %s %s: %s\n", doing, what, strerror(errno));
    exit(1);
}

static size_t read_greeting(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail("opening the greeting", path);
    size_t length = fread(text, 1, GREETING_MAX, file);
    if (ferror(file))
        fail("reading the greeting", path);
    fclose(file);
    return length;
}

static int listen_at(const char *address, const char *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1) {
        fprintf(stderr, "helloworld: %s is no IPv4 address\n", address);
        exit(2);
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    if (listener < 0)
        fail("making", "a socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) < 0)
        fail("binding port", port);
    if (listen(listener, 64) < 0)
        fail("listening at port", port);
    return listener;
}

/* Reads up to the empty line that ends a request's head. Returns 0 if none came in time. */
static int read_request(int client)
{
    char request[REQUEST_MAX + 1];
    size_t length = 0;
    while (length < REQUEST_MAX) {
        ssize_t n = recv(client, request + length, REQUEST_MAX - length, 0);
        if (n <= 0)
            return 0;
        length += (size_t)n;
        request[length] = 0;
        if (strstr(request, "\r\n\r\n") || strstr(request, "\n\n"))
            return 1;
    }
    return 0;
}

static void send_all(int client, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t n = send(client, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        length -= (size_t)n;
    }
}

static void answer(int client, const char *text, size_t length)
{
    struct timeval limit = {.tv_sec = WAIT_SECONDS};
    char head[256];
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (!read_request(client))
        return;
    int head_length = snprintf(head, sizeof head,
                               "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                               "Content-Length: %zu\r\nConnection: close\r\n\r\n", length);
    send_all(client, head, (size_t)head_length);
    send_all(client, text, length);
}

int main(int argc, char **argv)
{
    static char greeting[GREETING_MAX];
    if (argc != 4) {
        fprintf(stderr, "usage: helloworld ADDRESS PORT FILE\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    size_t length = read_greeting(argv[3], greeting);
    int listener = listen_at(argv[1], argv[2]);
    printf("helloworld: listening at http://%s:%s/\n", argv[1], argv[2]);
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0 && errno != EINTR && errno != ECONNABORTED)
            fail("waiting for", "a client");
        if (client < 0)
            continue;
        answer(client, greeting, length);
        close(client);
    }
}
