/* Where tests put their files: under $TMPDIR, or /tmp without it. */
#ifndef TALLYCAST_TESTS_TEMPORARY_H
#define TALLYCAST_TESTS_TEMPORARY_H

#include <stdio.h>
#include <stdlib.h>

enum { TEMPORARY_MAX = 128 };

/* The path of `name` there. A longer one than fits ends the program. */
static inline void temporary_path(char path[TEMPORARY_MAX], const char *name)
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(path, TEMPORARY_MAX, "%s/%s", parent && *parent ? parent : "/tmp", name);
    if (len < TEMPORARY_MAX)
        return;
    fprintf(stderr, "$TMPDIR is too long: %s\n", parent);
    exit(EXIT_FAILURE);
}

/* Makes a directory there, whose name begins with `name`. One that can't be made ends the program.
 */
static inline void temporary_directory(char path[TEMPORARY_MAX], const char *name)
{
    char template[TEMPORARY_MAX / 2];
    snprintf(template, sizeof template, "%s-XXXXXX", name);
    temporary_path(path, template);
    if (mkdtemp(path))
        return;
    perror(path);
    exit(EXIT_FAILURE);
}

#endif
