/* Sessions. Invariants: `process` is NULL or holds what `state` does, or is running; `state` (a
 * memory file) is open whenever there is a state that is not on disk; the list is in the order of
 * last use. */
#include "agent_core/session_store.h"

#include "agent_core/session_files.h"
#include "base/background.h"
#include "base/log.h"
#include "sandbox/session_process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Processes that pack and write at the same time. */
#define WRITERS_MAXIMUM 2
/* After a failure, which the next one may well share, nothing is written for so long. */
#define SAVE_PAUSE_MS 10000
#define SWEEP_MINIMUM_MS 50
#define SWEEP_MAXIMUM_MS 2000

struct session {
    TAILQ_ENTRY(session) link;
    struct session_store *store;
    struct session_record record;
    struct zygote *zygote; /* NULL until it is used in this process */
    struct session_process *process;
    struct memory_image *image; /* of `state` */
    int state;                  /* the last good state; -1: on disk only, or none yet */
    bool on_disk;               /* there is a file, of this or an earlier state */
    bool unsaved;               /* `state` is newer than the file */
    bool busy;
    bool deleted;
    struct background *writer;
    size_t holders;
    char run_name[32];
    struct execution_listener listener; /* of the run under way */
};

TAILQ_HEAD(session_list, session);

struct session_store {
    struct event_base *loop;
    const struct config *config;
    struct interpreter_pool *pool;
    struct session_files *files;  /* NULL: memory only */
    struct session_list sessions; /* least recently used first */
    size_t count;
    size_t live;
    size_t writers;
    struct event *sweep;
    uint64_t saves;
    uint64_t save_failures;
    int64_t save_failed_ms; /* the last of them */
    uint64_t restores;
    void (*freed)(void *argument);
    void *freed_argument;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_state(const struct session *session)
{
    return session->state >= 0 || session->on_disk;
}

/* ---- life ---- */

static struct session *session_new(struct session_store *store)
{
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->store = store;
    session->state = -1;
    TAILQ_INSERT_TAIL(&store->sessions, session, link);
    store->count++;
    return session;
}

static void end_process(struct session *session)
{
    if (session->process == NULL)
        return;
    session_process_end(session->process);
    session->process = NULL;
    session->store->live--;
}

static void forget_state(struct session *session)
{
    if (session->state >= 0)
        (void)close(session->state);
    session->state = -1;
    session->image = memory_image_unref(session->image);
}

static bool image_is_needed(const struct session_store *store, const uint8_t *image)
{
    const struct session *session;
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (memcmp(session->record.image, image, MEMORY_IMAGE_ID_SIZE) == 0)
            return true;
    }
    return false;
}

static void remove_file(struct session *session)
{
    if (session->on_disk && session->store->files != NULL)
        session_files_remove(session->store->files, session->record.id);
    session->on_disk = false;
}

/* Nobody holds it, and no writer works for it. */
static void session_free(struct session *session)
{
    struct session_store *store = session->store;
    end_process(session);
    forget_state(session);
    TAILQ_REMOVE(&store->sessions, session, link);
    store->count--;
    if (session->deleted && store->files != NULL && !image_is_needed(store, session->record.image))
        session_files_remove_image(store->files, session->record.image);
    free(session);
}

/* One that was deleted, or whose first run never went well, is gone when nobody needs it. */
static void free_if_unused(struct session *session)
{
    if (session->holders == 0 && !session->busy && session->writer == NULL &&
        (session->deleted || !has_state(session)))
        session_free(session);
}

static void touch(struct session *session)
{
    session->record.used_ms = now_ms();
    TAILQ_REMOVE(&session->store->sessions, session, link);
    TAILQ_INSERT_TAIL(&session->store->sessions, session, link);
}

void session_delete(struct session *session)
{
    session->deleted = true;
    remove_file(session);
    if (!session_is_busy(session)) {
        end_process(session);
        forget_state(session);
    }
    free_if_unused(session);
}

static bool is_being_deleted(const struct session_store *store, const char *id)
{
    const struct session *session;
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (session->deleted && strcmp(session->record.id, id) == 0)
            return true;
    }
    return false;
}

