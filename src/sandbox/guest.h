/* An interpreter, loaded into this process and ready to run one program.
 *
 * There are two kinds. A reactor (our own python.wasm; see shannon_guest.h) is initialised once and
 * can then be forked; each copy runs a program. Any other WASI module is a command: `_start` is
 * called with arguments, and a Python program is passed to it as `-c CODE`.
 *
 * One a process; inherited by fork(2). Not thread-safe.
 */
#ifndef SHANNON_SANDBOX_GUEST_H
#define SHANNON_SANDBOX_GUEST_H

#include "base/buffer.h"
#include "base/error.h"
#include "engine/translate.h"
#include "sandbox/run_report.h"
#include "sandbox/run_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guest;
struct linear_memory;
struct lockdown;
struct wasi_host;

struct guest_options {
    const char *wasm_path;
    const char *const *allowed_paths; /* folders granted read-only, at the same path in the guest */
    size_t allowed_path_count;
    const char *const *variables; /* NAME=VALUE */
    size_t variable_count;
    translate_progress *progress; /* while translating; may be NULL */
    void *progress_argument;
};

/* Appends the path of the module's native object, which it translates first where the cache has
 * none. ERROR_INTERPRETER_NOT_FOUND, ERROR_INVALID_REQUEST (a bad module) or ERROR_INTERNAL. */
int guest_prepare(const struct guest_options *options, struct buffer *object_path,
                  struct error *error);

/* Loads the object from guest_prepare. Standard descriptors 0, 1 and 2 of the guest are the
 * process's own until guest_capture. No guest code runs. NULL with ERROR_INVALID_REQUEST (a folder
 * that cannot be granted, no _start) or ERROR_INTERNAL. */
struct guest *guest_load(const struct guest_options *options, const char *object_path,
                         struct error *error);

/* Standard input comes from each run's request, standard output and error go to the process's
 * channel (see guest_output.h). Before guest_initialize, so that Python meets its streams as they
 * will be. */
int guest_capture(struct guest *guest, struct error *error);

/* Its linear memory (valid once initialised) and its WASI host, for those who save and restore
 * them. */
struct linear_memory *guest_memory(struct guest *guest);
struct wasi_host *guest_wasi(struct guest *guest);

/* Whether all its state between two runs is linear memory and the WASI host's. */
bool guest_can_be_saved(const struct guest *guest);

/* As guest_instance_set_memory. */
int guest_set_memory(struct guest *guest, int image, uint64_t image_size, uint64_t size,
                     struct error *error);

/* The host's descriptors that the guest's preopens stand for, appended to `descriptors` (room for
 * `maximum`). Returns their number. */
size_t guest_descriptors(const struct guest *guest, int *descriptors, size_t maximum);

/* Instantiates a reactor and starts Python; `flags` are SHANNON_INITIALIZE_*. Linear memory may
 * grow to `memory_limit` bytes. For a command: does nothing. */
int guest_initialize(struct guest *guest, uint32_t flags, uint64_t memory_limit,
                     struct error *error);

/* Makes this process, whose reactor is initialised, cheap to fork, and learns which pages a run
 * writes, by running one in a process that then ends. `image` gets the descriptor of the memory
 * image (see linear_memory.h), which is the caller's. For a command: -1 there and nothing else.
 * Before the process is locked down. */
int guest_share(struct guest *guest, const struct lockdown *lockdown, int *image,
                struct error *error);

/* In a fork of a process that called guest_share: makes the pages present that a run writes and,
 * unless somebody waits (`hurry`), runs a short program, so that the first real one waits for
 * neither; leaves nothing that it could see. For a command: does nothing. -1 with ERROR_INTERNAL.
 */
int guest_warm(struct guest *guest, bool hurry, struct error *error);

/* Makes this copy of an initialised reactor differ from its siblings (shannon_refresh). -1 with
 * ERROR_INTERNAL: no program may run in it. For a command: does nothing. */
int guest_refresh(struct guest *guest, struct error *error);

/* Puts the request's files in place, runs what it asks for, a Python program or
 * (RUN_REQUEST_COMMAND) the module itself, and fills `report`, whose records point into guest
 * memory and whose files stay until the next run. A reactor whose outcome is GUEST_RETURNED can be
 * run again. -1 only when the guest could not begin. */
int guest_run(struct guest *guest, const struct run_request *request, struct run_report *report,
              struct error *error);

/* Raises KeyboardInterrupt in the program that runs, if it can be had (only in a reactor), and ends
 * a wait. Async-signal-safe. */
void guest_interrupt(struct guest *guest);

#endif
