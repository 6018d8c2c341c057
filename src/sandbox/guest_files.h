/* The files of a run: those that come with the request are put below /workspace before it, those
 * that it changed there go into its report. One request at a time.
 */
#ifndef SHANNON_SANDBOX_GUEST_FILES_H
#define SHANNON_SANDBOX_GUEST_FILES_H

#include "base/error.h"
#include "sandbox/run_report.h"
#include "sandbox/run_request.h"

struct wasi_host;

/* Sets the limit of scratch and puts the request's files there; what changes from now on is the
 * program's. -1 with ERROR_INVALID_REQUEST (a path that cannot be), ERROR_MEMORY_LIMIT or
 * ERROR_INTERNAL. */
int guest_files_put(struct wasi_host *host, const struct run_request *request, struct error *error);

/* Adds to `report` the regular files below /workspace that changed, in the order of their paths:
 * RUN_REPORT_FILES_MAX of them, with contents as long as these are `limit` bytes together. They are
 * copies that stay until the next call. A report for which memory is short has none and says that
 * there are more. */
void guest_files_collect(struct wasi_host *host, uint64_t limit, struct run_report *report);

#endif
