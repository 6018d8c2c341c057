/* src/agent_core/session_files.c. What a service makes of damaged files and of disks that are full
 * is e2e/test_sessions_saved.py. */
#include "agent_core/session_files.h"
#include "base/log.h"
#include "sandbox/memory_image.h"
#include "sandbox/state_reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE                                                                                      \
    "SHNSTAT1 a state, which nobody reads here; "                                                  \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct fixture {
    char folder[64];
    char path[160]; /* of the session's file */
    struct session_files *files;
    struct session_record record;
    int state;
    int image;
};

static int make_file(const void *bytes, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int set_up(void **state)
{
    static char image[8192] = "an image";
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error error = ERROR_NONE;
    log_configure("test", LOG_ERROR, true);
    (void)strcpy(fixture->folder, "/tmp/shannon-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->files = session_files_open(fixture->folder, &error);
    assert_non_null(fixture->files);
    (void)snprintf(fixture->path, sizeof(fixture->path),
                   "%s/ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb.session",
                   fixture->folder); /* SHA-256 of "a" */
    (void)strcpy(fixture->record.id, "a");
    (void)strcpy(fixture->record.interpreter, "/python.wasm");
    fixture->state = make_file(STATE, sizeof(STATE));
    fixture->image = make_file(image, sizeof(image));
    assert_int_equal(memory_image_identify(fixture->image, fixture->record.image, &error), 0);
    *state = fixture;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    session_files_close(fixture->files);
    (void)close(fixture->state);
    (void)close(fixture->image);
    (void)nftw(fixture->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static void save(struct fixture *fixture)
{
    struct error error = ERROR_NONE;
    if (session_files_write(fixture->files, &fixture->record, fixture->state, fixture->image, true,
                            &error) != 0)
        fail_msg("%s", error.message);
}

static unsigned count_files(const struct fixture *fixture)
{
    unsigned count = 0;
    DIR *directory = opendir(fixture->folder);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(directory);
    return count;
}

enum came { SAME, ANOTHER, NOT_WHOLE };

/* What state comes back from `fd`, which is closed. */
static enum came what_comes_back(int fd)
{
    char bytes[sizeof(STATE)];
    struct state_reader *reader = state_reader_new(fd, lseek(fd, 0, SEEK_CUR));
    bool whole =
        state_reader_read(reader, bytes, sizeof(bytes)) == 0 && state_reader_at_end(reader);
    state_reader_free(reader);
    (void)close(fd);
    if (!whole)
        return NOT_WHOLE;
    return memcmp(bytes, STATE, sizeof(STATE)) == 0 ? SAME : ANOTHER;
}

static bool state_comes_back(int fd)
{
    return what_comes_back(fd) == SAME;
}

static void refused(const struct fixture *fixture, enum error_kind kind)
{
    struct session_record record;
    struct error error = ERROR_NONE;
    assert_int_equal(session_files_read(fixture->files, "a", &record, &error), -1);
    assert_int_equal(error.kind, kind);
    assert_true(strlen(error.message) > 20);
}

static void a_session_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record;
    struct error error = ERROR_NONE;
    refused(fixture, ERROR_INTERNAL); /* there is none */
    assert_int_equal(session_files_refuse(fixture->files, "a", &error), 0);
    fixture->record.runs = 5;
    save(fixture);
    int fd = session_files_read(fixture->files, "a", &record, &error);
    assert_true(fd >= 0);
    assert_int_equal(record.runs, 5);
    assert_true(state_comes_back(fd));
    fd = session_files_read_image(fixture->files, fixture->record.image, &error);
    assert_true(fd >= 0 && lseek(fd, 0, SEEK_END) == 8192);
    (void)close(fd);
    assert_int_equal(session_files_sync(fixture->files, &error), 0);
    assert_int_equal(count_files(fixture), 2);
    session_files_remove(fixture->files, "a");
    session_files_remove(fixture->files, "a");
    session_files_remove_image(fixture->files, fixture->record.image);
    assert_int_equal(count_files(fixture), 0);
}

/* One that is packed is copied as it is: what a copy of a saved session is written from. */
static void a_packed_state_is_not_packed_again(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record;
    struct error error = ERROR_NONE;
    struct stat first;
    struct stat second;
    save(fixture);
    assert_int_equal(stat(fixture->path, &first), 0);
    int packed = session_files_read(fixture->files, "a", &record, &error);
    assert_int_equal(
        session_files_write(fixture->files, &record, packed, fixture->image, false, &error), 0);
    (void)close(packed);
    assert_int_equal(stat(fixture->path, &second), 0);
    assert_int_equal(first.st_size, second.st_size);
    assert_true(state_comes_back(session_files_read(fixture->files, "a", &record, &error)));
}

/* Every byte of it, changed; and every length, cut. Either the head is refused, or the state is not
 * whole, but for bits that mean nothing for the state: of the record, an unused one of zstd's, its
 * window.
 */
static void a_damaged_file_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    static char whole[4096];
    save(fixture);
    int fd = open(fixture->path, O_RDWR);
    ssize_t size = read(fd, whole, sizeof(whole));
    assert_true(size > 100);
    const char *frame = memmem(whole, (size_t)size, "\x28\xb5\x2f\xfd", 4);
    assert_non_null(frame);
    ssize_t noticed = 0;
    for (ssize_t at = 0; at < size; at++) {
        struct session_record record;
        struct error error = ERROR_NONE;
        char changed = (char)(whole[at] ^ 0x10);
        assert_int_equal(pwrite(fd, &changed, 1, at), 1);
        int opened = session_files_read(fixture->files, "a", &record, &error);
        if (opened < 0)
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        else if (whole + at < frame)
            assert_true(state_comes_back(opened));
        else {
            enum came came = what_comes_back(opened);
            assert_int_not_equal(came, ANOTHER);
            noticed += came == NOT_WHOLE ? 1 : 0;
        }
        assert_int_equal(pwrite(fd, &whole[at], 1, at), 1);
    }
    assert_true(noticed >= whole + size - frame - 2);
    for (ssize_t cut = size - 1; cut >= 0; cut--) {
        struct session_record record;
        struct error error = ERROR_NONE;
        assert_int_equal(ftruncate(fd, cut), 0);
        int opened = session_files_read(fixture->files, "a", &record, &error);
        if (opened < 0)
            assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
        else
            assert_false(state_comes_back(opened));
    }
    (void)close(fd);
}

static void what_is_no_session_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    save(fixture);
    /* Another session's file under this one's name. */
    struct session_record other = fixture->record;
    char path[160];
    (void)strcpy(other.id, "b");
    assert_int_equal(
        session_files_write(fixture->files, &other, fixture->state, fixture->image, false, &error),
        0);
    (void)snprintf(path, sizeof(path),
                   "%s/3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d.session",
                   fixture->folder); /* SHA-256 of "b" */
    assert_int_equal(rename(path, fixture->path), 0);
    refused(fixture, ERROR_INVALID_REQUEST);
    assert_int_equal(session_files_refuse(fixture->files, "a", &error), -1);
    /* A link. */
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink("/etc/passwd", fixture->path), 0);
    refused(fixture, ERROR_INTERNAL);
}

