/* The zygote process. Invariant: it runs no program of a request, and holds no descriptor of a
 * guest process longer than it takes to fork it, so that the end of a channel is the end of its
 * process. */
#include "sandbox/zygote_process.h"

#include "engine/object_cache.h"
#include "sandbox/guest_channel.h"
#include "sandbox/guest_process.h"
#include "sandbox/lockdown.h"
#include "sandbox/memory_image.h"
#include "sandbox/time_slice.h"
#include "sandbox/zygote_protocol.h"
#include "shannon_guest.h"
#include "wasi/wasi_host.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The zygote's memory may grow to this while it starts; each run then gets its own limit. */
#define START_MEMORY_LIMIT ((uint64_t)1 << 30)

struct zygote_process {
    struct guest *guest;
    struct lockdown *lockdown;
    int descriptors[WASI_DESCRIPTORS_MAX]; /* the guest's: each process's are the same */
    size_t descriptor_count;
    int image; /* the memory image; -1: none */
    uint8_t image_id[MEMORY_IMAGE_ID_SIZE];
    uint8_t interpreter[INTERPRETER_DIGEST_SIZE];
};

static int send_reply(const struct zygote_reply *reply, const int *descriptors, size_t count)
{
    return zygote_message_send(ZYGOTE_SOCKET_FD, reply, sizeof(*reply), descriptors, count);
}

/* What a session's process gets beside what every one has. A fresh interpreter's state will differ
 * from this zygote's image, one that is brought back from the image it came with. */
static void fill_context(struct session_context *context, const struct zygote_process *zygote,
                         const struct zygote_request *request, const int *descriptors, size_t count)
{
    bool has_state = count == ZYGOTE_FD_COUNT;
    *context = (struct session_context){
        .image_fd = has_state ? descriptors[ZYGOTE_FD_IMAGE] : zygote->image,
        .state_fd = has_state ? descriptors[ZYGOTE_FD_STATE] : -1,
        .save_fds = {descriptors[ZYGOTE_FD_SAVE_0], descriptors[ZYGOTE_FD_SAVE_1]},
        .pagemap_fd = lockdown_open_own(zygote->lockdown, "pagemap"),
    };
    memcpy(context->interpreter, zygote->interpreter, sizeof(context->interpreter));
    memcpy(context->image, has_state ? request->image : zygote->image_id, sizeof(context->image));
}

/* In the new process. */
static _Noreturn void become_guest_process(const struct zygote_process *zygote,
                                           const struct zygote_request *request,
                                           const int *descriptors, size_t count)
{
    static struct session_context context;
    struct guest_process process = {.guest = zygote->guest,
                                    .descriptors = zygote->descriptors,
                                    .descriptor_count = zygote->descriptor_count,
                                    .lockdown = zygote->lockdown,
                                    .captured = true,
                                    .copy = true,
                                    .hurry = request->hurry != 0};
    /* The channel takes the place of the zygote's socket, which no guest process may hold. */
    if (dup2(descriptors[ZYGOTE_FD_CHANNEL], GUEST_CHANNEL_FD) < 0)
        _exit(1);
    if (count > ZYGOTE_FD_SAVE_1) {
        struct error error = ERROR_NONE;
        /* What is read from the page map shows where in the machine's memory a page lies to those
         * whose opener had a capability. */
        if (lockdown_drop_capabilities(zygote->lockdown, &error) != 0)
            guest_process_fail(&error);
        fill_context(&context, zygote, request, descriptors, count);
        process.session = &context;
    }
    guest_process_run(&process);
}

