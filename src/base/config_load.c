/* Reads every source of configuration, in the order of their precedence, lowest first. Invariant:
 * each source is checked as a whole, also where a higher one overrides it. */
#include "base/config_store.h"

#include "base/config_dotenv.h"
#include "base/config_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One source while it is being read. */
struct source {
    struct config *config;
    const char *name;
    /* Of a .env file: what it says about each key by its own and by its customary name. */
    struct {
        char *text;
        const char *variable;
        size_t line;
    } found[CONFIG_KEY_COUNT][2];
};

static int unknown_key(const char *name, struct error *error)
{
    size_t section = strcspn(name, ".") + 1;
    BUFFER_LOCAL struct buffer known = BUFFER_EMPTY;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = &config_keys[key].info;
        if (!info->secret && strncmp(info->name, name, section) == 0)
            (void)buffer_append_format(&known, "%s%s", known.size == 0 ? "" : ", ",
                                       info->name + section);
    }
    if (known.size > 0)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "unknown key %.100s; the keys of this section are %s", name,
                         buffer_text(&known));
    return error_set(error, ERROR_INVALID_REQUEST,
                     "unknown key %.100s; the sections are wasi, agent_core, llm, orchestrator and "
                     "logging",
                     name);
}

static int on_yaml_entry(void *argument, const char *name, struct yaml_value *value,
                         struct error *error)
{
    struct source *source = argument;
    int key = config_key_from_name(name);
    if (key < 0)
        return unknown_key(name, error);
    if (config_keys[key].info.secret)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s: a secret has no place in a file that is shared; set %s in the "
                         "environment or in .env",
                         name, config_keys[key].info.alias);
    const struct config_setting *earlier = &source->config->settings[key];
    if (earlier->origin == ORIGIN_FILE)
        return error_set(error, ERROR_INVALID_REQUEST,
                         "%s: given twice, first in line %zu: remove one", name, earlier->line);
    return config_store(source->config, (enum config_key)key, ORIGIN_FILE, source->name,
                        value->line, value, error);
}

/* Reads a whole small file. 1 when there is none and `required` is false; -1 on failure. */
static int read_file(const char *path, bool required, struct buffer *bytes, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        if (!required && (errno == ENOENT || errno == ENOTDIR))
            return 1;
        return error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot open %.300s", path);
    }
    int result = 0;
    while (result == 0 && bytes->size <= CONFIG_SOURCE_MAXIMUM) {
        if (buffer_reserve(bytes, 16384) != 0) {
            result = error_set(error, ERROR_INTERNAL, "%.300s: out of memory", path);
            break;
        }
        ssize_t size = read(fd, bytes->data + bytes->size, 16384);
        if (size == 0)
            break;
        if (size < 0 && errno != EINTR)
            result =
                error_set_errno(error, ERROR_INVALID_REQUEST, errno, "cannot read %.300s", path);
        else if (size > 0)
            bytes->size += (size_t)size;
    }
    close(fd);
    return result;
}

static int load_file(struct config *config, const char *path, bool required, struct error *error)
{
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    int result = read_file(path, required, &bytes, error);
    if (result != 0)
        return result;
    struct source source = {.config = config, .name = path};
    return config_yaml_read(buffer_text(&bytes), bytes.size, path, on_yaml_entry, &source, error);
}

static int load_files(struct config *config, const char *flag, struct error *error)
{
    const char *named = flag != NULL ? flag : getenv("SHANNON_CONFIG");
    if (named != NULL && named[0] != '\0')
        return load_file(config, named, true, error);
    int result = load_file(config, "config/shannon.yaml", false, error);
    if (result == 1)
        result = load_file(config, "/etc/shannon/shannon.yaml", false, error);
    return result < 0 ? -1 : 0;
}

/* Whether `variable` is spelt like a key of ours without being one: a misspelt limit must not go
 * unnoticed. */
static bool is_misspelt(const char *variable)
{
    if (strncmp(variable, "SHANNON_", 8) != 0)
        return false;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = &config_keys[key].info;
        size_t section = strlen("SHANNON_") + strcspn(info->name, ".") + 1;
        if (strncmp(info->environment, variable, section) == 0)
            return true;
    }
    return false;
}

/* The key that `variable` sets: 1 for its own name, 0 for its customary one, in `*own`. -1 when
 * none. */
static int key_of_variable(const char *variable, size_t *own)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = &config_keys[key].info;
        *own = strcmp(info->environment, variable) == 0;
        if (*own == 1 || (info->alias != NULL && strcmp(info->alias, variable) == 0))
            return key;
    }
    return -1;
}

static int unknown_variable(const char *variable, struct error *error)
{
    return error_set(error, ERROR_INVALID_REQUEST,
                     "unknown variable %.100s: it is named like a setting, but there is none of "
                     "that name (see `shannon config show`)",
                     variable);
}