static void a_damaged_image_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    char path[160];
    char name[2 * MEMORY_IMAGE_ID_SIZE + 1];
    save(fixture);
    for (size_t i = 0; i < MEMORY_IMAGE_ID_SIZE; i++)
        (void)snprintf(name + 2 * i, 3, "%02x", fixture->record.image[i]);
    (void)snprintf(path, sizeof(path), "%s/%s.image", fixture->folder, name);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, 4096), 1);
    (void)close(fd);
    assert_int_equal(session_files_read_image(fixture->files, fixture->record.image, &error), -1);
    assert_int_equal(error.kind, ERROR_INVALID_REQUEST);
}

static void count(void *argument, const struct session_record *record)
{
    assert_string_equal(record->id, "a");
    ++*(unsigned *)argument;
}

static void a_scan_finds_sessions_and_tidies_up(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record = fixture->record;
    struct error error = ERROR_NONE;
    unsigned found = 0;
    int folder = session_files_folder(fixture->files);
    static const char *const left[] = {"x.session.77.part",
                                       "00000000000000000000000000000000.image"};
    static const char *const kept[] = {"notes.txt", "0.sessions"};
    save(fixture);
    for (size_t i = 0; i < 2; i++) {
        (void)close(openat(folder, left[i], O_WRONLY | O_CREAT, 0600));
        (void)close(openat(folder, kept[i], O_WRONLY | O_CREAT, 0600));
    }
    session_files_scan(fixture->files, count, &found);
    assert_int_equal(found, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(faccessat(folder, left[i], F_OK, 0), -1);
        assert_int_equal(faccessat(folder, kept[i], F_OK, 0), 0);
    }
    assert_true(state_comes_back(session_files_read(fixture->files, "a", &record, &error)));
    int fd = session_files_read_image(fixture->files, record.image, &error);
    assert_true(fd >= 0);
    (void)close(fd);
}

