/* Functions that stand in the place of a library's, by the linker's --wrap, and fail when a test
 * wants it. */
#ifndef TALLYCAST_TESTS_WRAP_H
#define TALLYCAST_TESTS_WRAP_H

#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>

/* The function returns `failure` if `fails`, an expression that may set errno, is true; otherwise
 * what the library's returns. */
#define WRAP(fails, failure, result, name, parameters, arguments) \
    result __real_##name parameters;                              \
    result __wrap_##name parameters;                              \
    result __wrap_##name parameters                               \
    {                                                             \
        return (fails) ? (failure) : __real_##name arguments;     \
    }

/* The same for open, whose mode is there only if a file may be made. */
#define WRAP_OPEN(fails)                                               \
    int __real_open(const char *name, int flags, mode_t mode);         \
    int __wrap_open(const char *name, int flags, ...);                 \
    int __wrap_open(const char *name, int flags, ...)                  \
    {                                                                  \
        va_list arguments;                                             \
        va_start(arguments, flags);                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0; \
        va_end(arguments);                                             \
        return (fails) ? -1 : __real_open(name, flags, mode);          \
    }

#endif
