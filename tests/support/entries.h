/* Entries for tests of the store. */
#ifndef TALLYCAST_TESTS_ENTRIES_H
#define TALLYCAST_TESTS_ENTRIES_H

#include "poll/poll.h"
#include "proto/entry.h"

static inline struct entry entry_change(uint64_t seq, uint32_t poll, enum entry_kind kind)
{
    return (struct entry){.seq = seq, .time_ns = 1, .poll = poll, .kind = kind};
}

static inline struct entry entry_create(uint64_t seq, const struct poll *poll)
{
    struct entry entry = entry_change(seq, poll->id, ENTRY_CREATE);
    entry.create = (struct entry_create){&poll->name, &poll->settings, poll->choices,
                                         poll->choice_count, poll->lot};
    return entry;
}

/* A TITLE, or a LABEL of a choice, from 0. */
static inline struct entry entry_text(uint64_t seq, uint32_t poll, enum entry_kind kind,
                                      unsigned choice, const char *text)
{
    struct entry entry = entry_change(seq, poll, kind);
    entry.text = (struct entry_text){choice, {text, strlen(text)}};
    return entry;
}

static inline struct entry entry_ballot(uint64_t seq, uint32_t poll, uint32_t value,
                                        struct hash voter)
{
    struct entry entry = entry_change(seq, poll, ENTRY_BALLOT);
    entry.ballot = (struct entry_ballot){.value = value, .weight = 1, .voter = voter};
    return entry;
}

#endif