static void a_folder_has_one_owner(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    assert_null(session_files_open(fixture->folder, &error));
    assert_non_null(strstr(error.message, "another service"));
    session_files_close(fixture->files);
    assert_int_equal(chmod(fixture->folder, 0777), 0);
    error = ERROR_NONE;
    fixture->files = session_files_open(fixture->folder, &error);
    assert_null(fixture->files);
    assert_non_null(strstr(error.message, "writable by nobody else"));
}

/* A path in which each byte takes six in JSON. */
static void the_longest_record_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record;
    struct error error = ERROR_NONE;
    memset(fixture->record.interpreter, 1, SESSION_INTERPRETER_MAXIMUM);
    save(fixture);
    int fd = session_files_read(fixture->files, "a", &record, &error);
    if (fd < 0)
        fail_msg("%s", error.message);
    assert_string_equal(record.interpreter, fixture->record.interpreter);
    assert_true(state_comes_back(fd));
}

/* Nothing is taken from it: a service that knows its version brings it back. */
static void a_file_of_another_version_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record;
    struct error error = ERROR_NONE;
    unsigned found = 0;
    save(fixture);
    int fd = open(fixture->path, O_WRONLY);
    assert_int_equal(pwrite(fd, "SHNSESS2", 8, 0), 8);
    refused(fixture, ERROR_INVALID_REQUEST);
    session_files_scan(fixture->files, count, &found);
    assert_int_equal(found, 0);
    assert_int_equal(pwrite(fd, "SHNSESS1", 8, 0), 8);
    (void)close(fd);
    assert_true(state_comes_back(session_files_read(fixture->files, "a", &record, &error)));
    fd = session_files_read_image(fixture->files, record.image, &error);
    if (fd < 0)
        fail_msg("%s", error.message);
    (void)close(fd);
    /* Once it is gone nobody needs the image. */
    session_files_remove(fixture->files, "a");
    session_files_scan(fixture->files, count, &found);
    assert_int_equal(count_files(fixture), 0);
}

static pid_t fork_or_fail(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    return pid;
}

static void ends_well(pid_t pid)
{
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The former session and its image are there, and nothing else. */
static void only_the_former_one_is_there(const struct fixture *fixture)
{
    struct session_record record;
    struct error error = ERROR_NONE;
    assert_int_equal(count_files(fixture), 2);
    assert_true(state_comes_back(session_files_read(fixture->files, "a", &record, &error)));
    assert_int_equal(record.runs, 0);
}

/* In a process of its own, as the limit cannot be taken back by a plain user. It is met at each
 * place of the file. */
static void what_cannot_be_written_leaves_the_former_one(void **state)
{
    struct fixture *fixture = *state;
    struct stat whole;
    save(fixture);
    assert_int_equal(stat(fixture->path, &whole), 0);
    for (rlim_t size = 0; size < (rlim_t)whole.st_size; size += 7) {
        pid_t pid = fork_or_fail();
        if (pid == 0) {
            const struct rlimit small = {.rlim_cur = size, .rlim_max = size};
            struct error error = ERROR_NONE;
            (void)signal(SIGXFSZ, SIG_IGN);
            (void)setrlimit(RLIMIT_FSIZE, &small);
            fixture->record.runs = 9;
            int status = session_files_write(fixture->files, &fixture->record, fixture->state,
                                             fixture->image, false, &error);
            _exit(status == -1 && error.kind == ERROR_INTERNAL ? 0 : 1);
        }
        ends_well(pid);
        only_the_former_one_is_there(fixture);
    }
}

/* The same of an image, without which there is to be no session either. */
static void without_its_image_no_session_is_written(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = fork_or_fail();
    if (pid == 0) {
        const struct rlimit small = {.rlim_cur = 4096, .rlim_max = 4096};
        struct error error = ERROR_NONE;
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &small);
        int status = session_files_write(fixture->files, &fixture->record, fixture->state,
                                         fixture->image, false, &error);
        _exit(status == -1 && error.kind == ERROR_INTERNAL ? 0 : 1);
    }
    ends_well(pid);
    assert_int_equal(count_files(fixture), 0);
}

