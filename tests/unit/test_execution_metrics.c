/* src/agent_core/execution_metrics.c: what it writes is read back as Prometheus reads it
 * (exposition format 0.0.4). */
#include "agent_core/execution_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAMILIES_MAX 64
#define SAMPLES_MAX 256

struct family {
    char name[80];
    char type[16];
    bool has_help;
    size_t samples;
};

struct sample {
    char name[120]; /* without labels */
    char label[40]; /* NAME="VALUE", "" when there is none */
    double value;
    char digits[40]; /* as written */
    size_t family;
};

struct metrics {
    struct family families[FAMILIES_MAX];
    size_t family_count;
    struct sample samples[SAMPLES_MAX];
    size_t sample_count;
};

static bool is_name(const char *text, size_t size)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";
    return size > 0 && strspn(text, allowed) >= size && (text[0] < '0' || text[0] > '9');
}

static void copy(char *to, size_t room, const char *from, size_t size)
{
    assert_true(size < room);
    memcpy(to, from, size);
    to[size] = '\0';
}

/* "# HELP name words" or "# TYPE name type". */
static void read_comment(struct metrics *metrics, const char *line)
{
    bool help = strncmp(line, "# HELP ", 7) == 0;
    assert_true(help || strncmp(line, "# TYPE ", 7) == 0);
    const char *name = line + 7;
    size_t size = strcspn(name, " ");
    const char *rest = name + size;
    assert_true(is_name(name, size));
    assert_true(rest[0] == ' ' && rest[1] != '\0');
    size_t i = 0;
    while (i < metrics->family_count && (strlen(metrics->families[i].name) != size ||
                                         memcmp(metrics->families[i].name, name, size) != 0))
        i++;
    struct family *family = &metrics->families[i];
    if (i == metrics->family_count) {
        assert_true(metrics->family_count++ < FAMILIES_MAX);
        copy(family->name, sizeof(family->name), name, size);
    }
    /* Each once, both before the first sample, and nothing of another family between. */
    assert_int_equal(i + 1, metrics->family_count);
    assert_int_equal(family->samples, 0);
    if (help) {
        assert_false(family->has_help);
        family->has_help = true;
    } else {
        assert_string_equal(family->type, "");
        copy(family->type, sizeof(family->type), rest + 1, strlen(rest + 1));
        assert_true(strcmp(family->type, "counter") == 0 || strcmp(family->type, "gauge") == 0 ||
                    strcmp(family->type, "histogram") == 0);
    }
}

/* Whether a sample called `name` belongs to the family. */
static bool belongs_to(const char *name, const struct family *family)
{
    static const char *const ends[] = {"_bucket", "_sum", "_count"};
    size_t size = strlen(family->name);
    if (strcmp(family->type, "histogram") != 0)
        return strcmp(name, family->name) == 0;
    for (size_t i = 0; i < 3; i++) {
        if (strncmp(name, family->name, size) == 0 && strcmp(name + size, ends[i]) == 0)
            return true;
    }
    return false;
}

/* "name value" or "name{label="value"} value". */
static void read_sample(struct metrics *metrics, const char *line)
{
    assert_true(metrics->sample_count < SAMPLES_MAX && metrics->family_count > 0);
    struct sample *sample = &metrics->samples[metrics->sample_count++];
    size_t size = strcspn(line, "{ ");
    assert_true(is_name(line, size));
    copy(sample->name, sizeof(sample->name), line, size);
    const char *rest = line + size;
    if (*rest == '{') {
        const char *end = strchr(rest, '}');
        assert_non_null(end);
        copy(sample->label, sizeof(sample->label), rest + 1, (size_t)(end - rest) - 1);
        const char *value = strchr(sample->label, '=');
        assert_non_null(value);
        assert_true(is_name(sample->label, (size_t)(value - sample->label)));
        size_t last = strlen(value) - 1;
        assert_true(last >= 2 && value[1] == '"' && value[last] == '"');
        assert_true(strcspn(value + 2, "\\\"\n") == last - 2);
        rest = end + 1;
    }
    assert_true(*rest == ' ');
    char *end;
    sample->value = strtod(rest + 1, &end);
    assert_true(end != rest + 1 && *end == '\0');
    copy(sample->digits, sizeof(sample->digits), rest + 1, strlen(rest + 1));
    sample->family = metrics->family_count - 1;
    struct family *family = &metrics->families[sample->family];
    assert_true(family->has_help && family->type[0] != '\0');
    if (!belongs_to(sample->name, family))
        fail_msg("%s stands among the samples of %s", sample->name, family->name);
    for (size_t i = 0; i + 1 < metrics->sample_count; i++) {
        if (strcmp(metrics->samples[i].name, sample->name) == 0 &&
            strcmp(metrics->samples[i].label, sample->label) == 0)
            fail_msg("%s{%s} is there twice", sample->name, sample->label);
    }
    family->samples++;
}