static int on_dotenv_entry(void *argument, const char *name, const char *value, size_t line,
                           struct error *error)
{
    struct source *source = argument;
    size_t own;
    int key = key_of_variable(name, &own);
    if (key < 0)
        return is_misspelt(name) ? unknown_variable(name, error) : 0;
    char *text = strdup(value);
    if (text == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    const struct config_key_info *info = &config_keys[key].info;
    config_free_text(source->found[key][own].text, info->secret);
    source->found[key][own].text = text;
    source->found[key][own].variable = own == 1 ? info->environment : info->alias;
    source->found[key][own].line = line;
    return 0;
}

/* Stores what a .env file said, a key's own name after (so above) its customary one. An empty value
 * counts as not set: compose passes such for variables that its user has not set. */
static int store_found(struct source *source, struct error *error)
{
    int result = 0;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        for (size_t own = 0; own < 2; own++) {
            const char *text = source->found[key][own].text;
            size_t line = source->found[key][own].line;
            if (text == NULL || text[0] == '\0' || result != 0)
                continue;
            result = config_store_text(source->config, (enum config_key)key, ORIGIN_FILE,
                                       source->name, line, text, error);
            if (result != 0)
                error_prefix(error, "%s:%zu: %s", source->name, line,
                             source->found[key][own].variable);
        }
    }
    return result;
}

static int load_dotenv(struct config *config, struct error *error)
{
    BUFFER_LOCAL struct buffer bytes = BUFFER_EMPTY;
    static const char path[] = ".env";
    int result = read_file(path, false, &bytes, error);
    if (result == 0) {
        struct source source = {.config = config, .name = path};
        result = config_dotenv_read(buffer_text(&bytes), bytes.size, path, on_dotenv_entry, &source,
                                    error);
        if (result == 0)
            result = store_found(&source, error);
        for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
            config_free_text(source.found[key][0].text, config_keys[key].info.secret);
            config_free_text(source.found[key][1].text, config_keys[key].info.secret);
        }
    }
    if (bytes.data != NULL)
        explicit_bzero(bytes.data, bytes.capacity);
    return result < 0 ? -1 : 0;
}

static int load_environment(struct config *config, struct error *error)
{
    extern char **environ;
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        char name[64];
        size_t length = strcspn(*variable, "=");
        if (length >= sizeof(name))
            continue;
        memcpy(name, *variable, length);
        name[length] = '\0';
        size_t own;
        if (key_of_variable(name, &own) < 0 && is_misspelt(name))
            return unknown_variable(name, error);
    }
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = &config_keys[key].info;
        const char *const variables[] = {info->alias, info->environment};
        for (size_t i = 0; i < 2; i++) {
            const char *text = variables[i] == NULL ? NULL : getenv(variables[i]);
            if (text == NULL || text[0] == '\0')
                continue;
            if (config_store_text(config, (enum config_key)key, ORIGIN_ENVIRONMENT, variables[i], 0,
                                  text, error) != 0)
                return error_prefix(error, "environment variable %s", variables[i]);
        }
    }
    return 0;
}

/* Twice the processors this process may use. */
static uint64_t default_concurrent(void)
{
    cpu_set_t processors;
    int count = 1;
    if (sched_getaffinity(0, sizeof(processors), &processors) == 0)
        count = CPU_COUNT(&processors);
    return count > 512 ? 1024 : (uint64_t)count * 2;
}

/* `name` in shannon's folder for what must outlive it. The XDG Base Directory Specification 0.8:
 * $XDG_STATE_HOME when absolute, else ~/.local/state. */
static char *default_state(const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int result;
    if (state != NULL && state[0] == '/') {
        result = buffer_append_format(&path, "%s/shannon/%s", state, name);
    } else {
        if (home == NULL || home[0] != '/') {
            const struct passwd *user = getpwuid(geteuid());
            home = user == NULL ? "" : user->pw_dir;
        }
        result = buffer_append_format(&path, "%s/.local/state/shannon/%s", home, name);
    }
    if (result != 0)
        buffer_free(&path);
    return path.data;
}

static int set_defaults(struct config *config, struct error *error)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const char *text = config_keys[key].default_text;
        if (text != NULL && config_store_text(config, (enum config_key)key, ORIGIN_DEFAULT, NULL, 0,
                                              text, error) != 0)
            return -1;
    }
    config->settings[CONFIG_AGENT_CORE_MAX_CONCURRENT].number = default_concurrent();
    config->settings[CONFIG_ORCHESTRATOR_DATABASE].text = default_state("tasks.db");
    config->settings[CONFIG_SESSIONS_DIRECTORY].text = default_state("sessions");
    if (config->settings[CONFIG_ORCHESTRATOR_DATABASE].text == NULL ||
        config->settings[CONFIG_SESSIONS_DIRECTORY].text == NULL)
        return error_set(error, ERROR_INTERNAL, "out of memory");
    return 0;
}

struct config *config_load(const char *file, struct error *error)
{
    struct config *config = calloc(1, sizeof(*config));
    if (config == NULL) {
        error_set(error, ERROR_INTERNAL, "out of memory");
        return NULL;
    }
    if (set_defaults(config, error) != 0 || load_files(config, file, error) != 0 ||
        load_dotenv(config, error) != 0 || load_environment(config, error) != 0 ||
        config_derive(config, error) != 0) {
        config_free(config);
        return NULL;
    }
    return config;
}