/* Root is allowed everything: it becomes somebody else. */
static void become_a_plain_user(void)
{
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(2);
}

static void a_folder_that_may_not_be_written_is_told(void **state)
{
    struct fixture *fixture = *state;
    save(fixture);
    assert_int_equal(chmod(fixture->folder, 0500), 0);
    pid_t pid = fork_or_fail();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        become_a_plain_user();
        fixture->record.runs = 9;
        int status = session_files_write(fixture->files, &fixture->record, fixture->state,
                                         fixture->image, true, &error);
        _exit(status == -1 && error.kind == ERROR_INTERNAL &&
                      strstr(error.message, strerror(EACCES)) != NULL
                  ? 0
                  : 1);
    }
    ends_well(pid);
    assert_int_equal(chmod(fixture->folder, 0700), 0);
    only_the_former_one_is_there(fixture);
}

static void a_folder_that_cannot_be_made_is_told(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/not/there", fixture->folder);
    assert_int_equal(chmod(fixture->folder, 0500), 0);
    pid_t pid = fork_or_fail();
    if (pid == 0) {
        struct error error = ERROR_NONE;
        become_a_plain_user();
        const struct session_files *files = session_files_open(path, &error);
        _exit(files == NULL && error.kind == ERROR_INTERNAL &&
                      strstr(error.message, "sessions.directory") != NULL
                  ? 0
                  : 1);
    }
    ends_well(pid);
    assert_int_equal(chmod(fixture->folder, 0700), 0);
    /* Where it may be, it is made with all that is missing above it. */
    struct error error = ERROR_NONE;
    struct stat status;
    struct session_files *files = session_files_open(path, &error);
    assert_non_null(files);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    session_files_close(files);
}

/* As root: a folder that somebody else could change. */
static void a_folder_of_another_user_is_not_used(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    if (geteuid() != 0)
        skip();
    session_files_close(fixture->files);
    assert_int_equal(chown(fixture->folder, 65534, 65534), 0);
    fixture->files = session_files_open(fixture->folder, &error);
    assert_null(fixture->files);
    assert_non_null(strstr(error.message, "must belong to this user"));
}

static void a_file_in_the_place_of_the_folder_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    save(fixture);
    assert_null(session_files_open(fixture->path, &error));
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "sessions.directory"));
}

static void bytes_behind_a_packed_state(void **state)
{
    struct fixture *fixture = *state;
    struct session_record record;
    struct error error = ERROR_NONE;
    save(fixture);
    int fd = open(fixture->path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    (void)close(fd);
    assert_false(state_comes_back(session_files_read(fixture->files, "a", &record, &error)));
}

/* A pipe stands for a disk that fails while it is asked where the data are. */
static void an_image_that_cannot_be_searched_is_not_taken_for_empty(void **state)
{
    struct fixture *fixture = *state;
    struct error error = ERROR_NONE;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(session_files_write(fixture->files, &fixture->record, fixture->state, ends[0],
                                         true, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_int_equal(count_files(fixture), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    save(fixture);
}

static void a_folder_without_a_name_is_told(void **state)
{
    struct error error = ERROR_NONE;
    (void)state;
    assert_null(session_files_open("", &error));
    assert_int_equal(error.kind, ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "sessions.directory"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_session_comes_back),
        TEST(a_packed_state_is_not_packed_again),
        TEST(a_damaged_file_is_noticed),
        TEST(what_is_no_session_is_refused),
        TEST(a_damaged_image_is_refused),
        TEST(a_scan_finds_sessions_and_tidies_up),
        TEST(a_folder_has_one_owner),
        TEST(what_cannot_be_written_leaves_the_former_one),

        TEST(bytes_behind_a_packed_state),
        TEST(the_longest_record_comes_back),
        TEST(a_file_of_another_version_is_refused),
        TEST(without_its_image_no_session_is_written),
        TEST(an_image_that_cannot_be_searched_is_not_taken_for_empty),
        TEST(a_folder_without_a_name_is_told),
        TEST(a_folder_that_may_not_be_written_is_told),
        TEST(a_folder_that_cannot_be_made_is_told),
        TEST(a_folder_of_another_user_is_not_used),
        TEST(a_file_in_the_place_of_the_folder_is_told),

    };
    return cmocka_run_group_tests_name("session_files", tests, NULL, NULL);
}
