/* The doctor's look at the services' ports: free, in use by the service itself, or taken. */
#include "cli/doctor_checks.h"

#include "base/buffer.h"
#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/json_text.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 3000

struct service {
    const char *name;
    enum config_key host;
    enum config_key port;
};

static const struct service services[] = {
    {"orchestrator", CONFIG_ORCHESTRATOR_HOST, CONFIG_ORCHESTRATOR_PORT},
    {"llm-service", CONFIG_LLM_HOST, CONFIG_LLM_PORT},
    {"agent-core", CONFIG_AGENT_CORE_HOST, CONFIG_AGENT_CORE_PORT},
};

/* Tries to take the address. 0, or an errno value; a name that means nothing is EADDRNOTAVAIL. */
static int try_to_listen(const char *host, unsigned port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *addresses = NULL;
    char service[16];
    (void)snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(host, service, &hints, &addresses) != 0)
        return EADDRNOTAVAIL;
    int result = 0;
    const int on = 1;
    int fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* As a server does, so that connections of one that has ended do not count. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(fd, 1) != 0)
        result = errno;
    if (fd >= 0)
        (void)close(fd);
    freeaddrinfo(addresses);
    return result;
}

/* ---- who answers there ---- */

struct question {
    struct event_base *loop;
    const char *service;
    bool recognised;
};

static void on_answer(void *argument, const struct http_reply *reply, const struct error *error)
{
    struct question *question = argument;
    struct json_fault fault = JSON_FAULT_NONE;
    (void)error; /* whatever does not answer is not our service */
    json_t *answer = reply == NULL ? NULL : json_text_parse(reply->body, reply->body_size, &fault);
    const char *name = json_string_value(json_object_get(answer, "service"));
    question->recognised = name != NULL && strcmp(name, question->service) == 0;
    json_decref(answer);
    (void)event_base_loopbreak(question->loop);
}

/* Whether the service itself answers at this address. */
static bool answers(const char *service, const char *host, unsigned port)
{
    struct question question = {.service = service};
    struct error error = ERROR_NONE;
    BUFFER_LOCAL struct buffer url = BUFFER_EMPTY;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    if (strcmp(host, "::") == 0)
        host = "::1";
    bool numeric_ipv6 = strchr(host, ':') != NULL;
    if (buffer_append_format(&url, "http://%s%s%s:%u/health", numeric_ipv6 ? "[" : "", host,
                             numeric_ipv6 ? "]" : "", port) != 0)
        return false;
    const struct http_call_options options = {.url = buffer_text(&url),
                                              .connect_timeout_ms = ANSWER_TIMEOUT_MS,
                                              .total_timeout_ms = ANSWER_TIMEOUT_MS,
                                              .max_response_bytes = 65536};
    question.loop = event_loop_new(&error);
    struct http_client *client =
        question.loop == NULL ? NULL : http_client_new(question.loop, &error);
    if (client != NULL && http_call_start(client, &options, on_answer, &question, &error) != NULL)
        (void)event_base_dispatch(question.loop);
    http_client_free(client);
    if (question.loop != NULL)
        event_base_free(question.loop);
    return question.recognised;
}

/* ---- the ports ---- */

static void check_service(struct doctor *doctor, const struct service *service,
                          const struct config *config)
{
    const char *host = config_text(config, service->host);
    unsigned port = (unsigned)config_number(config, service->port);
    char name[32];
    BUFFER_LOCAL struct buffer remedy = BUFFER_EMPTY;
    (void)snprintf(name, sizeof(name), "port %u", port);
    int problem = try_to_listen(host, port);
    if (problem == 0) {
        doctor_ok(doctor, name, "free, for %s at %s", service->name, host);
        return;
    }
    if (problem == EADDRINUSE && answers(service->name, host, port)) {
        doctor_ok(doctor, name, "%s is running at %s", service->name, host);
        return;
    }
    const char *port_key = config_key_info(service->port)->name;
    if (problem == EADDRINUSE)
        (void)buffer_append_format(&remedy,
                                   "set %s to another, or end the program that has it (ss -ltnp "
                                   "'sport = :%u' names it)",
                                   port_key, port);
    else
        (void)buffer_append_format(&remedy, "set %s and %s to an address and port of this machine",
                                   config_key_info(service->host)->name, port_key);
    doctor_fault(doctor, DOCTOR_PROBLEM, name, buffer_text(&remedy), "%s cannot listen at %s: %s",
                 service->name, host,
                 problem == EADDRINUSE ? "another program has the port" : strerror(problem));
}

void doctor_check_services(struct doctor *doctor, const struct config *config)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        check_service(doctor, &services[i], config);
}
