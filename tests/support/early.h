/* For what a test puts in the place of a function that a sanitizer's runtime calls before it is
 * ready: it must not be instrumented. */
#ifndef TALLYCAST_TESTS_EARLY_H
#define TALLYCAST_TESTS_EARLY_H

#define CALLED_EARLY
#ifdef __has_attribute
#if __has_attribute(disable_sanitizer_instrumentation)
#undef CALLED_EARLY
#define CALLED_EARLY __attribute__((disable_sanitizer_instrumentation))
#endif
#endif

#endif
