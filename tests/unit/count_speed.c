/* How much of the processor's time a method takes, and how much memory: of many ballots that all
 * are different, which is the worst case. Not a test; `make count-speed` runs it, and
 * doc/PERFORMANCE.md has its figures. There must be so many different ballots.
 *
 *     count_speed VALUES CHOICES METHOD */
#include "tests/support/mix.h"
#include "tests/support/profiles.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* The most that the process has had. */
static long peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;
}

/* A random ranking of all choices, or a random score for each. */
static void mark_at_random(const struct poll *poll, uint64_t *seed, uint8_t *marks)
{
    unsigned count = poll->choice_count;
    bool ranked = poll_setting(poll, SETTING_KIND) == KIND_RANKED;
    for (unsigned i = 0; i < count; i++)
        marks[i] = (uint8_t)(ranked ? i + 1 : mix((*seed)++) % 6);
    for (unsigned left = count; ranked && left > 1; left--) {
        unsigned other = (unsigned)(mix((*seed)++) % left);
        uint8_t mark = marks[left - 1];
        marks[left - 1] = marks[other];
        marks[other] = mark;
    }
}

static void cast_distinct(struct electing *electing, uint32_t count)
{
    uint8_t marks[PROTO_CHOICES_MAX];
    uint64_t seed = 1;
    for (uint32_t cast = 0; cast < count;) {
        mark_at_random(electing->poll, &seed, marks);
        uint64_t hash = 0;
        for (unsigned i = 0; i < electing->poll->choice_count; i++)
            hash = mix(hash ^ marks[i]);
        if (values_find(electing->poll->values, marks, hash) != 0)
            continue;
        uint32_t value = values_add(electing->poll->values, marks, hash);
        INVARIANT(value != 0 && profile_count(electing->profile, 0, value, 1) == 0);
        cast++;
    }
}

static void measure(const char *method, uint32_t values, unsigned choice_count)
{
    char settings[64], choices[PROTO_CHOICES_MAX * 8] = "";
    snprintf(settings, sizeof settings, "method=%s%s", method,
             strcmp(method, "stv") == 0 ? " seats=3" : "");
    for (unsigned i = 0; i < choice_count; i++)
        sprintf(choices + strlen(choices), "c%u ", i);
    struct electing electing = electing_new(settings, choices, NULL);
    cast_distinct(&electing, values);
    long profile_mib = peak_mib();
    struct profile_view *view = profile_view(electing.profile);
    uint64_t begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
    struct result *result = method_count(view);
    uint64_t took_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
    INVARIANT(result);
    printf("%-8s %8u different ballots of %3u choices: %8.1f ms; %ld MiB, %ld before\n", method,
           values, choice_count, (double)took_ns / 1e6, peak_mib(), profile_mib);
    result_unref(result);
    profile_view_free(view);
    electing_free(&electing);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: count_speed VALUES CHOICES METHOD\n");
        return EXIT_FAILURE;
    }
    measure(argv[3], (uint32_t)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
    return EXIT_SUCCESS;
}
