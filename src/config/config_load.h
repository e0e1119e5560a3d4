/* Loads the configuration: defaults, then a file, then the command line. Main thread, before the
 * others start. */
#ifndef TALLYCAST_CONFIG_LOAD_H
#define TALLYCAST_CONFIG_LOAD_H

#include "config/config.h"
#include "config/help.h"

enum config_outcome {
    CONFIG_RUN,     /* start the server */
    CONFIG_CHECKED, /* --check-config, and the configuration is good */
    CONFIG_HELP,    /* --help or --version: text holds what to print on standard output, as it is */
    CONFIG_ERROR,   /* a mistake in it; text holds one line, without program name and LF */
    CONFIG_FAILED,  /* it could not be read now, for lack of memory say; text as for an error */
};

/* Reads the command line and the file that it names. On every outcome, config_free must free
 * `config`. `text` receives the text to print: an error has at most READER_ERROR_MAX bytes, NUL
 * included. */
enum config_outcome config_load(struct config *config, int argc, char **argv, char text[HELP_MAX]);

#endif
