/* `shannon interpreter build`: makes python-3.11.wasm from its sources, and translates an
 * interpreter ahead of its first run. Invariant: the recipe's process group is gone when this
 * returns. */
#include "base/config.h"
#include "base/interruption.h"
#include "cli/command_interpreter_actions.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "engine/object_cache.h"
#include "sandbox/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Beneath a clone of the project. */
static const char recipe[] = "interpreters/cpython/build.sh";
static const char recipe_result[] = "wasm-interpreters/" INTERPRETER_DEFAULT ".wasm";

#define POLL_MS 50

static bool has_recipe(const char *clone)
{
    char path[PATH_MAX];
    return (size_t)snprintf(path, sizeof(path), "%s/%s", clone, recipe) < sizeof(path) &&
           access(path, X_OK) == 0;
}

/* The clone whose build folder holds the program, else the working directory when it is one. Not a
 * folder above them: whoever may write there must not choose what is run here. */
static bool find_clone(char clone[PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", clone, PATH_MAX - 1);
    clone[size > 0 ? size : 0] = '\0';
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(clone, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    return (clone[0] != '\0' && has_recipe(clone)) ||
           (getcwd(clone, PATH_MAX) != NULL && has_recipe(clone));
}

/* ---- the recipe ---- */

static _Noreturn void become_recipe(const char *clone, pid_t parent)
{
    sigset_t none;
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); /* so that it can be ended with all it started */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent && input >= 0 &&
        dup2(input, STDIN_FILENO) >= 0 && chdir(clone) == 0)
        (void)execl(recipe, recipe, (char *)NULL);
    _exit(OPTIONS_EXIT_USAGE);
}

/* Waits for the recipe, and passes on what asks this process to end. Returns the wait status. */
static int wait_for_recipe(pid_t pid)
{
    int status = 0;
    bool told = false;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (!told && interruption_pending() != 0) {
            told = true;
            (void)kill(-pid, SIGTERM);
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    if (told)
        (void)kill(-pid, SIGKILL);
    return status;
}

static int run_recipe(const char *clone, struct error *error)
{
    sigset_t former;
    interruption_block(&former);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return error_set_errno(error, ERROR_INTERNAL, errno, "cannot start %s/%s", clone, recipe);
    if (pid == 0)
        become_recipe(clone, parent);
    (void)setpgid(pid, pid); /* whichever of the two comes first */
    int status = wait_for_recipe(pid);
    if (interruption_pending() != 0)
        return error_set(error, ERROR_KILLED,
                         "interrupted; the next build goes on where this one ended");
    (void)sigprocmask(SIG_SETMASK, &former, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return error_set(error, ERROR_INTERNAL, "%s/%s failed (%s %d); its message stands above", clone,
                     recipe, WIFEXITED(status) ? "exit status" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* ---- the action ---- */

/* Makes the default interpreter, its path appended to `path`. One that is there already does where
 * there is no clone to build it from. */
static int make_default(const char *configured, struct buffer *path, struct error *error)
{
    char clone[PATH_MAX];
    if (find_clone(clone)) {
        if (run_recipe(clone, error) != 0)
            return -1;
        return buffer_append_format(path, "%s/%s", clone, recipe_result) == 0
                   ? 0
                   : error_set(error, ERROR_INTERNAL, "out of memory");
    }
    if (interpreter_find(INTERPRETER_DEFAULT, configured, path, NULL) == 0)
        return 0;
    return error_set(error, ERROR_INVALID_REQUEST,
                     "there is no %s here: building an interpreter needs a clone of the project. "
                     "Run this in its top folder, or add a finished file with shannon interpreter "
                     "add NAME FILE",
                     recipe);
}

static int build(const char *name, const struct config *config, struct error *error)
{
    BUFFER_LOCAL struct buffer path = BUFFER_EMPTY;
    const char *configured = config_text(config, CONFIG_WASI_INTERPRETER_PATH);
    if (name == NULL || strcmp(name, INTERPRETER_DEFAULT) == 0) {
        if (make_default(configured, &path, error) != 0)
            return -1;
    } else if (interpreter_find(name, configured, &path, error) != 0) {
        return -1;
    }
    const char *file = buffer_text(&path);
    bool translated = object_cache_has(file);
    if (!translated && progress_translate(file, error) != 0)
        return -1;
    (void)printf("%s: %s\n", file, translated ? "translated before" : "translated");
    return 0;
}

int interpreter_action_build(int argc, char **argv)
{
    const char *file = NULL;
    const struct option rows[] = {
        {"--config", OPTION_TEXT, &file, "FILE",
         "configuration file (default: config/shannon.yaml)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "interpreter build", "[OPTION...] [NAME]",
        "Without NAME, or with " INTERPRETER_DEFAULT
        ": builds that interpreter from its sources with\n"
        "interpreters/cpython/build.sh of the clone, which takes minutes the first time, and\n"
        "translates it to native code. With another NAME: translates that interpreter, so that "
        "its\n"
        "first run need not.",
        rows, NULL};
    struct error error = ERROR_NONE;
    const char *words[1] = {NULL};
    size_t count;
    int status = options_parse_words(&table, argc, argv, words, 1, &count, &error);
    if (status == 1)
        return 0;
    struct config *config = status == 0 ? config_load(file, &error) : NULL;
    status = config == NULL ? -1 : build(count == 0 ? NULL : words[0], config, &error);
    config_free(config);
    return status != 0 ? options_fail("interpreter build", &error) : 0;
}
