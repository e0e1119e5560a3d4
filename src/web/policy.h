/* The Content-Security-Policy of pages: what their scripts and styles may do. */
#ifndef TALLYCAST_POLICY_H
#define TALLYCAST_POLICY_H

/* The policy, made at the first call. Any thread. */
const char *policy_text(void);

#endif
