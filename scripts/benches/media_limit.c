/* What the same packets cost where nothing else is done: srtp_protect, and the kernel's send. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define MOST 1500
#define MOST_IN_ONE 40

typedef int (*protect_function)(void *srtp, void *packet, int *length);

/* Runs of packets of one size, and a shorter one at their end, leave in one call (UDP GSO). Returns the packets sent. */
static int send_runs(int fd, const struct sockaddr_in *to, uint8_t *bytes, const int *sizes, int count) {
    int sent = 0, first = 0;
    while (first < count) {
        int size = sizes[first], total = size, next = first + 1;
        while (next < count && next - first < MOST_IN_ONE && sizes[next - 1] == size && sizes[next] <= size)
            total += sizes[next++];
        char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
        struct iovec one = {bytes, total};
        struct msghdr message = {.msg_name = (void *)to, .msg_namelen = sizeof *to, .msg_iov = &one, .msg_iovlen = 1};
        if (next - first > 1) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            struct cmsghdr *header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = IPPROTO_UDP;
            header->cmsg_type = UDP_SEGMENT;
            header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            *(uint16_t *)CMSG_DATA(header) = size;
        }
        if (sendmsg(fd, &message, MSG_DONTWAIT) == total) sent += next - first;
        bytes += total;
        first = next;
    }
    return sent;
}

/* `packets` one behind the other, to everybody on this machine's `ports`. Returns the packets sent. */
int send_all(int fd, protect_function protect, void **srtps, const int *ports, int viewers, const uint8_t *packets,
             const int *lengths, int count) {
    static uint8_t bytes[MOST * MOST_IN_ONE * 2];
    int sizes[MOST_IN_ONE * 2], sent = 0;
    for (int i = 0; i < viewers; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(ports[i])};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const uint8_t *from = packets;
        uint8_t *at = bytes;
        for (int j = 0; j < count; j++) {
            memcpy(at, from, lengths[j]);
            sizes[j] = lengths[j];
            protect(srtps[i], at, &sizes[j]);
            at += sizes[j];
            from += lengths[j];
        }
        sent += send_runs(fd, &to, bytes, sizes, count);
    }
    return sent;
}