bool session_store_delete_unreadable(struct session_store *store, const char *id)
{
    struct error error = ERROR_NONE;
    if (store->files == NULL || session_store_find(store, id) != NULL ||
        is_being_deleted(store, id) || session_files_refuse(store->files, id, &error) == 0)
        return false;
    session_files_remove(store->files, id);
    return true;
}

/* ---- finding ---- */

struct session *session_store_find(struct session_store *store, const char *id)
{
    struct session *session;
    TAILQ_FOREACH_REVERSE(session, &store->sessions, session_list, link)
    {
        if (strcmp(session->record.id, id) == 0 && !session->deleted)
            return session;
    }
    return NULL;
}

static int check_new(const struct session_store *store, const char *id, struct error *error)
{
    uint64_t most = config_number(store->config, CONFIG_SESSIONS_MAX_COUNT);
    if (!session_id_is_valid(id))
        return error_set(error, ERROR_INVALID_REQUEST,
                         "session_id must be 1 to 128 characters of A-Z, a-z, 0-9, \":\", \"_\", "
                         "\".\" and \"-\"");
    if (is_being_deleted(store, id))
        return error_set(error, ERROR_BUSY, "the session is being deleted: try again");
    /* A file without a session is one that could not be read. */
    if (store->files != NULL && session_files_refuse(store->files, id, error) != 0)
        return -1;
    if (store->count >= most)
        return error_set(error, ERROR_BUSY,
                         "there are %zu sessions, which is the most: delete one, or raise "
                         "sessions.max_count",
                         store->count);
    return 0;
}

