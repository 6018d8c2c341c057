/* src/sandbox/zygote_protocol.c: messages, and what becomes of the descriptors that come with them.
 */
#include "sandbox/zygote_protocol.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int close_pair(void **state)
{
    (void)state;
    (void)close(ends[0]);
    if (ends[1] >= 0)
        (void)close(ends[1]);
    return 0;
}

static size_t descriptor_count(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

static bool is_same_file(int left, int right)
{
    struct stat a;
    struct stat b;
    assert_int_equal(fstat(left, &a), 0);
    assert_int_equal(fstat(right, &b), 0);
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void make_files(int files[ZYGOTE_DESCRIPTORS_MAX])
{
    int unused[2];
    for (size_t i = 0; i < ZYGOTE_DESCRIPTORS_MAX; i++) {
        assert_int_equal(pipe(unused), 0);
        files[i] = unused[0];
        (void)close(unused[1]);
    }
}

static void close_files(const int *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(close(files[i]), 0);
}

static void messages_come_whole_with_their_descriptors(void **state)
{
    int files[ZYGOTE_DESCRIPTORS_MAX];
    (void)state;
    make_files(files);
    size_t before = descriptor_count();
    for (size_t count = 0; count <= ZYGOTE_DESCRIPTORS_MAX; count++) {
        const struct zygote_request sent = {.number = 77 + count};
        struct zygote_request got = {0};
        int descriptors[ZYGOTE_DESCRIPTORS_MAX];
        size_t got_count = 99;
        assert_int_equal(zygote_message_send(ends[0], &sent, sizeof(sent), files, count), 0);
        assert_int_equal(
            zygote_message_receive(ends[1], &got, sizeof(got), descriptors, &got_count),
            sizeof(got));
        assert_int_equal(got.number, 77 + count);
        assert_int_equal(got_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(is_same_file(descriptors[i], files[i]));
            assert_int_not_equal(descriptors[i], files[i]);
            assert_true((fcntl(descriptors[i], F_GETFD) & FD_CLOEXEC) != 0);
        }
        close_files(descriptors, count);
        assert_int_equal(descriptor_count(), before); /* those that were sent are the sender's */
    }
    close_files(files, ZYGOTE_DESCRIPTORS_MAX);
}

static void each_message_comes_by_itself(void **state)
{
    int files[ZYGOTE_DESCRIPTORS_MAX];
    (void)state;
    make_files(files);
    for (uint64_t number = 0; number < 5; number++) {
        const struct zygote_request sent = {.number = number};
        assert_int_equal(zygote_message_send(ends[0], &sent, sizeof(sent), files, number % 3), 0);
    }
    for (uint64_t number = 0; number < 5; number++) {
        struct zygote_request got;
        int descriptors[ZYGOTE_DESCRIPTORS_MAX];
        size_t count;
        assert_int_equal(zygote_message_receive(ends[1], &got, sizeof(got), descriptors, &count),
                         sizeof(got));
        assert_int_equal(got.number, number);
        assert_int_equal(count, number % 3);
        close_files(descriptors, count);
    }
    close_files(files, ZYGOTE_DESCRIPTORS_MAX);
}

static void too_many_descriptors_are_not_sent(void **state)
{
    const int files[ZYGOTE_DESCRIPTORS_MAX + 1] = {0};
    const struct zygote_request sent = {0};
    (void)state;
    assert_int_equal(
        zygote_message_send(ends[0], &sent, sizeof(sent), files, ZYGOTE_DESCRIPTORS_MAX + 1), -1);
    assert_int_equal(errno, EINVAL);
    char byte;
    assert_int_equal(recv(ends[1], &byte, 1, MSG_DONTWAIT), -1);
}

static void a_message_of_another_size_is_refused_with_its_descriptors(void **state)
{
    int files[ZYGOTE_DESCRIPTORS_MAX];
    (void)state;
    make_files(files);
    size_t before = descriptor_count();
    for (size_t size = 1; size < sizeof(struct zygote_request); size++) {
        const char bytes[sizeof(struct zygote_request)] = "";
        struct zygote_request got;
        int descriptors[ZYGOTE_DESCRIPTORS_MAX];
        size_t count = 99;
        assert_int_equal(zygote_message_send(ends[0], bytes, size, files, ZYGOTE_DESCRIPTORS_MAX),
                         0);
        errno = 0;
        assert_int_equal(zygote_message_receive(ends[1], &got, sizeof(got), descriptors, &count),
                         -1);
        assert_int_equal(errno, EPROTO);
        assert_int_equal(count, 0);
        assert_int_equal(descriptor_count(), before);
    }
    close_files(files, ZYGOTE_DESCRIPTORS_MAX);
}

/* More descriptors than there is room for: the kernel leaves the rest out. */
static void what_there_is_no_room_for_does_not_stay_open(void **state)
{
    enum { MANY = 32 };
    struct zygote_request sent = {.number = 5};
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MANY)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec vector = {.iov_base = &sent, .iov_len = sizeof(sent)};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    int files[MANY];
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        files[i] = ends[0];
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(files));
    memcpy(CMSG_DATA(rights), files, sizeof(files));
    size_t before = descriptor_count();
    assert_int_equal(sendmsg(ends[0], &header, 0), sizeof(sent));
    struct zygote_request got;
    int descriptors[ZYGOTE_DESCRIPTORS_MAX];
    size_t count;
    assert_int_equal(zygote_message_receive(ends[1], &got, sizeof(got), descriptors, &count),
                     sizeof(got));
    assert_true(count <= ZYGOTE_DESCRIPTORS_MAX);
    close_files(descriptors, count);
    assert_int_equal(descriptor_count(), before);
}

static void the_end_is_told(void **state)
{
    struct zygote_request got;
    const struct zygote_request sent = {0};
    int descriptors[ZYGOTE_DESCRIPTORS_MAX];
    size_t count = 99;
    (void)state;
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(zygote_message_receive(ends[0], &got, sizeof(got), descriptors, &count), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(count, 0);
    (void)close(ends[1]);
    ends[1] = -1;
    assert_int_equal(zygote_message_receive(ends[0], &got, sizeof(got), descriptors, &count), 0);
    assert_int_equal(zygote_message_send(ends[0], &sent, sizeof(sent), NULL, 0),
                     -1); /* no signal */
    assert_int_equal(errno, EPIPE);
}

static void a_socket_that_is_full_is_told(void **state)
{
    const struct zygote_request sent = {0};
    size_t count = 0;
    (void)state;
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    while (zygote_message_send(ends[0], &sent, sizeof(sent), NULL, 0) == 0)
        count++;
    assert_int_equal(errno, EAGAIN);
    assert_true(count > 0);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        CASE(messages_come_whole_with_their_descriptors),
        CASE(each_message_comes_by_itself),
        CASE(too_many_descriptors_are_not_sent),
        CASE(a_message_of_another_size_is_refused_with_its_descriptors),
        CASE(what_there_is_no_room_for_does_not_stay_open),
        CASE(the_end_is_told),
        CASE(a_socket_that_is_full_is_told),
    };
    return cmocka_run_group_tests_name("zygote_protocol", tests, NULL, NULL);
}
