/* A run of RTP packets to many viewers: copied, protected and handed to the kernel without Python in between.
 *
 * Built by any C compiler into a shared library that needs nothing but libc; libsrtp's `srtp_protect` comes as a
 * pointer from whoever loads it (live/media/accelerator.py). On Linux the packets of a run that have one size leave
 * in one piece that the kernel cuts (UDP_SEGMENT), and many viewers' pieces leave in one call (sendmmsg).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define VERSION 1
#define TRAILER 144     /* the most that srtp_protect appends */
#define ARENA (192 << 10) /* bytes of protected packets before they are sent: they stay in the core's cache */
#define MESSAGES 128
#define SEGMENTS 40       /* of one message; the kernel allows 64 */
#define PIECE 60000       /* bytes of one message; a datagram has 65,507 */
#define PATIENCE_MS 20    /* that one call waits for a full socket, in all */

#ifdef __linux__
#include <netinet/udp.h>
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#else
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
#endif

typedef int (*protect_call)(void *srtp, void *packet, int *length);

typedef struct {
    void *srtp;
    uint8_t address[32]; /* a sockaddr_in or sockaddr_in6 */
    uint32_t address_length;
    uint32_t whole; /* its path takes no segmented pieces */
} receiver;

typedef struct {
    receiver *to;
    uint8_t *start;
    int length, segment, packets, closed;
} piece;

typedef struct {
    protect_call protect;
    int fd, count, used, patience;
    uint64_t sent, lost; /* packets */
    piece pieces[MESSAGES];
    struct mmsghdr messages[MESSAGES];
    struct iovec vectors[MESSAGES];
    union {
        struct cmsghdr aligned;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } controls[MESSAGES];
    uint8_t arena[ARENA];
} sender;

int accelerator_version(void) { return VERSION; }

int sender_size(void) { return (int)sizeof(sender); }

void sender_open(sender *s, void *protect, int fd) {
    memset(s, 0, sizeof *s - ARENA);
    s->protect = (protect_call)protect;
    s->fd = fd;
}

uint64_t sender_sent(const sender *s) { return s->sent; }

uint64_t sender_lost(const sender *s) { return s->lost; }

/* 0, or -1 where `host` is no address of the family; the receiver then gets nothing. */
int receiver_aim(receiver *r, int v6, const char *host, int port, unsigned int scope) {
    memset(r->address, 0, sizeof r->address);
    r->whole = 0;
    if (v6) {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)r->address;
        to->sin6_family = AF_INET6;
        to->sin6_port = htons((uint16_t)port);
        to->sin6_scope_id = scope;
        r->address_length = inet_pton(AF_INET6, host, &to->sin6_addr) == 1 ? sizeof *to : 0;
    } else {
        struct sockaddr_in *to = (struct sockaddr_in *)r->address;
        to->sin_family = AF_INET;
        to->sin_port = htons((uint16_t)port);
        r->address_length = inet_pton(AF_INET, host, &to->sin_addr) == 1 ? sizeof *to : 0;
    }
    return r->address_length ? 0 : -1;
}