static struct session *create(struct session_store *store, const char *id, struct error *error)
{
    if (check_new(store, id, error) != 0)
        return NULL;
    struct session *session = session_new(store);
    if (session == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    (void)snprintf(session->record.id, sizeof(session->record.id), "%s", id);
    session->record.created_ms = session->record.used_ms = now_ms();
    return session;
}

/* Gives the session its interpreter, or checks that it is the one it has. */
static int bind_interpreter(struct session *session, const char *interpreter, struct error *error)
{
    struct session_store *store = session->store;
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    struct session_record *record = &session->record;
    if (interpreter != NULL || record->interpreter[0] == '\0') {
        if (interpreter_pool_find(store->pool, interpreter, &path, error) != 0)
            return -1;
        if (path.size >= sizeof(record->interpreter))
            return error_set(error, ERROR_INVALID_REQUEST, "the interpreter's path is too long");
        if (record->interpreter[0] == '\0')
            (void)strcpy(record->interpreter, path.data);
        else if (strcmp(record->interpreter, path.data) != 0)
            return error_set(error, ERROR_INVALID_REQUEST,
                             "the session belongs to the interpreter %s", record->interpreter);
    }
    if (session->zygote == NULL)
        session->zygote = interpreter_pool_get_path(store->pool, record->interpreter, error);
    return session->zygote == NULL ? -1 : 0;
}

struct session *session_store_hold(struct session_store *store, const char *id,
                                   const char *interpreter, struct error *error)
{
    struct session *session = session_store_find(store, id);
    if (session == NULL)
        session = create(store, id, error);
    if (session == NULL)
        return NULL;
    session->holders++;
    if (bind_interpreter(session, interpreter, error) == 0)
        return session;
    session_release(session);
    return NULL;
}

void session_release(struct session *session)
{
    session->holders--;
    free_if_unused(session);
}

bool session_is_busy(const struct session *session)
{
    /* What is being written must not be written over. */
    return session->busy || session->writer != NULL;
}

void session_store_on_free(struct session_store *store, void (*freed)(void *argument),
                           void *argument)
{
    store->freed = freed;
    store->freed_argument = argument;
}

bool session_has_state(const struct session *session)
{
    return has_state(session);
}

const char *session_id(const struct session *session)
{
    return session->record.id;
}

/* ---- processes ---- */

static void on_saved(void *argument, int state_fd, uint64_t size, struct memory_image *image)
{
    struct session *session = argument;
    const uint8_t *digest = zygote_interpreter(session->zygote);
    int state = fcntl(state_fd, F_DUPFD_CLOEXEC, 0);
    if (state < 0) { /* without it the next failure could not be undone */
        LOG(LOG_ERROR, "a session's state cannot be held", log_text("error", strerror(errno)));
        return;
    }
    forget_state(session);
    session->state = state;
    session->image = memory_image_ref(image);
    memcpy(session->record.image, image->id, sizeof(session->record.image));
    if (digest != NULL)
        memcpy(session->record.digest, digest, sizeof(session->record.digest));
    session->record.size = size;
    session->record.duplicate = false;
    session->unsaved = true;
}

static void on_lost(void *argument)
{
    struct session *session = argument;
    session->process = NULL;
    session->store->live--;
}

/* The image that the session differs from. Where it is open already it is not read again. */
static struct memory_image *find_image(const struct session *session, struct error *error)
{
    const struct session *other;
    const uint8_t *id = session->record.image;
    struct memory_image *own = session->zygote == NULL ? NULL : zygote_image(session->zygote);
    if (own != NULL && memcmp(own->id, id, MEMORY_IMAGE_ID_SIZE) == 0)
        return memory_image_ref(own);
    TAILQ_FOREACH(other, &session->store->sessions, link)
    {
        if (other->image != NULL && memcmp(other->image->id, id, MEMORY_IMAGE_ID_SIZE) == 0)
            return memory_image_ref(other->image);
    }
    int fd = session_files_read_image(session->store->files, id, error);
    if (fd < 0)
        return NULL;
    struct memory_image *image = memory_image_new(id, fd);
    if (image == NULL)
        error_set(error, ERROR_INTERNAL, "out of memory");
    return image;
}

/* What to begin with; `opened` gets a descriptor that was opened for it, -1: none was. */
static int find_source(struct session *session, struct session_source *source, int *opened,
                       struct error *error)
{
    const struct session_files *files = session->store->files;
    struct session_record record;
    *opened = -1;
    source->state_fd = session->state;
    if (source->state_fd < 0) {
        source->state_fd = *opened = session_files_read(files, session->record.id, &record, error);
        if (*opened < 0)
            return -1;
    }
    if (session->image == NULL)
        session->image = find_image(session, error);
    source->image = session->image;
    if (session->image != NULL)
        return 0;
    if (*opened >= 0)
        (void)close(*opened);
    return -1;
}

/* Takes the process of the session that has waited longest, which goes on without one. */
static void make_room(struct session_store *store)
{
    struct session *session;
    if (store->live < config_number(store->config, CONFIG_SESSIONS_MAX_LIVE))
        return;
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (session->process != NULL && !session->busy) {
            end_process(session);
            return;
        }
    }
}

static int start_process(struct session *session, struct error *error)
{
    const struct session_process_listener listener = {
        .saved = on_saved, .lost = on_lost, .argument = session};
    struct session_source source;
    int opened = -1;
    bool from_state = has_state(session);
    if (from_state && find_source(session, &source, &opened, error) != 0)
        return -1;
    make_room(session->store);
    session->process =
        session_process_start(session->zygote, from_state ? &source : NULL, &listener, error);
    if (opened >= 0)
        (void)close(opened);
    if (session->process == NULL)
        return -1;
    session->store->live++;
    session->store->restores += from_state ? 1 : 0;
    return 0;
}

/* ---- runs ---- */

static void on_output(void *argument, int stream, const void *bytes, size_t size)
{
    struct session *session = argument;
    session->listener.output(session->listener.argument, stream, bytes, size);
}

static void on_done(void *argument, const struct execution_result *result)
{
    struct session *session = argument;
    session->busy = false;
    touch(session);
    if (session->deleted) {
        end_process(session);
        forget_state(session);
    }
    session->listener.done(session->listener.argument, result);
}