/* Buckets in ascending order, each with what the ones before it have; +Inf is all of them. */
static void check_histogram(const struct metrics *metrics, const struct family *family)
{
    size_t size = strlen(family->name);
    double bound = -1;
    double last = 0;
    double infinite = -1;
    double count = -1;
    bool has_sum = false;
    for (size_t i = 0; i < metrics->sample_count; i++) {
        const struct sample *sample = &metrics->samples[i];
        if (&metrics->families[sample->family] != family)
            continue;
        const char *end = sample->name + size;
        if (strcmp(end, "_bucket") != 0) {
            assert_string_equal(sample->label, "");
            assert_true(infinite >= 0); /* after the buckets */
            if (strcmp(end, "_count") == 0)
                count = sample->value;
            else
                has_sum = true;
            continue;
        }
        assert_int_equal(strncmp(sample->label, "le=\"", 4), 0);
        double next = strtod(sample->label + 4, NULL);
        assert_true(next > bound);
        assert_true(sample->value >= last);
        bound = next;
        last = sample->value;
        if (strcmp(sample->label, "le=\"+Inf\"") == 0)
            infinite = sample->value;
    }
    assert_true(has_sum);
    assert_true(infinite >= 0 && infinite == count);
}

static struct metrics metrics;

static void read_metrics(const struct execution_metrics *counts,
                         const struct execution_gauges *gauges)
{
    BUFFER_LOCAL struct buffer text = BUFFER_EMPTY;
    memset(&metrics, 0, sizeof(metrics));
    assert_int_equal(execution_metrics_append(counts, gauges, &text), 0);
    assert_int_equal(text.data[text.size - 1], '\n');
    assert_int_equal(strlen(text.data), text.size);
    char *rest = text.data;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
        assert_true(line[0] != '\0');
        if (line[0] == '#')
            read_comment(&metrics, line);
        else
            read_sample(&metrics, line);
    }
    for (size_t i = 0; i < metrics.family_count; i++) {
        const struct family *family = &metrics.families[i];
        assert_true(family->has_help && family->samples > 0);
        if (strcmp(family->type, "histogram") == 0)
            check_histogram(&metrics, family);
        /* The naming rules of Prometheus: a counter ends in _total, nothing else does. */
        size_t size = strlen(family->name);
        bool total = size > 6 && strcmp(family->name + size - 6, "_total") == 0;
        assert_int_equal(total, strcmp(family->type, "counter") == 0);
        assert_int_equal(strncmp(family->name, "shannon_", 8), 0);
    }
}

static const struct sample *sample_of(const char *name, const char *label)
{
    for (size_t i = 0; i < metrics.sample_count; i++) {
        if (strcmp(metrics.samples[i].name, name) == 0 &&
            strcmp(metrics.samples[i].label, label) == 0)
            return &metrics.samples[i];
    }
    fail_msg("there is no %s{%s}", name, label);
    return NULL;
}

static void expect(const char *name, const char *label, const char *digits)
{
    assert_string_equal(sample_of(name, label)->digits, digits);
}

static void nothing_yet_is_all_zeros(void **state)
{
    static const struct execution_metrics counts;
    static const struct execution_gauges gauges;
    (void)state;
    read_metrics(&counts, &gauges);
    for (size_t i = 0; i < metrics.sample_count; i++)
        assert_true(metrics.samples[i].value == 0);
    assert_true(metrics.family_count >= 12);
}

static void each_kind_of_ending_is_counted(void **state)
{
    static const struct execution_gauges gauges;
    struct execution_metrics counts = {0};
    (void)state;
    for (int kind = 0; kind <= ERROR_INTERNAL; kind++) {
        for (int i = 0; i <= kind; i++)
            execution_metrics_count(&counts, (enum error_kind)kind, NULL);
    }
    read_metrics(&counts, &gauges);
    for (int kind = 0; kind <= ERROR_INTERNAL; kind++) {
        BUFFER_LOCAL struct buffer label = BUFFER_EMPTY;
        (void)buffer_append_format(&label, "status=\"%s\"", error_kind_name((enum error_kind)kind));
        assert_true(sample_of("shannon_executions_total", buffer_text(&label))->value == kind + 1);
    }
    /* None of these ran, and none took time. */
    expect("shannon_execution_duration_seconds_count", "", "0");
}

