/* How many messages one core can hand to the kernel: a loop that send()s the same bytes to every connection.
 *
 *     send_limit CONNECTIONS BYTES ROUNDS_PER_S SECONDS SENDER_CORE RECEIVER_CORE
 *
 * The receiver, a process on the other core, reads and forgets. Prints {"sends", "blocked", "cpu_s", "round_ms"}: the
 * sender's CPU time, and what a round took by the clock; "blocked" sends found a full buffer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void pin(int core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores)) fail("sched_setaffinity");
}

static int connected(const struct sockaddr_in *to) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const void *)to, sizeof *to)) fail("connect");
    return fd;
}

static void receive(const struct sockaddr_in *sender, int connections) {
    static char bytes[1 << 20];
    struct epoll_event events[512];
    int epoll_fd = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connected(sender)};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    for (;;) {
        int got = epoll_wait(epoll_fd, events, 512, -1);
        for (int i = 0; i < got; i++)
            if (recv(events[i].data.fd, bytes, sizeof bytes, MSG_DONTWAIT) == 0) exit(0);
    }
}

static void sleep_until(double moment) {
    double wait = moment - seconds(CLOCK_MONOTONIC);
    if (wait > 0) usleep(wait * 1e6);
}

int main(int argc, char **argv) {
    if (argc != 7) fail("send_limit CONNECTIONS BYTES ROUNDS_PER_S SECONDS SENDER_CORE RECEIVER_CORE");
    int connections = atoi(argv[1]), bytes = atoi(argv[2]), one = 1;
    double rounds_per_s = atof(argv[3]), lasts = atof(argv[4]);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM, 0), *fds = calloc(connections, sizeof *fds);
    char *message = calloc(1, bytes);
    if (bind(listener, (void *)&here, size) || listen(listener, 4096)) fail("listen");
    getsockname(listener, (void *)&here, &size);

    pid_t receiver = fork();
    if (receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(atoi(argv[6]));
        receive(&here, connections);
    }
    pin(atoi(argv[5]));
    for (int i = 0; i < connections; i++) {
        if ((fds[i] = accept(listener, NULL, NULL)) < 0) fail("accept");
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    usleep(300000); /* the receiver has its last connections to look at */

    long sends = 0, blocked = 0, rounds = 0;
    double sending = 0, began = seconds(CLOCK_MONOTONIC), cpu_began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (seconds(CLOCK_MONOTONIC) < began + lasts) {
        double round_began = seconds(CLOCK_MONOTONIC);
        for (int i = 0; i < connections; i++) {
            if (send(fds[i], message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == bytes)
                sends++;
            else
                blocked++;
        }
        sending += seconds(CLOCK_MONOTONIC) - round_began;
        rounds++;
        if (rounds_per_s > 0) sleep_until(began + rounds / rounds_per_s);
    }
    double cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_began;
    kill(receiver, SIGKILL);
    printf("{\"sends\": %ld, \"blocked\": %ld, \"cpu_s\": %.4f, \"round_ms\": %.2f}\n", sends, blocked, cpu_s,
           sending / rounds * 1000);
}