struct execution *session_start(struct session *session, const struct execution_request *request,
                                const struct execution_listener *listener, struct error *error)
{
    struct execution_request named = *request;
    const struct execution_listener own = {
        .output = on_output, .done = on_done, .argument = session};
    if (session->process == NULL && start_process(session, error) != 0)
        return NULL;
    /* Functions of an earlier run show the lines of that run. */
    (void)snprintf(session->run_name, sizeof(session->run_name), "<run %llu>",
                   (unsigned long long)++session->record.runs);
    named.filename = session->run_name;
    session->listener = *listener;
    session->busy = true;
    struct execution *execution = execution_start_in_session(
        session->process, &named, session->record.duplicate,
        config_number(session->store->config, CONFIG_SESSIONS_MAX_BYTES), &own, error);
    if (execution == NULL)
        session->busy = false;
    return execution;
}

/* ---- copies ---- */

/* A memory file with what `from` holds from its position on. */
static int copy_state(int from, struct error *error)
{
    struct stat status;
    off_t offset = lseek(from, 0, SEEK_CUR);
    int copy = memfd_create("session", MFD_CLOEXEC);
    int result = copy < 0 || fstat(from, &status) != 0 ? -1 : 0;
    while (result == 0 && offset < status.st_size) {
        ssize_t sent = sendfile(copy, from, &offset, (size_t)(status.st_size - offset));
        if (sent <= 0 && errno != EINTR)
            result = -1;
    }
    if (result == 0 && lseek(copy, 0, SEEK_SET) == 0)
        return copy;
    error_set_errno(error, ERROR_INTERNAL, errno, "cannot copy a session's state");
    if (copy >= 0)
        (void)close(copy);
    return -1;
}

int session_copy(struct session *session, const char *id, bool *exists, struct error *error)
{
    struct session_source source;
    int opened = -1;
    *exists = session_store_find(session->store, id) != NULL;
    if (*exists)
        return error_set(error, ERROR_INVALID_REQUEST, "there is a session \"%s\" already", id);
    if (check_new(session->store, id, error) != 0 ||
        find_source(session, &source, &opened, error) != 0)
        return -1;
    int state = copy_state(source.state_fd, error);
    if (opened >= 0)
        (void)close(opened);
    struct session *copy = state < 0 ? NULL : create(session->store, id, error);
    if (copy == NULL) {
        if (state >= 0)
            (void)close(state);
        return -1;
    }
    struct session_record record = session->record;
    (void)snprintf(record.id, sizeof(record.id), "%s", id);
    record.created_ms = record.used_ms = now_ms();
    record.duplicate = true;
    copy->record = record;
    copy->zygote = session->zygote;
    copy->state = state;
    copy->image = memory_image_ref(source.image);
    copy->unsaved = true;
    return 0;
}

/* ---- saving ---- */

static int write_session(void *argument, struct error *error)
{
    struct session *session = argument;
    return session_files_write(session->store->files, &session->record, session->state,
                               session->image->fd, true, error) == 0
               ? 0
               : 1;
}

static void on_written(void *argument, const struct error *error)
{
    struct session *session = argument;
    struct session_store *store = session->store;
    session->writer = NULL;
    store->writers--;
    if (error->kind != ERROR_OK) {
        LOG(LOG_ERROR, "a session cannot be saved", log_text("session_id", session->record.id),
            log_text("error", error->message));
        store->save_failures++;
        store->save_failed_ms = now_ms();
    } else {
        store->saves++;
        session->on_disk = true;
        session->unsaved = false;
    }
    if (session->deleted)
        remove_file(session);
    free_if_unused(session);
    if (store->freed != NULL)
        store->freed(store->freed_argument);
}

static void start_writer(struct session *session)
{
    struct session_store *store = session->store;
    struct error error = ERROR_NONE;
    const int descriptors[] = {session->state, session->image->fd,
                               session_files_folder(store->files)};
    const struct background_work work = {
        .work = write_session,
        .done = on_written,
        .argument = session,
        .descriptors = descriptors,
        .descriptor_count = sizeof(descriptors) / sizeof(descriptors[0]),
    };
    session->writer = background_start(store->loop, &work, &error);
    if (session->writer == NULL)
        LOG(LOG_ERROR, "a session cannot be saved", log_text("error", error.message));
    else
        store->writers++;
}

/* One that has not been used for a time: its state goes to disk, then its process ends. */
static void rest(struct session *session)
{
    struct session_store *store = session->store;
    if (session->unsaved && store->files != NULL) {
        if (store->writers < WRITERS_MAXIMUM && now_ms() - store->save_failed_ms >= SAVE_PAUSE_MS)
            start_writer(session);
        return;
    }
    end_process(session);
    if (session->on_disk && !session->unsaved)
        forget_state(session);
}

