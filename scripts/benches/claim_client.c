/* Sends prepared HTTP requests over many connections and counts the answers by status, and how late they come.
 *
 *     claim_client PORT CONNECTIONS REQUESTS
 *
 * REQUESTS is a file of requests, each behind its length (4 bytes, little endian); every one is sent once, in order.
 * Opens the connections, says "ready" and then takes lines from stdin:
 *
 *     closed COUNT SECONDS     each connection asks again when it was answered, until COUNT were asked or the time is up
 *     open COUNT RATE          COUNT requests at RATE a second, whether or not those before were answered; lateness counts
 *                              from the moment when a request was due
 *
 * After each it prints one JSON object. The end of stdin ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 1 << 14, STATUSES = 600, BUCKET_NS = 10000, BUCKETS = 3000000 }; /* up to 30 s */
enum { PATIENCE_S = 30 };

struct connection {
    int fd;
    int busy;
    uint64_t since;
    size_t got;
    char answer[ANSWER_BYTES];
};

static struct connection *connections;
static int *idle, idle_count, count, epoll_fd;
static const uint8_t *requests;
static size_t requests_bytes, next_request;

static struct {
    uint64_t asked, answered, failed, statuses[STATUSES], latest_ns;
    uint32_t *late;
} tally;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void connect_one(int port, struct connection *to) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (to->fd < 0 || connect(to->fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect: %s", strerror(errno));
    int one = 1;
    setsockopt(to->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(to->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = to};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, to->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

/* The next prepared request; 0 when there is none left. */
static uint32_t take(const uint8_t **request) {
    if (next_request + 4 > requests_bytes) return 0;
    uint32_t length;
    memcpy(&length, requests + next_request, 4);
    *request = requests + next_request + 4;
    next_request += 4 + length;
    return length;
}

static int ask(struct connection *by, uint64_t since) {
    const uint8_t *request;
    uint32_t length = take(&request);
    if (length == 0) return 0;
    if (send(by->fd, request, length, MSG_NOSIGNAL) != (ssize_t)length) die("a request was not taken whole");
    by->busy = 1;
    by->since = since;
    by->got = 0;
    tally.asked++;
    return 1;
}

static void note(struct connection *of, int status) {
    uint64_t late = now_ns() - of->since;
    uint64_t bucket = late / BUCKET_NS;
    tally.late[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    if (late > tally.latest_ns) tally.latest_ns = late;
    tally.answered++;
    tally.statuses[status > 0 && status < STATUSES ? status : 0]++;
    of->busy = 0;
    idle[idle_count++] = (int)(of - connections);
}

/* Whether the answer is whole; then its status. */
static int whole(struct connection *of) {
    of->answer[of->got] = 0;
    char *end = strstr(of->answer, "\r\n\r\n");
    if (end == NULL) return 0;
    char *length = strcasestr(of->answer, "\r\ncontent-length:");
    size_t body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (of->got < (size_t)(end + 4 - of->answer) + body) return 0;
    return atoi(of->answer + 9);
}

static void hear(struct connection *of) {
    ssize_t read_now = recv(of->fd, of->answer + of->got, ANSWER_BYTES - 1 - of->got, 0);
    if (read_now < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (read_now <= 0) die("the server hung up");
    of->got += (size_t)read_now;
    int status = whole(of);
    if (status) note(of, status);
    else if (of->got == ANSWER_BYTES - 1) die("an answer is too long");
}

static void listen_for(int timeout_ms) {
    struct epoll_event events[256];
    int found = epoll_wait(epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < found; i++) hear(events[i].data.ptr);
}

static double at_share(double share) {
    uint64_t wanted = (uint64_t)(share * (double)tally.answered), seen = 0;
    for (uint64_t bucket = 0; bucket < BUCKETS; bucket++) {
        seen += tally.late[bucket];
        if (seen > wanted) return (double)bucket * BUCKET_NS / 1e6;
    }
    return (double)tally.latest_ns / 1e6;
}

static void begin(void) {
    uint32_t *late = tally.late;
    memset(late, 0, BUCKETS * sizeof *late);
    memset(&tally, 0, sizeof tally);
    tally.late = late;
}

static void report(double seconds) {
    printf("{\"asked\": %llu, \"answered\": %llu, \"seconds\": %.6f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f, \"statuses\": {",
           (unsigned long long)tally.asked, (unsigned long long)tally.answered, seconds, at_share(0.5), at_share(0.99),
           (double)tally.latest_ns / 1e6);
    const char *between = "";
    for (int status = 0; status < STATUSES; status++)
        if (tally.statuses[status]) {
            printf("%s\"%d\": %llu", between, status, (unsigned long long)tally.statuses[status]);
            between = ", ";
        }
    printf("}}\n");
    fflush(stdout);
}

static void wait_for_answers(void) {
    uint64_t until = now_ns() + PATIENCE_S * 1000000000ull;
    while (tally.answered < tally.asked && now_ns() < until) listen_for(100);
}

static void run_closed(uint64_t wanted, double seconds) {
    begin();
    uint64_t began = now_ns(), until = began + (uint64_t)(seconds * 1e9);
    while (tally.asked < wanted && now_ns() < until) {
        while (idle_count && tally.asked < wanted)
            if (!ask(&connections[idle[--idle_count]], now_ns())) die("more requests are needed");
        listen_for(10);
    }
    wait_for_answers();
    report((double)(now_ns() - began) / 1e9);
}

static void run_open(uint64_t wanted, double rate) {
    begin();
    uint64_t began = now_ns();
    while (tally.asked < wanted) {
        uint64_t now = now_ns();
        while (tally.asked < wanted && idle_count) {
            uint64_t due = began + (uint64_t)((double)tally.asked / rate * 1e9);
            if (due > now) break;
            if (!ask(&connections[idle[--idle_count]], due)) die("more requests are needed");
        }
        listen_for(1);
    }
    wait_for_answers();
    report((double)(now_ns() - began) / 1e9);
}

int main(int given, char **argument) {
    if (given != 4) die("claim_client PORT CONNECTIONS REQUESTS");
    count = atoi(argument[2]);
    connections = calloc((size_t)count, sizeof *connections);
    idle = calloc((size_t)count, sizeof *idle);
    tally.late = calloc(BUCKETS, sizeof *tally.late);
    epoll_fd = epoll_create1(0);
    int file = open(argument[3], O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0) die("%s: %s", argument[3], strerror(errno));
    requests_bytes = (size_t)about.st_size;
    requests = mmap(NULL, requests_bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (requests == MAP_FAILED) die("mmap: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        connect_one(atoi(argument[1]), &connections[i]);
        idle[idle_count++] = i;
    }
    printf("ready\n");
    fflush(stdout);
    char line[200];
    while (fgets(line, sizeof line, stdin)) {
        uint64_t wanted;
        double figure;
        if (sscanf(line, "closed %lu %lf", &wanted, &figure) == 2) run_closed(wanted, figure);
        else if (sscanf(line, "open %lu %lf", &wanted, &figure) == 2) run_open(wanted, figure);
        else die("not understood: %s", line);
    }
    return 0;
}
