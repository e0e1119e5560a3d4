/* The limit of open files (see descriptors.h). */
#include "tools/tallybench/run/descriptors.h"

#include <sys/resource.h>

int descriptors_allow(uint64_t needed)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    if (limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max < needed)
        limit.rlim_max = needed;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}
