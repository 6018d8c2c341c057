/* What `shannon doctor` looks at. Each check reports one line, and one more on how to mend it when
 * it is not well. */
#ifndef SHANNON_CLI_DOCTOR_CHECKS_H
#define SHANNON_CLI_DOCTOR_CHECKS_H

#include "base/config.h"
#include "base/error.h"

enum doctor_status {
    DOCTOR_OK,
    DOCTOR_WARNING, /* something will not work, or not as well; the rest does */
    DOCTOR_PROBLEM, /* programs cannot be run, or not as safely as they should */
};

/* Where the reports go; src/cli/command_doctor.c. */
struct doctor;

/* Reports a check that is well. */
void doctor_ok(struct doctor *doctor, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports one that is not; `remedy` is what to do about it, one line. */
void doctor_fault(struct doctor *doctor, enum doctor_status status, const char *name,
                  const char *remedy, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Reports an error whose message ends in its remedy ("WHAT. Do THIS" or "WHAT; do THIS"). */
void doctor_error(struct doctor *doctor, enum doctor_status status, const char *name,
                  const struct error *error);

/* doctor_machine.c */
void doctor_check_tools(struct doctor *doctor);
void doctor_check_kernel(struct doctor *doctor);

/* doctor_configuration.c: NULL when the configuration cannot be read. */
struct config *doctor_check_configuration(struct doctor *doctor, const char *file);
void doctor_check_provider(struct doctor *doctor, const struct config *config);

/* doctor_interpreters.c */
void doctor_check_cache(struct doctor *doctor);
void doctor_check_interpreters(struct doctor *doctor, const struct config *config);

/* doctor_services.c */
void doctor_check_services(struct doctor *doctor, const struct config *config);

#endif
