/* `shannon doctor`: checks the machine and says how to mend what is not well. */
#include "base/json_text.h"
#include "cli/command.h"
#include "cli/doctor_checks.h"
#include "cli/options.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_PROBLEM 1

struct doctor {
    json_t *checks; /* NULL: reports are printed as they come */
    unsigned counts[DOCTOR_PROBLEM + 1];
};

static const char *const status_names[] = {
    [DOCTOR_OK] = "ok",
    [DOCTOR_WARNING] = "warning",
    [DOCTOR_PROBLEM] = "problem",
};

static void report(struct doctor *doctor, enum doctor_status status, const char *name,
                   const char *message, const char *remedy)
{
    doctor->counts[status]++;
    if (doctor->checks == NULL) {
        (void)printf("%-8s %-20s %s\n", status_names[status], name, message);
        if (remedy != NULL)
            (void)printf("%-29s -> %s\n", "", remedy);
        (void)fflush(stdout);
        return;
    }
    json_t *check = json_object();
    json_object_set_new(check, "name", json_string(name));
    json_object_set_new(check, "status", json_string(status_names[status]));
    json_object_set_new(check, "message", json_text_from_bytes(message, strlen(message)));
    json_object_set_new(check, "remedy",
                        remedy == NULL ? json_null()
                                       : json_text_from_bytes(remedy, strlen(remedy)));
    json_array_append_new(doctor->checks, check);
}

void doctor_ok(struct doctor *doctor, const char *name, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    report(doctor, DOCTOR_OK, name, message, NULL);
}

void doctor_fault(struct doctor *doctor, enum doctor_status status, const char *name,
                  const char *remedy, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    report(doctor, status, name, message, remedy);
}

/* Where the remedy begins in "WHAT. Do THIS" or "WHAT; do THIS", `*end` being where WHAT ends. */
static char *find_remedy(char *message, char **end)
{
    for (char *p = strstr(message, ". "); p != NULL; p = strstr(p + 1, ". ")) {
        if (isupper((unsigned char)p[2])) {
            *end = p;
            return p + 2;
        }
    }
    char *semicolon = strstr(message, "; ");
    *end = semicolon;
    return semicolon == NULL ? NULL : semicolon + 2;
}

void doctor_error(struct doctor *doctor, enum doctor_status status, const char *name,
                  const struct error *error)
{
    char message[sizeof(error->message)];
    char *end;
    memcpy(message, error->message, sizeof(message));
    char *remedy = find_remedy(message, &end);
    if (remedy == NULL) {
        report(doctor, status, name, message, "mend what the message names, then run this again");
        return;
    }
    *end = '\0';
    report(doctor, status, name, message, remedy);
}

static void check_all(struct doctor *doctor, const char *file)
{
    doctor_check_tools(doctor);
    doctor_check_kernel(doctor);
    doctor_check_cache(doctor);
    struct config *config = doctor_check_configuration(doctor, file);
    if (config == NULL) /* what follows would be about another configuration */
        return;
    doctor_check_interpreters(doctor, config);
    doctor_check_services(doctor, config);
    doctor_check_provider(doctor, config);
    config_free(config);
}

static void print_json(const struct doctor *doctor)
{
    json_t *answer = json_object();
    json_object_set_new(answer, "healthy", json_boolean(doctor->counts[DOCTOR_PROBLEM] == 0));
    json_object_set_new(answer, "problems", json_integer(doctor->counts[DOCTOR_PROBLEM]));
    json_object_set_new(answer, "warnings", json_integer(doctor->counts[DOCTOR_WARNING]));
    json_object_set(answer, "checks", doctor->checks);
    char *text = json_dumps(answer, 0);
    json_decref(answer);
    if (text != NULL)
        (void)puts(text);
    free(text);
}

static void print_summary(const struct doctor *doctor)
{
    unsigned warnings = doctor->counts[DOCTOR_WARNING];
    unsigned problems = doctor->counts[DOCTOR_PROBLEM];
    (void)printf("\n%u ok, %u warning%s, %u problem%s\n", doctor->counts[DOCTOR_OK], warnings,
                 warnings == 1 ? "" : "s", problems, problems == 1 ? "" : "s");
}

int command_doctor(int argc, char **argv)
{
    bool json = false;
    const char *file = NULL;
    const struct option rows[] = {
        {"--json", OPTION_FLAG, &json, NULL, "print one JSON object at the end"},
        {"--config", OPTION_TEXT, &file, "FILE",
         "configuration file (default: config/shannon.yaml)"},
        {NULL, OPTION_FLAG, NULL, NULL, NULL},
    };
    const struct option_table table = {
        "doctor", "[OPTION...]",
        "Checks tools, kernel, cache, configuration, interpreters, ports and provider, and says\n"
        "how to mend what is not well.",
        rows, "Exit status: 0 no problem (there may be warnings), 1 a problem."};
    struct error error = ERROR_NONE;
    size_t count;
    int status = options_parse_words(&table, argc, argv, NULL, 0, &count, &error);
    if (status == 1)
        return 0;
    if (status < 0)
        return options_fail("doctor", &error);
    struct doctor doctor = {.checks = json ? json_array() : NULL};
    check_all(&doctor, file);
    if (json)
        print_json(&doctor);
    else
        print_summary(&doctor);
    json_decref(doctor.checks);
    return doctor.counts[DOCTOR_PROBLEM] == 0 ? 0 : EXIT_PROBLEM;
}