static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
    struct session_store *store = argument;
    struct session *next;
    int64_t now = now_ms();
    int64_t idle = (int64_t)config_number(store->config, CONFIG_SESSIONS_IDLE_MS);
    int64_t age = (int64_t)config_number(store->config, CONFIG_SESSIONS_MAX_AGE_MS);
    (void)fd;
    (void)what;
    for (struct session *session = TAILQ_FIRST(&store->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (session_is_busy(session) || session->holders > 0 || session->deleted)
            continue;
        if (now - session->record.used_ms >= age) {
            LOG(LOG_INFO, "a session was not used for long and is deleted",
                log_text("session_id", session->record.id));
            session_delete(session);
        } else if (now - session->record.used_ms >= idle) {
            rest(session);
        }
    }
}

/* ---- the end ---- */

static bool is_to_be_written(const struct session *session)
{
    return session->unsaved && !session->deleted && session->store->files != NULL;
}

static int write_all(void *argument, struct error *error)
{
    struct session_store *store = argument;
    struct session *session;
    int status = 0;
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (is_to_be_written(session) &&
            session_files_write(store->files, &session->record, session->state, session->image->fd,
                                false, error) != 0)
            status = 1;
    }
    return status == 0 && session_files_sync(store->files, error) == 0 ? 0 : 1;
}

static void on_all_written(void *argument, const struct error *error)
{
    struct session_store *store = argument;
    struct session *session;
    if (error->kind != ERROR_OK) {
        LOG(LOG_ERROR, "not all sessions could be saved", log_text("error", error->message));
        return;
    }
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (!is_to_be_written(session))
            continue;
        session->on_disk = true;
        session->unsaved = false;
        store->saves++;
    }
}

/* In one process for all of them, and one wait for the disk. */
static void save_all(struct session_store *store)
{
    struct error error = ERROR_NONE;
    struct session *session;
    size_t count = 0;
    int *descriptors = calloc(2 * store->count + 1, sizeof(*descriptors));
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        if (descriptors == NULL || !is_to_be_written(session))
            continue;
        descriptors[count++] = session->state;
        descriptors[count++] = session->image->fd;
    }
    if (count > 0) {
        descriptors[count++] = session_files_folder(store->files);
        const struct background_work work = {
            .work = write_all,
            .done = on_all_written,
            .argument = store,
            .descriptors = descriptors,
            .descriptor_count = count,
            .urgent = true,
        };
        struct background *writer = background_start(store->loop, &work, &error);
        if (writer != NULL)
            background_wait(writer);
        else
            LOG(LOG_ERROR, "sessions cannot be saved", log_text("error", error.message));
    }
    free(descriptors);
}