/* 1; 0 when the service closed the socket, -1 when it spoke nonsense. */
static int serve_one(struct zygote_process *zygote)
{
    struct zygote_request request;
    int descriptors[ZYGOTE_DESCRIPTORS_MAX];
    size_t count;
    ssize_t size =
        zygote_message_receive(ZYGOTE_SOCKET_FD, &request, sizeof(request), descriptors, &count);
    if (size <= 0)
        return (int)size;
    struct zygote_reply reply = {.kind = ZYGOTE_REPLY_FORKED, .number = request.number};
    /* A child of the service, which waits for it by itself, and which it outlives us for. */
    pid_t pid = count == 0 ? -1 : lockdown_fork(zygote->lockdown, true);
    if (pid == 0)
        become_guest_process(zygote, &request, descriptors, count);
    if (pid < 0) {
        reply.kind = ZYGOTE_REPLY_REFUSED;
        error_set_errno(&reply.error, ERROR_INTERNAL, errno, "cannot make a process");
    }
    reply.pid = pid;
    for (size_t i = 0; i < count; i++)
        (void)close(descriptors[i]);
    return send_reply(&reply, NULL, 0) == 0 ? 1 : 0;
}

static int start(struct zygote_process *zygote, const struct zygote_process_options *options,
                 struct error *error)
{
    BUFFER_LOCAL struct buffer object = BUFFER_EMPTY;
    const struct lockdown_options lockdown = {
        .readable_paths = options->guest.allowed_paths,
        .readable_path_count = options->guest.allowed_path_count,
        .processor_seconds = guest_process_processor_seconds(options->timeout_ms),
        .memory_bytes = options->memory_bytes,
        .file_bytes = options->state_bytes,
    };
    const uint32_t flags = SHANNON_INITIALIZE_PRELOAD | SHANNON_INITIALIZE_UNBUFFERED;
    zygote->lockdown = lockdown_prepare(&lockdown, error);
    if (zygote->lockdown == NULL || guest_prepare(&options->guest, &object, error) != 0 ||
        object_cache_module_digest(options->guest.wasm_path, zygote->interpreter, error) != 0)
        return -1;
    zygote->guest = guest_load(&options->guest, buffer_text(&object), error);
    /* Before the interpreter runs at all: it is somebody's code too. */
    if (zygote->guest == NULL || guest_capture(zygote->guest, error) != 0 ||
        lockdown_confine(zygote->lockdown, error) != 0 ||
        guest_initialize(zygote->guest, flags, START_MEMORY_LIMIT, error) != 0)
        return -1;
    if (guest_share(zygote->guest, zygote->lockdown, &zygote->image, error) != 0)
        return -1;
    zygote->descriptor_count =
        guest_descriptors(zygote->guest, zygote->descriptors, WASI_DESCRIPTORS_MAX);
    return zygote->image < 0 ? 0 : memory_image_identify(zygote->image, zygote->image_id, error);
}

static void prepare_process(void)
{
    /* The service decides when this process ends; a terminal's Ctrl-C is the service's to answer.
     */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    /* mremap(2), with which the allocator grows what it mapped, is not on the list of calls that a
     * guest process may make. */
    (void)mallopt(M_MMAP_MAX, 0);
    time_slice_reset(); /* the service's is short */
}

int zygote_process_main(const struct zygote_process_options *options)
{
    static struct zygote_process zygote = {.image = -1};
    struct zygote_reply reply = {.kind = ZYGOTE_REPLY_READY};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != options->service)
        return 1;
    if (fcntl(ZYGOTE_SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0)
        return 1;
    prepare_process();
    if (start(&zygote, options, &reply.error) != 0 || getppid() != options->service)
        reply.kind = ZYGOTE_REPLY_FAILED;
    else {
        reply.walls = lockdown_active(zygote.lockdown);
        reply.keeps_sessions = guest_can_be_saved(zygote.guest) ? 1 : 0;
        memcpy(reply.interpreter, zygote.interpreter, sizeof(reply.interpreter));
        memcpy(reply.image, zygote.image_id, sizeof(reply.image));
    }
    if (send_reply(&reply, &zygote.image, zygote.image < 0 ? 0 : 1) != 0 ||
        reply.kind == ZYGOTE_REPLY_FAILED)
        return 1;
    int status;
    do
        status = serve_one(&zygote);
    while (status > 0);
    return status == 0 ? 0 : 1;
}
