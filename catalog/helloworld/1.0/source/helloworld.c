/* helloworld ADDRESS PORT FILE: a web server that answers every GET with the text of FILE.
 *
 * One thread and one poll loop.
 * A connection lives a few seconds at most, and the one nearest to its end makes room when the
 * table is full, so clients that say nothing never keep the others out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 256,      /* far below the usual limit of 1024 open files */
    REQUEST_BYTES_MAX = 8192, /* what common web servers take as a request's head */
    GREETING_BYTES_MAX = 4096, /* 500 characters of at most 4 bytes, and some room */
    REQUEST_MS = 5000,      /* for a request to come and its answer to go */
    GOODBYE_MS = 1000,      /* for the client to close after the answer */
};

struct client {
    int fd;
    enum { READING, WRITING, CLOSING } state;
    long long deadline_ms;
    size_t length, sent; /* of `bytes`: the request, then the answer */
    char bytes[REQUEST_BYTES_MAX];
};

static struct client clients[CLIENTS_MAX];
static int count;
static char greeting[GREETING_BYTES_MAX];
static size_t greeting_length;

static void end(int signal_number) { (void)signal_number; _exit(0); }

static void die(const char *doing) { fprintf(stderr, "helloworld: %s: %s\n", doing, strerror(errno)); exit(1); }

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void hang_up(int index) {
    close(clients[index].fd);
    if (index != --count)
        memcpy(&clients[index], &clients[count], sizeof clients[0]);
}

static void log_request(const char *line, int status) {
    char at[32], shown[128];
    time_t now = time(NULL);
    size_t length = 0;
    strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    for (; line[length] >= ' ' && line[length] != 127 && length < sizeof shown - 1; length++)
        shown[length] = line[length] == '"' ? '\'' : line[length];
    shown[length] = 0;
    printf("%s \"%s\" %d\n", at, shown, status);
    fflush(stdout);
}

/* Puts the answer in the place of the request. */
static void answer(struct client *client, int status, const char *reason) {
    int is_head = strncmp(client->bytes, "HEAD ", 5) == 0;
    const char *body = status == 200 ? greeting : reason;
    size_t length = status == 200 ? greeting_length : strlen(reason);
    log_request(client->bytes, status);
    int head = snprintf(client->bytes, sizeof client->bytes,
        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
        "Connection: close\r\n%s\r\n", status, reason, length, status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (!is_head)
        memcpy(client->bytes + head, body, length);
    client->length = (size_t)head + (is_head ? 0 : length);
    client->sent = 0;
    client->state = WRITING;
}

/* Whether the connection goes on. */
static int receive(struct client *client) {
    ssize_t got = recv(client->fd, client->bytes + client->length, sizeof client->bytes - 1 - client->length, 0);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    client->length += (size_t)got;
    client->bytes[client->length] = 0;
    if (strstr(client->bytes, "\r\n\r\n") == NULL) {
        if (client->length == sizeof client->bytes - 1)
            answer(client, 431, "Request Header Fields Too Large");
    } else if (strncmp(client->bytes, "GET ", 4) == 0 || strncmp(client->bytes, "HEAD ", 5) == 0) {
        answer(client, 200, "OK");
    } else {
        answer(client, 405, "Method Not Allowed");
    }
    return 1;
}

static int transmit(struct client *client) {
    ssize_t put = send(client->fd, client->bytes + client->sent, client->length - client->sent, MSG_NOSIGNAL);
    if (put < 0)
        return errno == EAGAIN || errno == EINTR;
    client->sent += (size_t)put;
    if (client->sent == client->length) {
        /* Closing at once would throw away an answer that is still on its way. */
        shutdown(client->fd, SHUT_WR);
        client->state = CLOSING;
        client->deadline_ms = now_ms() + GOODBYE_MS;
    }
    return 1;
}

static int step(struct client *client) {
    char dropped[1024];
    if (client->state == READING)
        return receive(client);
    if (client->state == WRITING)
        return transmit(client);
    ssize_t got = recv(client->fd, dropped, sizeof dropped, 0);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void welcome(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return; /* the client has left again, or a limit is reached: the next round tries again */
    if (count == CLIENTS_MAX) {
        int oldest = 0;
        for (int index = 1; index < count; index++)
            if (clients[index].deadline_ms < clients[oldest].deadline_ms)
                oldest = index;
        hang_up(oldest);
    }
    struct client *client = &clients[count++];
    client->fd = fd;
    client->state = READING;
    client->length = 0;
    client->deadline_ms = now_ms() + REQUEST_MS;
}

static int listen_at(const char *address, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    int wrong = getaddrinfo(address, port, &hints, &found), on = 1;
    if (wrong) {
        fprintf(stderr, "helloworld: %s %s is no address and port: %s\n", address, port, gai_strerror(wrong));
        exit(2);
    }
    int listener = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        die("opening a socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, found->ai_addr, found->ai_addrlen) || listen(listener, SOMAXCONN))
        die("listening");
    freeaddrinfo(found);
    return listener;
}

static void serve(int listener) {
    static struct pollfd polled[CLIENTS_MAX + 1];
    for (;;) {
        long long now = now_ms(), first = now + 60000;
        for (int index = count - 1; index >= 0; index--)
            if (clients[index].deadline_ms <= now)
                hang_up(index);
        for (int index = 0; index < count; index++) {
            polled[index] = (struct pollfd){clients[index].fd, clients[index].state == WRITING ? POLLOUT : POLLIN, 0};
            if (clients[index].deadline_ms < first)
                first = clients[index].deadline_ms;
        }
        int known = count;
        polled[known] = (struct pollfd){listener, POLLIN, 0};
        if (poll(polled, (nfds_t)known + 1, (int)(first - now)) < 0 && errno != EINTR)
            die("waiting");
        /* From the end, since the last one takes the place of one that leaves. */
        for (int index = known - 1; index >= 0; index--)
            if (polled[index].revents && !step(&clients[index]))
                hang_up(index);
        if (polled[known].revents)
            welcome(listener);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: helloworld ADDRESS PORT FILE\n");
        return 2;
    }
    signal(SIGTERM, end);
    signal(SIGINT, end);
    FILE *file = fopen(argv[3], "re");
    if (file == NULL)
        die(argv[3]);
    greeting_length = fread(greeting, 1, sizeof greeting, file);
    fclose(file);
    int listener = listen_at(argv[1], argv[2]);
    printf("listening at %s port %s\n", argv[1], argv[2]);
    fflush(stdout);
    serve(listener);
}
