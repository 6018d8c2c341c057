/* One small program in the sandbox, to see whether an interpreter works. */
#ifndef SHANNON_CLI_TRIAL_RUN_H
#define SHANNON_CLI_TRIAL_RUN_H

#include "sandbox/execution.h"

/* Runs `code` by the interpreter in the file `wasm_path`, which has been translated before, in a
 * process of its own and waits for its end. `result` gets what became of it; release it with
 * execution_result_free. -1 with an error when it could not be started. */
int trial_run(const char *wasm_path, const char *code, uint32_t timeout_ms,
              uint64_t memory_limit_bytes, struct execution_result *result, struct error *error);

#endif