/* Room in the socket's buffer, sooner or later. */
static int wait_for_room(sender *s) {
    struct timespec before, after;
    struct pollfd one = {.fd = s->fd, .events = POLLOUT};
    if (s->patience <= 0) return 0;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int ready = poll(&one, 1, s->patience);
    clock_gettime(CLOCK_MONOTONIC, &after);
    s->patience -= (int)((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000);
    if (ready > 0) s->patience -= 1; /* so that a socket which is always ready and always full ends this, too */
    return ready > 0;
}

static int is_full(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

static int send_some(sender *s, int first) {
#ifdef __linux__
    return sendmmsg(s->fd, s->messages + first, (unsigned int)(s->count - first), MSG_DONTWAIT);
#else
    return sendmsg(s->fd, &s->messages[first].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
#endif
}

/* A piece that the path to its viewer doesn't take as one: packet by packet, now and from now on. */
static void send_singly(sender *s, const piece *p) {
    p->to->whole = 1;
    for (int at = 0; at < p->length; at += p->segment) {
        int left = p->length - at, size = left < p->segment ? left : p->segment;
        ssize_t done;
        do {
            done = sendto(s->fd, p->start + at, (size_t)size, MSG_DONTWAIT, (struct sockaddr *)p->to->address,
                          p->to->address_length);
        } while (done < 0 && (errno == EINTR || (is_full(errno) && wait_for_room(s))));
        if (done < 0)
            s->lost++;
        else
            s->sent++;
    }
}

static void address_message(sender *s, int i) {
    piece *p = &s->pieces[i];
    struct msghdr *header = &s->messages[i].msg_hdr;
    memset(header, 0, sizeof *header);
    s->vectors[i] = (struct iovec){p->start, (size_t)p->length};
    header->msg_name = p->to->address;
    header->msg_namelen = p->to->address_length;
    header->msg_iov = &s->vectors[i];
    header->msg_iovlen = 1;
#ifdef __linux__
    if (p->packets > 1) {
        uint16_t segment = (uint16_t)p->segment;
        memset(&s->controls[i], 0, sizeof s->controls[i]);
        header->msg_control = s->controls[i].bytes;
        header->msg_controllen = sizeof s->controls[i].bytes;
        struct cmsghdr *option = CMSG_FIRSTHDR(header);
        option->cmsg_level = IPPROTO_UDP;
        option->cmsg_type = UDP_SEGMENT;
        option->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(option), &segment, sizeof segment);
    }
#endif
}

static void flush(sender *s) {
    int next = 0;
    for (int i = 0; i < s->count; i++) address_message(s, i);
    while (next < s->count) {
        int done = send_some(s, next);
        if (done > 0) {
            for (; done > 0; done--) s->sent += (uint64_t)s->pieces[next++].packets;
        } else if (errno == EINTR || (is_full(errno) && wait_for_room(s))) {
            continue;
        } else if (s->pieces[next].packets > 1 && !is_full(errno)) {
            send_singly(s, &s->pieces[next++]);
        } else {
            s->lost += (uint64_t)s->pieces[next++].packets; /* to its viewer it is loss */
        }
    }
    s->count = s->used = 0;
}

static int goes_on(const piece *p, const receiver *to, int length) {
#ifdef __linux__
    return !p->closed && p->to == to && !to->whole && length <= p->segment && p->packets < SEGMENTS &&
           p->length + length <= PIECE;
#else
    (void)p, (void)to, (void)length;
    return 0;
#endif
}

static void put(sender *s, receiver *to, const uint8_t *packet, int length, int payload_type) {
    if (s->used + length + TRAILER > ARENA) flush(s);
    uint8_t *start = s->arena + s->used;
    memcpy(start, packet, (size_t)length);
    start[1] |= (uint8_t)payload_type;
    if (!to->address_length || s->protect(to->srtp, start, &length)) {
        s->lost++;
        return;
    }
    piece *last = s->count ? &s->pieces[s->count - 1] : 0;
    if (last && goes_on(last, to, length)) {
        last->length += length;
        last->packets++;
        last->closed = length < last->segment; /* only the last may be shorter */
    } else {
        if (s->count == MESSAGES) {
            int used = s->used;
            flush(s);
            memmove(s->arena, s->arena + used, (size_t)length);
            start = s->arena;
        }
        s->pieces[s->count++] = (piece){to, start, length, length, 1, 0};
    }
    s->used = (int)(start - s->arena) + length;
}

/* `packets` lie one after the other, `lengths` says where they end; each goes to each receiver, in order, under
 * `payload_type` (0: as it is). */
void sender_send(sender *s, receiver **receivers, int receiver_count, const uint8_t *packets, const int *lengths,
                 int packet_count, int payload_type) {
    s->patience = PATIENCE_MS;
    for (int i = 0; i < receiver_count; i++) {
        const uint8_t *packet = packets;
        for (int j = 0; j < packet_count; j++) {
            put(s, receivers[i], packet, lengths[j], payload_type);
            packet += lengths[j];
        }
    }
    flush(s);
}
