/* libFuzzer target: any bytes as the file of a saved session, as the service reads it. What can be
 * read is written again, and read again as the same.
 *
 *     TMPDIR=/dev/shm build-fuzzing/tests/fuzz/fuzz_session_file -max_total_time=600 CORPUS
 * tests/fuzz/corpus/session_file
 */
#include "agent_core/session_files.h"
#include "base/log.h"
#include "sandbox/state_reader.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ID "fuzz"
/* SHA-256 of ID. */
#define NAME "93850b707585e404e4951a3ddc1f05a34b3d4f5fc081d616f46d8a2e8f1c8e68.session"
/* So much of a state is read; a bomb may have more. */
#define STATE_MAXIMUM ((size_t)1 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];
static struct session_files *files;
static int image;

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "the files failed the fuzzer: %s\n", what);
    abort();
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_folder(void)
{
    session_files_close(files);
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error error = ERROR_NONE;
    const char *base = getenv("TMPDIR");
    (void)argc;
    (void)argv;
    log_configure("fuzz", LOG_ERROR, true);
    (void)snprintf(folder, sizeof(folder), "%s/shannon-fuzz-XXXXXX",
                   base == NULL || strlen(base) > 30 ? "/tmp" : base);
    require(mkdtemp(folder) != NULL, "mkdtemp");
    files = session_files_open(folder, &error);
    require(files != NULL, error.message);
    (void)atexit(remove_folder);
    image = memfd_create("image", MFD_CLOEXEC);
    require(write(image, "image", 5) == 5, "image");
    return 0;
}

static void put_file(const uint8_t *data, size_t size)
{
    int fd =
        openat(session_files_folder(files), NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size, NAME);
    (void)close(fd);
}

/* Reads the state behind the head; how much there is, and whether it is whole. */
static size_t read_state(int fd, uint8_t *state, bool *whole)
{
    size_t size = 0;
    struct state_reader *reader = state_reader_new(fd, lseek(fd, 0, SEEK_CUR));
    require(reader != NULL, "memory");
    while (size < STATE_MAXIMUM && state_reader_read(reader, state + size, 1) == 0)
        size++;
    *whole = size < STATE_MAXIMUM && state_reader_at_end(reader);
    state_reader_free(reader);
    return size;
}

static void check_record(const struct session_record *record)
{
    struct session_record again;
    require(session_id_is_valid(record->id), "an id that is none");
    json_t *object = session_record_to_json(record);
    require(object != NULL && session_record_from_json(&again, object) == 0, "a record");
    json_decref(object);
    require(strcmp(again.id, record->id) == 0 &&
                strcmp(again.interpreter, record->interpreter) == 0 &&
                memcmp(again.digest, record->digest, sizeof(again.digest)) == 0 &&
                memcmp(again.image, record->image, sizeof(again.image)) == 0 &&
                again.created_ms == record->created_ms && again.used_ms == record->used_ms &&
                again.runs == record->runs && again.size == record->size &&
                again.duplicate == record->duplicate,
            "a record that is another one");
}

static void visit(void *argument, const struct session_record *record)
{
    unsigned *count = argument;
    check_record(record);
    require(strcmp(record->id, ID) == 0, "a file of another id");
    (*count)++;
}

/* Writes what was read, and reads it again. */
static void write_again(const struct session_record *record, int fd)
{
    static uint8_t states[2][STATE_MAXIMUM];
    struct session_record again;
    struct error error = ERROR_NONE;
    bool whole[2];
    size_t first = read_state(fd, states[0], &whole[0]);
    require(session_files_write(files, record, fd, image, false, &error) == 0, error.message);
    (void)close(fd);
    fd = session_files_read(files, ID, &again, &error);
    require(fd >= 0, error.message);
    require(again.runs == record->runs && again.size == record->size, "another record");
    size_t second = read_state(fd, states[1], &whole[1]);
    /* A state that is whole stays so; what follows a frame's end does not belong to it. */
    require(!whole[0] || (whole[1] && first == second && memcmp(states[0], states[1], first) == 0),
            "another state");
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session_record record;
    struct error error = ERROR_NONE;
    unsigned count = 0;
    put_file(data, size);
    int fd = session_files_read(files, ID, &record, &error);
    session_files_scan(files, visit, &count);
    require(count == (fd >= 0 ? 1u : 0u), "a scan finds what cannot be read, or not what can");
    if (fd < 0) {
        require(error.kind == ERROR_INVALID_REQUEST, error.message);
        require(session_files_refuse(files, ID, &error) != 0, "a damaged file is refused");
    } else {
        check_record(&record);
        write_again(&record, fd);
        session_files_remove_image(files, record.image);
    }
    session_files_remove(files, ID);
    return 0;
}
