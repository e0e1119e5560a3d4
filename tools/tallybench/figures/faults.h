/* The faults of a run: each violation of a promise of the server, and each failure of the load
 * itself. All are counted; the first few of each kind (known by its format) are kept as text, so
 * that a fault of every connection doesn't hide the others. Any thread. */
#ifndef TALLYCAST_TOOLS_BENCH_FAULTS_H
#define TALLYCAST_TOOLS_BENCH_FAULTS_H

#include <pthread.h>
#include <stdint.h>

enum { FAULTS_KEPT = 20, FAULTS_KEPT_OF_A_KIND = 5, FAULT_MAX = 240 };

/* Initialize with FAULTS_INITIALIZER. Once the threads are joined it may be read and copied. */
struct faults {
    pthread_mutex_t mutex;
    uint64_t count;
    unsigned kept;
    const char *kinds[FAULTS_KEPT]; /* the formats */
    char texts[FAULTS_KEPT][FAULT_MAX];
};
#define FAULTS_INITIALIZER ((struct faults){.mutex = PTHREAD_MUTEX_INITIALIZER})

/* One line for a person; a longer one is cut. The format is a literal. */
void faults_add(struct faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

uint64_t faults_count(struct faults *faults);

#endif
