/* The list of violations (see bench_faults.h). They are rare, so one mutex will do. */
#include "tools/bench_faults.h"

#include <stdarg.h>
#include <stdio.h>

void faults_add(struct faults *faults, const char *format, ...)
{
    pthread_mutex_lock(&faults->mutex);
    if (faults->count < FAULTS_KEPT) {
        va_list values;
        va_start(values, format);
        vsnprintf(faults->texts[faults->count], FAULT_MAX, format, values);
        va_end(values);
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