/* Just below, at and just above each bound. */
static void times_are_in_their_buckets(void **state)
{
    static const struct execution_gauges gauges;
    static const struct {
        uint64_t us;
        const char *bound;
    } bounds[] = {
        {100, "0.0001"}, {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"},
        {5000, "0.005"}, {10000, "0.01"},  {50000, "0.05"},  {100000, "0.1"},  {500000, "0.5"},
        {1000000, "1"},  {5000000, "5"},   {10000000, "10"}, {30000000, "30"},
    };
    size_t count = sizeof(bounds) / sizeof(bounds[0]);
    struct execution_metrics counts = {0};
    (void)state;
    assert_int_equal(count, EXECUTION_METRICS_BOUNDS);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t off = 0; off < 3; off++) {
            const struct execution_result result = {.wall_us = bounds[i].us - 1 + off};
            execution_metrics_count(&counts, ERROR_OK, &result);
        }
    }
    read_metrics(&counts, &gauges);
    for (size_t i = 0; i < count; i++) {
        BUFFER_LOCAL struct buffer label = BUFFER_EMPTY;
        (void)buffer_append_format(&label, "le=\"%s\"", bounds[i].bound);
        /* Below and at: two of its own, and three of each before. */
        assert_true(
            sample_of("shannon_execution_duration_seconds_bucket", buffer_text(&label))->value ==
            3 * (double)i + 2);
    }
    expect("shannon_execution_duration_seconds_bucket", "le=\"+Inf\"", "42");
    expect("shannon_execution_duration_seconds_count", "", "42");
}

static void sums_are_exact(void **state)
{
    struct execution_metrics counts = {0};
    static const struct execution_gauges gauges;
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct execution_result result = {.wall_us = 1000001, .cpu_us = 7};
        (void)buffer_append_text(&result.stdout_bytes, "12345");
        (void)buffer_append_text(&result.stderr_bytes, "12");
        execution_metrics_count(&counts, ERROR_TIMEOUT, &result);
        buffer_free(&result.stdout_bytes);
        buffer_free(&result.stderr_bytes);
    }
    read_metrics(&counts, &gauges);
    expect("shannon_executions_total", "status=\"timeout\"", "3");
    expect("shannon_execution_duration_seconds_sum", "", "3.000003");
    expect("shannon_execution_cpu_seconds_total", "", "0.000021");
    expect("shannon_output_bytes_total", "stream=\"stdout\"", "15");
    expect("shannon_output_bytes_total", "stream=\"stderr\"", "6");
}

/* Years of a busy machine. */
static void large_numbers_keep_their_digits(void **state)
{
    const struct execution_metrics counts = {
        .ended[ERROR_OK] = UINT64_MAX,
        .wall_buckets[EXECUTION_METRICS_BOUNDS] = (uint64_t)1 << 62,
        .wall_us = UINT64_MAX,
        .cpu_us = (uint64_t)1 << 63,
        .stdout_bytes = UINT64_MAX,
    };
    const struct execution_gauges gauges = {.forks = UINT64_MAX};
    (void)state;
    read_metrics(&counts, &gauges);
    expect("shannon_executions_total", "status=\"ok\"", "18446744073709551615");
    expect("shannon_execution_duration_seconds_count", "", "4611686018427387904");
    expect("shannon_execution_duration_seconds_sum", "", "18446744073709.551615");
    expect("shannon_execution_cpu_seconds_total", "", "9223372036854.775808");
    expect("shannon_output_bytes_total", "stream=\"stdout\"", "18446744073709551615");
    expect("shannon_guest_process_forks_total", "", "18446744073709551615");
}

static void what_there_is_now_is_told(void **state)
{
    static const struct execution_metrics counts;
    const struct execution_gauges gauges = {.running = 1,
                                            .waiting = 2,
                                            .spares = 3,
                                            .spares_wanted = 4,
                                            .processes = 5,
                                            .dying = 6,
                                            .forks = 7,
                                            .zygote_starts = 8};
    (void)state;
    read_metrics(&counts, &gauges);
    expect("shannon_executions_running", "", "1");
    expect("shannon_executions_waiting", "", "2");
    expect("shannon_spare_processes", "", "3");
    expect("shannon_spare_processes_wanted", "", "4");
    expect("shannon_guest_processes", "", "5");
    expect("shannon_guest_processes_dying", "", "6");
    expect("shannon_guest_process_forks_total", "", "7");
    expect("shannon_zygote_starts_total", "", "8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_yet_is_all_zeros),
        cmocka_unit_test(each_kind_of_ending_is_counted),
        cmocka_unit_test(times_are_in_their_buckets),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(large_numbers_keep_their_digits),
        cmocka_unit_test(what_there_is_now_is_told),
    };
    return cmocka_run_group_tests_name("execution_metrics", tests, NULL, NULL);
}
