/* Access to a configuration that was read. Invariant: every text that is handed out belongs to the
 * configuration. */
#include "base/config.h"

#include "base/config_keys.h"
#include "base/config_store.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        config_setting_free(&config->settings[key], config_keys[key].info.secret);
        free(config->derived[key]);
    }
    free(config);
}

/* "http://HOST:PORT", as a client on this machine reaches it. */
static char *service_url(const struct config *config, enum config_key host_key,
                         enum config_key port_key)
{
    const char *host = config_text(config, host_key);
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    bool bracketed = strchr(host, ':') != NULL;
    struct buffer url = BUFFER_EMPTY;
    if (buffer_append_format(&url, bracketed ? "http://[%s]:%" PRIu64 : "http://%s:%" PRIu64, host,
                             config_number(config, port_key)) != 0)
        buffer_free(&url);
    return url.data;
}

int config_derive(struct config *config, struct error *error)
{
    static const struct {
        enum config_key url, host, port;
    } services[] = {
        {CONFIG_LLM_AGENT_CORE_URL, CONFIG_AGENT_CORE_HOST, CONFIG_AGENT_CORE_PORT},
        {CONFIG_ORCHESTRATOR_LLM_SERVICE_URL, CONFIG_LLM_HOST, CONFIG_LLM_PORT},
    };
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++) {
        free(config->derived[services[i].url]);
        config->derived[services[i].url] = service_url(config, services[i].host, services[i].port);
        if (config->derived[services[i].url] == NULL)
            return error_set(error, ERROR_INTERNAL, "out of memory");
    }
    return 0;
}

int config_set(struct config *config, enum config_key key, const char *text, const char *flag,
               struct error *error)
{
    if (config_store_text(config, key, ORIGIN_FLAG, flag, 0, text, error) != 0)
        return error_prefix(error, "%s", flag);
    return config_derive(config, error);
}

uint64_t config_number(const struct config *config, enum config_key key)
{
    return config->settings[key].number;
}

const char *config_text(const struct config *config, enum config_key key)
{
    if (config->settings[key].text != NULL)
        return config->settings[key].text;
    return config->derived[key] == NULL ? "" : config->derived[key];
}

size_t config_items(const struct config *config, enum config_key key, const char *const **items)
{
    *items = (const char *const *)config->settings[key].items;
    return config->settings[key].item_count;
}

void config_forget_secrets(struct config *config)
{
    for (int key = 0; key < CONFIG_KEY_COUNT; key++) {
        const struct config_key_info *info = &config_keys[key].info;
        if (!info->secret)
            continue;
        config_setting_free(&config->settings[key], true);
        const char *const variables[] = {info->environment, info->alias};
        for (size_t i = 0; i < 2; i++) {
            char *value = variables[i] == NULL ? NULL : getenv(variables[i]);
            if (value == NULL)
                continue;
            explicit_bzero(value, strlen(value));
            (void)unsetenv(variables[i]);
        }
    }
}

/* `item` in YAML's double quotes. */
static int append_quoted(struct buffer *text, const char *item)
{
    int result = buffer_append_text(text, "\"");
    for (; *item != '\0'; item++) {
        if (*item == '"' || *item == '\\')
            result |= buffer_append_text(text, "\\");
        result |= buffer_append(text, item, 1);
    }
    return result | buffer_append_text(text, "\"");
}

static int describe_items(const struct config_setting *setting, bool map, struct buffer *text)
{
    int result = buffer_append_text(text, map ? "{" : "[");
    for (size_t i = 0; i < setting->item_count; i++) {
        const char *item = setting->items[i];
        size_t name = map ? strcspn(item, "=") : 0;
        if (i > 0)
            result |= buffer_append_text(text, ", ");
        if (map) {
            result |= buffer_append(text, item, name);
            result |= buffer_append_text(text, ": ");
            item += name + 1;
        }
        result |= append_quoted(text, item);
    }
    return result | buffer_append_text(text, map ? "}" : "]");
}

int config_describe(const struct config *config, enum config_key key, struct buffer *text)
{
    const struct config_key_info *info = &config_keys[key].info;
    const struct config_setting *setting = &config->settings[key];
    if (info->secret)
        return buffer_append_text(text, config_text(config, key)[0] == '\0' ? "" : "***");
    if (info->type == CONFIG_NUMBER)
        return buffer_append_format(text, "%" PRIu64, setting->number);
    if (info->type == CONFIG_LIST || info->type == CONFIG_MAP)
        return describe_items(setting, info->type == CONFIG_MAP, text);
    return buffer_append_text(text, config_text(config, key));
}

int config_describe_origin(const struct config *config, enum config_key key, struct buffer *text)
{
    const struct config_setting *setting = &config->settings[key];
    switch (setting->origin) {
    case ORIGIN_FILE:
        return buffer_append_format(text, "%s:%zu", setting->source, setting->line);
    case ORIGIN_ENVIRONMENT:
        return buffer_append_format(text, "environment %s", setting->source);
    case ORIGIN_FLAG:
        return buffer_append_format(text, "flag %s", setting->source);
    case ORIGIN_DEFAULT:
        break;
    }
    return buffer_append_text(text, "default");
}

void config_apply_logging(const struct config *config, const char *service)
{
    int level = log_level_from_name(config_text(config, CONFIG_LOGGING_LEVEL));
    log_configure(service, level < 0 ? LOG_INFO : (enum log_level)level,
                  strcmp(config_text(config, CONFIG_LOGGING_FORMAT), "json") == 0);
}
