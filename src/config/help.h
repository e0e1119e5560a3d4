/* The text of --help. Pure. */
#ifndef TALLYCAST_HELP_H
#define TALLYCAST_HELP_H

enum { HELP_MAX = 8192 }; /* bytes, NUL included */

void help_write(char text[HELP_MAX]);

#endif
