/* The choices of a poll as a voter or an administrator refers to them. Pure functions, for any
 * thread. */
#ifndef TALLYCAST_PROTO_CHOICE_H
#define TALLYCAST_PROTO_CHOICE_H

#include "proto/name.h"

/* The choice with that name, or else with that number, from 1. Returns its place from 0, or -1. */
int choice_find(const struct name *choices, unsigned choice_count, const struct name *name);

#endif