void session_store_stop(struct session_store *store)
{
    struct session *session;
    struct session *next;
    size_t unsaved = 0;
    (void)event_del(store->sweep);
    for (session = TAILQ_FIRST(&store->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        end_process(session);
        if (session->writer != NULL)
            background_wait(session->writer); /* which may free it */
    }
    save_all(store);
    TAILQ_FOREACH(session, &store->sessions, link)
    unsaved += session->unsaved && !session->deleted ? 1 : 0;
    if (unsaved > 0)
        LOG(LOG_WARNING, "sessions are lost with this process",
            log_number("count", (int64_t)unsaved));
}

/* ---- construction ---- */

static void take_saved(void *argument, const struct session_record *record)
{
    struct session_store *store = argument;
    struct session *session = session_new(store);
    if (session == NULL)
        return;
    session->record = *record;
    session->on_disk = true;
}

/* Puts the sessions that were read into the order of their last use. */
static void sort_sessions(struct session_store *store)
{
    struct session_list unsorted = TAILQ_HEAD_INITIALIZER(unsorted);
    struct session *session;
    TAILQ_CONCAT(&unsorted, &store->sessions, link);
    while ((session = TAILQ_FIRST(&unsorted)) != NULL) {
        struct session *later = TAILQ_LAST(&store->sessions, session_list);
        TAILQ_REMOVE(&unsorted, session, link);
        while (later != NULL && later->record.used_ms > session->record.used_ms)
            later = TAILQ_PREV(later, session_list, link);
        if (later != NULL)
            TAILQ_INSERT_AFTER(&store->sessions, later, session, link);
        else
            TAILQ_INSERT_HEAD(&store->sessions, session, link);
    }
}

static int start_sweep(struct session_store *store)
{
    uint64_t period = config_number(store->config, CONFIG_SESSIONS_IDLE_MS) / 4;
    if (period < SWEEP_MINIMUM_MS)
        period = SWEEP_MINIMUM_MS;
    if (period > SWEEP_MAXIMUM_MS)
        period = SWEEP_MAXIMUM_MS;
    const struct timeval time = {.tv_sec = (time_t)(period / 1000),
                                 .tv_usec = (suseconds_t)(period % 1000) * 1000};
    store->sweep = event_new(store->loop, -1, EV_PERSIST, on_sweep, store);
    return store->sweep != NULL && event_add(store->sweep, &time) == 0 ? 0 : -1;
}

struct session_store *session_store_new(struct event_base *loop, const struct config *config,
                                        struct interpreter_pool *pool, struct error *error)
{
    struct error unusable = ERROR_NONE;
    struct session_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    store->loop = loop;
    store->config = config;
    store->pool = pool;
    TAILQ_INIT(&store->sessions);
    if (start_sweep(store) != 0) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        session_store_free(store);
        return NULL;
    }
    store->files = session_files_open(config_text(config, CONFIG_SESSIONS_DIRECTORY), &unusable);
    if (store->files == NULL) {
        LOG(LOG_WARNING, "sessions are kept in memory only", log_text("reason", unusable.message));
        return store;
    }
    session_files_scan(store->files, take_saved, store);
    sort_sessions(store);
    return store;
}

void session_store_free(struct session_store *store)
{
    struct session *session;
    if (store == NULL)
        return;
    while ((session = TAILQ_FIRST(&store->sessions)) != NULL) {
        if (session->writer != NULL)
            background_wait(session->writer); /* which may free it */
        else
            session_free(session);
    }
    session_files_close(store->files);
    if (store->sweep != NULL)
        event_free(store->sweep);
    free(store);
}

/* ---- telling ---- */

static json_t *time_of(int64_t milliseconds)
{
    char text[32];
    struct tm parts;
    time_t seconds = (time_t)(milliseconds / 1000);
    (void)gmtime_r(&seconds, &parts);
    size_t used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(text + used, sizeof(text) - used, ".%03dZ", (int)(milliseconds % 1000));
    return json_string(text);
}

static const char *state_name(const struct session *session)
{
    if (session->busy)
        return "running";
    if (session->process != NULL)
        return "live";
    return session->unsaved ? "suspended" : "saved";
}

json_t *session_describe(const struct session *session)
{
    const struct session_record *record = &session->record;
    const char *slash = strrchr(record->interpreter, '/');
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "session_id", record->id, "state",
                     state_name(session), "interpreter",
                     slash == NULL ? record->interpreter : slash + 1, "runs",
                     (json_int_t)record->runs, "size_bytes", (json_int_t)record->size, "created_at",
                     time_of(record->created_ms), "last_used_at", time_of(record->used_ms));
}

json_t *session_store_describe(const struct session_store *store)
{
    const struct session *session;
    json_t *list = json_array();
    TAILQ_FOREACH_REVERSE(session, &store->sessions, session_list, link)
    {
        if (!session->deleted && has_state(session) &&
            json_array_append_new(list, session_describe(session)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

struct session_counts session_store_counts(const struct session_store *store)
{
    struct session_counts counts = {
        .live = store->live,
        .saves = store->saves,
        .save_failures = store->save_failures,
        .restores = store->restores,
    };
    const struct session *session;
    TAILQ_FOREACH(session, &store->sessions, link)
    {
        counts.all++;
        counts.unsaved += session->unsaved ? 1 : 0;
        counts.state_bytes += session->record.size;
    }
    return counts;
}
