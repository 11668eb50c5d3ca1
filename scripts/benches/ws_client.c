/* Counts what many WebSocket connections are told, and how late.
 *
 *     ws_client PORT PATH CONNECTIONS [HELLO]
 *
 * Opens the connections, sends HELLO on each and waits for its welcome (without HELLO: for the handshake), then says
 * "ready". "measure LINES SECONDS" on stdin begins a count (it says "counting"); when every connection has been told so
 * many lines, or after so many seconds, it prints one JSON object. The end of stdin ends it.
 *
 * A line holds "id":"NUMBER","at":"NS" with ten and twenty digits: it is the NUMBERth on its connection, from 0, and was
 * published at NS of CLOCK_MONOTONIC. One that is missing, doubled or out of order counts as lost.
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
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 64, READ_BYTES = 1 << 20, FRAME_LINES = 1 << 12, FRAMES_KNOWN = 16 };
enum { BUCKET_NS = 10000, BUCKETS = 1500000 }; /* up to 15 s */
static const char MARK[] = "\"id\":\"0000000000\",\"at\":\"00000000000000000000\"";

enum state { UPGRADING, ENTERING, OPEN, CLOSED };

struct connection {
    int fd;
    enum state state;
    uint8_t *rest; /* the beginning of what is not complete yet */
    size_t rest_bytes, rest_room;
    uint64_t next;
};

/* A crowd is told the same bytes: a frame is searched once and compared from then on. */
struct frame {
    uint8_t *bytes;
    size_t length, room;
    int lines;
    uint64_t number[FRAME_LINES], at[FRAME_LINES];
};

static struct connection *connections;
static int count, opened, opening;
static struct frame known[FRAMES_KNOWN];
static unsigned newest;
static const char *hello;
static uint8_t input[READ_BYTES];
static int epoll_fd;

static struct {
    int under_way;
    uint64_t until, expected, lines, frames, bytes, lost, closed, latest_ns;
    uint32_t *late;
} tally;

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (%s)\n", strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void *grown(void *memory, size_t *room, size_t wanted) {
    if (*room >= wanted) return memory;
    *room = wanted * 2;
    return realloc(memory, *room);
}

/* Counting */

static uint64_t decimal(const uint8_t *digits, int length) {
    uint64_t value = 0;
    for (int i = 0; i < length; i++) value = value * 10 + (digits[i] - '0');
    return value;
}

static void search(struct frame *frame) {
    const uint8_t *at = frame->bytes, *end = at + frame->length;
    frame->lines = 0;
    while ((at = memmem(at, end - at, "\"id\":\"", 6)) && at + sizeof MARK - 1 <= end) {
        if (frame->lines == FRAME_LINES) fail("more than %d lines in a frame", FRAME_LINES);
        frame->number[frame->lines] = decimal(at + 6, 10);
        frame->at[frame->lines++] = decimal(at + 24, 20);
        at += sizeof MARK - 1;
    }
}

static const struct frame *look_up(const uint8_t *bytes, size_t length) {
    for (unsigned i = 0; i < FRAMES_KNOWN; i++) {
        const struct frame *frame = &known[(newest - i) % FRAMES_KNOWN];
        if (frame->length == length && memcmp(frame->bytes, bytes, length) == 0) return frame;
    }
    struct frame *frame = &known[++newest % FRAMES_KNOWN];
    frame->bytes = grown(frame->bytes, &frame->room, length);
    memcpy(frame->bytes, bytes, length);
    frame->length = length;
    search(frame);
    return frame;
}

static void told(struct connection *c, const uint8_t *bytes, size_t length, uint64_t when) {
    const struct frame *frame = look_up(bytes, length);
    if (!frame->lines) return;
    tally.frames++;
    tally.bytes += length;
    tally.lines += frame->lines;
    for (int i = 0; i < frame->lines; i++) {
        if (frame->number[i] != c->next) tally.lost++;
        c->next = frame->number[i] + 1;
        uint64_t late = when - frame->at[i], bucket = late / BUCKET_NS;
        if (late > tally.latest_ns) tally.latest_ns = late;
        tally.late[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
    }
}

static double late_ms(double share) {
    uint64_t passed = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        passed += tally.late[i];
        if (tally.lines && passed >= share * tally.lines) return (i + 1) * (BUCKET_NS / 1e6);
    }
    return 0;
}

static void begin(uint64_t lines, double seconds) {
    memset(tally.late, 0, BUCKETS * sizeof *tally.late);
    tally.expected = lines * count;
    tally.lines = tally.frames = tally.bytes = tally.lost = tally.latest_ns = 0;
    tally.until = now() + seconds * 1e9;
    tally.under_way = 1;
    puts("counting");
}

static void finish(void) {
    uint64_t missing = tally.lines < tally.expected ? tally.expected - tally.lines : 0;
    tally.under_way = 0;
    printf("{\"lines\": %lu, \"frames\": %lu, \"bytes\": %lu, \"lost\": %lu, \"closed\": %lu, ", tally.lines,
           tally.frames, tally.bytes, tally.lost > missing ? tally.lost : missing, tally.closed);
    printf("\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n", late_ms(.5), late_ms(.99), tally.latest_ns / 1e6);
}

