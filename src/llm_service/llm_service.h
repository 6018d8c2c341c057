/* The service that understands requests: HTTP/JSON between the orchestrator and agent-core.
 *
 *   POST /agent/query   runs the code in a request, or finds a provider that knows what to run
 *   GET  /health        this process serves
 *   GET  /ready         agent-core is ready too
 *
 * The fields of a query and of its answer are described in agent_query.h.
 */
#ifndef SHANNON_LLM_SERVICE_LLM_SERVICE_H
#define SHANNON_LLM_SERVICE_LLM_SERVICE_H

#include "base/config.h"
#include "base/error.h"

/* Serves on llm.host and llm.port until SIGTERM or SIGINT, then gives requests under way a moment
 * and returns 0. -1 with an error when it cannot start. Configures the logger. `config` is borrowed
 * until it returns. */
int llm_service_serve(struct config *config, struct error *error);

#endif
