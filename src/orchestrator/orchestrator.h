/* The service that clients talk to: takes tasks, keeps them on disk, has them run, tells their
 * state. Its routes are in task_api.h, and
 *
 *   GET /health                 this process serves
 *   GET /readiness, /ready      llm-service is ready too
 */
#ifndef SHANNON_ORCHESTRATOR_ORCHESTRATOR_H
#define SHANNON_ORCHESTRATOR_ORCHESTRATOR_H

#include "base/config.h"
#include "base/error.h"

/* Serves on orchestrator.host and orchestrator.port until SIGTERM or SIGINT, then hands running
 * tasks back to the store and returns 0. -1 with an error when it cannot start (port taken, task
 * store not usable). Forgets the secrets of `config` and configures the logger. `config` is
 * borrowed until it returns. */
int orchestrator_serve(struct config *config, struct error *error);

#endif
