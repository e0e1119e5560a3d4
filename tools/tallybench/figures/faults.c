/* The list of violations (see faults.h). They are rare, so one mutex will do. */
#include "tools/tallybench/figures/faults.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static bool is_kept_locked(const struct faults *faults, const char *kind)
{
    unsigned alike = 0;
    for (unsigned i = 0; i < faults->kept; i++)
        alike += faults->kinds[i] == kind;
    return faults->kept < FAULTS_KEPT && alike < FAULTS_KEPT_OF_A_KIND;
}

void faults_add(struct faults *faults, const char *format, ...)
{
    pthread_mutex_lock(&faults->mutex);
    if (is_kept_locked(faults, format)) {
        va_list values;
        va_start(values, format);
        vsnprintf(faults->texts[faults->kept], FAULT_MAX, format, values);
        va_end(values);
        faults->kinds[faults->kept++] = format;
    }
    faults->count++;
    pthread_mutex_unlock(&faults->mutex);
}

uint64_t faults_count(struct faults *faults)
{
    pthread_mutex_lock(&faults->mutex);
    uint64_t count = faults->count;
    pthread_mutex_unlock(&faults->mutex);
    return count;
}
