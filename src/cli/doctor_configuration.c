/* The doctor's look at the configuration: its files, and the model provider. */
#include "cli/doctor_checks.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that config_load reads; see base/config.h. NULL when there is none. */
static const char *configuration_file(const char *flag)
{
    static const char *const usual[] = {"config/shannon.yaml", "/etc/shannon/shannon.yaml"};
    const char *named = flag != NULL ? flag : getenv("SHANNON_CONFIG");
    if (named != NULL && named[0] != '\0')
        return named;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (access(usual[i], F_OK) == 0)
            return usual[i];
    }
    return NULL;
}

static bool is_readable_by_others(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

static void check_dotenv(struct doctor *doctor, const struct config *config)
{
    BUFFER_LOCAL struct buffer origin = BUFFER_EMPTY;
    if (access(".env", F_OK) != 0) {
        doctor_ok(doctor, ".env", "none in this folder");
        return;
    }
    bool holds_key = config_describe_origin(config, CONFIG_LLM_API_KEY, &origin) == 0 &&
                     strncmp(buffer_text(&origin), ".env", 4) == 0;
    if (holds_key && is_readable_by_others(".env"))
        doctor_fault(doctor, DOCTOR_WARNING, ".env", "chmod 600 .env",
                     "holds a key and can be read by others");
    else
        doctor_ok(doctor, ".env", "valid");
}

struct config *doctor_check_configuration(struct doctor *doctor, const char *file)
{
    struct error error = ERROR_NONE;
    struct config *config = config_load(file, &error);
    if (config == NULL) {
        doctor_error(doctor, DOCTOR_PROBLEM, "configuration", &error);
        return NULL;
    }
    const char *read = configuration_file(file);
    if (read == NULL)
        doctor_ok(doctor, "configuration", "no file; the defaults hold");
    else
        doctor_ok(doctor, "configuration", "%s is valid", read);
    check_dotenv(doctor, config);
    return config;
}

/* The URL without the user and password that it may hold. */
static void append_public_url(struct buffer *text, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *authority = scheme_end == NULL ? url : scheme_end + 3;
    const char *at = memchr(authority, '@', strcspn(authority, "/?#"));
    (void)buffer_append(text, url, (size_t)(authority - url));
    (void)buffer_append_text(text, at == NULL ? authority : at + 1);
}

void doctor_check_provider(struct doctor *doctor, const struct config *config)
{
    const char *url = config_text(config, CONFIG_LLM_BASE_URL);
    const char *model = config_text(config, CONFIG_LLM_MODEL);
    bool has_key = config_text(config, CONFIG_LLM_API_KEY)[0] != '\0';
    if (!has_key && url[0] == '\0') {
        doctor_ok(doctor, "provider",
                  "none: the built-in offline one answers what it knows. OPENAI_API_KEY, "
                  "OPENAI_BASE_URL and LLM_MODEL name another");
        return;
    }
    BUFFER_LOCAL struct buffer shown = BUFFER_EMPTY;
    append_public_url(&shown, url[0] == '\0' ? "the usual OpenAI address" : url);
    if (model[0] == '\0')
        doctor_fault(
            doctor, DOCTOR_WARNING, "provider", "set LLM_MODEL in the environment or in .env",
            "%s, but no model: requests that are not code cannot be answered", buffer_text(&shown));
    else
        doctor_ok(doctor, "provider", "%s, model %s, %s key", buffer_text(&shown), model,
                  has_key ? "with a" : "without a");
}
