/* From a member to the object in which it is embedded. */
#ifndef TALLYCAST_CONTAINER_H
#define TALLYCAST_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The object of `type` whose `member` is at `at`. Does not compile unless `at` points to that
 * member's type: a member of a const object gives a const object. */
#define container_of(at, type, member)                                                           \
    ((type *)((uintptr_t)(at)-offsetof(type, member) +                                           \
              0 * sizeof(struct {                                                                \
                  _Static_assert(__builtin_types_compatible_p(__typeof__(at),                    \
                                                              __typeof__(&((type *)0)->member)), \
                                 "this points to something else than that member");              \
                  char any;                                                                      \
              })))

#endif