/* WebSocket, RFC 6455 */

static void say(struct connection *c, uint8_t opcode, const void *text, size_t length) {
    uint8_t frame[1024] = {0x80 | opcode, 0x80 | (length < 126 ? length : 126)};
    size_t head = 2;
    if (length > sizeof frame - 8) fail("too long to say: %zu bytes", length);
    if (length >= 126) frame[head++] = length >> 8, frame[head++] = length;
    head += 4; /* a mask of zeros */
    memcpy(frame + head, text, length);
    if (send(c->fd, frame, head + length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) fail("send");
}

static void has_opened(struct connection *c) {
    c->state = OPEN;
    opened++;
    opening--;
}

static void hear(struct connection *c, uint8_t opcode, const uint8_t *bytes, size_t length, uint64_t when) {
    if (opcode == 9)
        say(c, 10, bytes, length);
    else if (opcode != 1)
        return;
    else if (c->state == OPEN)
        told(c, bytes, length, when);
    else if (memmem(bytes, length, "\"type\":\"welcome\"", 16))
        has_opened(c);
    else
        fail("no welcome: %.*s", (int)length, bytes);
}

/* Answers how many bytes were complete frames. */
static size_t take_frames(struct connection *c, const uint8_t *bytes, size_t length, uint64_t when) {
    size_t taken = 0;
    while (length - taken >= 2) {
        const uint8_t *p = bytes + taken;
        size_t head = 2, payload = p[1] & 127, extra = payload == 126 ? 2 : payload == 127 ? 8 : 0;
        if (length - taken < head + extra) break;
        if (extra) payload = 0;
        for (size_t i = 0; i < extra; i++) payload = payload << 8 | p[head + i];
        head += extra;
        if (length - taken < head + payload) break;
        hear(c, p[0] & 15, p + head, payload, when);
        taken += head + payload;
    }
    return taken;
}

static size_t take_upgrade(struct connection *c, const uint8_t *bytes, size_t length) {
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end) return 0;
    if (!memmem(bytes, end - bytes, " 101 ", 5)) fail("refused: %.*s", (int)(end - bytes), bytes);
    c->state = ENTERING;
    if (hello)
        say(c, 1, hello, strlen(hello));
    else
        has_opened(c);
    return end + 4 - bytes;
}

static void has_closed(struct connection *c) {
    if (c->state != OPEN) fail("a connection was closed before it was open");
    close(c->fd);
    c->state = CLOSED;
    tally.closed++;
}

static void receive(struct connection *c) {
    memcpy(input, c->rest, c->rest_bytes);
    ssize_t got = recv(c->fd, input + c->rest_bytes, sizeof input - c->rest_bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return has_closed(c);
    uint64_t when = now();
    size_t length = c->rest_bytes + got;
    size_t taken = c->state == UPGRADING ? take_upgrade(c, input, length) : 0;
    if (c->state != UPGRADING) taken += take_frames(c, input + taken, length - taken, when);
    c->rest_bytes = length - taken;
    if (c->rest_bytes == sizeof input) fail("a frame of more than %d bytes", READ_BYTES);
    c->rest = grown(c->rest, &c->rest_room, c->rest_bytes);
    memcpy(c->rest, input + taken, c->rest_bytes);
}

static void open_next(int port, const char *path) {
    struct connection *c = &connections[opened + opening++];
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[512];
    int one = 1, length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (void *)&server, sizeof server)) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (send(c->fd, request, length, 0) != length) fail("send");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void obey(void) {
    char order[256];
    uint64_t lines;
    double seconds;
    ssize_t got = read(0, order, sizeof order - 1);
    if (got <= 0) exit(0);
    order[got] = 0;
    if (sscanf(order, "measure %lu %lf", &lines, &seconds) != 2) fail("not understood: %s", order);
    begin(lines, seconds);
}

int main(int argc, char **argv) {
    if (argc < 4) fail("ws_client PORT PATH CONNECTIONS [HELLO]");
    count = atoi(argv[3]);
    hello = argc > 4 ? argv[4] : NULL;
    connections = calloc(count, sizeof *connections);
    tally.late = calloc(BUCKETS, sizeof *tally.late);
    setvbuf(stdout, NULL, _IOLBF, 0);
    epoll_fd = epoll_create1(0);
    struct epoll_event orders = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &orders)) fail("stdin");
    for (int ready = 0;;) {
        while (opening < AT_ONCE && opened + opening < count) open_next(atoi(argv[1]), argv[2]);
        int got = epoll_wait(epoll_fd, events, 512, tally.under_way ? 100 : -1);
        for (int i = 0; i < got; i++) {
            if (events[i].data.ptr)
                receive(events[i].data.ptr);
            else
                obey();
        }
        if (!ready && opened == count) ready = puts("ready");
        if (tally.under_way && (tally.lines >= tally.expected || now() > tally.until)) finish();
    }
}
