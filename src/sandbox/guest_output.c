/* Output of a guest. Invariant: `gathered` holds whole frames whenever `busy` is false, the last of
 * them at `last`; only one of the program's write and the signal handler touches it at a time. */
#include "sandbox/guest_output.h"

#include "sandbox/guest_channel.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define GATHERED_MAX ((size_t)GUEST_CHANNEL_OUTPUT_MAX + sizeof(struct guest_channel_head))

static struct {
    volatile sig_atomic_t at_once; /* nothing is gathered */
    bool broken;                   /* the service is gone */
    volatile sig_atomic_t busy;
    volatile sig_atomic_t flush_wanted;
    uint64_t left[2]; /* bytes that stdout and stderr may still have */
    bool truncated[2];
    size_t size;
    size_t last; /* where the head of the last frame is; valid while size > 0 */
    uint8_t gathered[GATHERED_MAX];
} output;

static void send_gathered(void)
{
    if (output.size > 0 && !output.broken)
        output.broken =
            guest_channel_write_all(GUEST_CHANNEL_FD, output.gathered, output.size) != 0;
    output.size = 0;
}

/* What a compiler may move across a volatile access would let a handler see half of a write. */
static void set_busy(sig_atomic_t busy)
{
    atomic_signal_fence(memory_order_seq_cst);
    output.busy = busy;
    atomic_signal_fence(memory_order_seq_cst);
}

static void enter(void)
{
    set_busy(1);
}

static void leave(void)
{
    set_busy(0);
    /* A handler that came meanwhile has left the work here. */
    while (output.flush_wanted != 0) {
        output.flush_wanted = 0;
        set_busy(1);
        send_gathered();
        set_busy(0);
    }
}

/* Makes room for at least one more byte of `kind`; how many there is room for. */
static size_t make_room(enum guest_channel_kind kind)
{
    struct guest_channel_head head;
    if (output.size > 0) {
        memcpy(&head, output.gathered + output.last, sizeof(head));
        if (head.kind == (uint32_t)kind && output.size < GATHERED_MAX)
            return GATHERED_MAX - output.size;
        if (GATHERED_MAX - output.size <= sizeof(head) + 256)
            send_gathered();
    }
    head = (struct guest_channel_head){.kind = kind};
    output.last = output.size;
    memcpy(output.gathered + output.last, &head, sizeof(head));
    output.size += sizeof(head);
    return GATHERED_MAX - output.size;
}

static void gather(enum guest_channel_kind kind, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        size_t room = make_room(kind);
        size_t part = size < room ? size : room;
        struct guest_channel_head head;
        memcpy(output.gathered + output.size, bytes, part);
        output.size += part;
        memcpy(&head, output.gathered + output.last, sizeof(head));
        head.size += (uint32_t)part;
        memcpy(output.gathered + output.last, &head, sizeof(head));
        bytes += part;
        size -= part;
        if (output.size == GATHERED_MAX)
            send_gathered();
    }
}

static int write_stream(size_t index, const struct iovec *vectors, int count)
{
    enum guest_channel_kind kind = index == 0 ? GUEST_CHANNEL_STDOUT : GUEST_CHANNEL_STDERR;
    enter();
    for (int i = 0; i < count; i++) {
        size_t size = vectors[i].iov_len;
        if (size > output.left[index]) {
            size = (size_t)output.left[index];
            output.truncated[index] = true;
        }
        output.left[index] -= size;
        gather(kind, vectors[i].iov_base, size);
    }
    if (output.at_once != 0)
        send_gathered();
    leave();
    return output.broken ? EPIPE : 0;
}

static int write_stdout(void *argument, const struct iovec *vectors, int count)
{
    (void)argument;
    return write_stream(0, vectors, count);
}

static int write_stderr(void *argument, const struct iovec *vectors, int count)
{
    (void)argument;
    return write_stream(1, vectors, count);
}

static void before_wait(void *argument)
{
    (void)argument;
    guest_output_flush();
}

int guest_output_connect(struct wasi_host *host, struct error *error)
{
    const struct wasi_stream streams[] = {
        {.write = write_stdout, .before_wait = before_wait},
        {.write = write_stderr},
    };
    if (wasi_host_set_stream(host, 1, &streams[0], error) != 0)
        return -1;
    return wasi_host_set_stream(host, 2, &streams[1], error);
}

void guest_output_begin(uint64_t limit, bool stream)
{
    output.at_once = stream;
    output.size = 0;
    for (size_t i = 0; i < 2; i++) {
        output.left[i] = limit;
        output.truncated[i] = false;
    }
}

void guest_output_take(char *text, size_t size)
{
    size_t used = 0;
    size_t at = 0;
    while (at < output.size) {
        struct guest_channel_head head;
        memcpy(&head, output.gathered + at, sizeof(head));
        at += sizeof(head);
        size_t part = head.size < size - 1 - used ? head.size : size - 1 - used;
        memcpy(text + used, output.gathered + at, part);
        used += part;
        at += head.size;
    }
    text[used] = '\0';
    guest_output_forget();
}

void guest_output_forget(void)
{
    output.size = 0;
}

void guest_output_flush(void)
{
    enter();
    send_gathered();
    leave();
}

int guest_output_finish(const void *frames, size_t size)
{
    enter();
    int result = output.broken ? -1
                               : guest_channel_write_both(GUEST_CHANNEL_FD, output.gathered,
                                                          output.size, frames, size);
    output.size = 0;
    leave();
    return result;
}

void guest_output_flush_from_handler(bool last)
{
    if (last)
        output.at_once = 1;
    if (output.busy != 0)
        output.flush_wanted = 1;
    else
        send_gathered();
}

bool guest_output_truncated(int guest_fd)
{
    return output.truncated[guest_fd - 1];
}
