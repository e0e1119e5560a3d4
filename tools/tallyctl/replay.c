/* Replaying (see replay.h). Entries are gathered, with what they point to, and appended a batch at
 * a time. The tallies are recorded last, in one transaction: without them no server starts with the
 * database, so one that is half made is never served.
 *
 * To go on, the entries that the database has must be the first ones of the other. Both are hashed,
 * as LEDGER.md chains sheets, each entry in a sheet of its own; the hashes must be the same. */
#include "tools/tallyctl/replay.h"

#include "poll/poll.h"
#include "proto/reply.h"
#include "proto/sheet.h"
#include "tools/lib/memory.h"
#include "tools/tallyctl/interrupt.h"
#include "tools/tallyctl/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_ENTRIES = 16384,
    ROOM_BYTES = 4 << 20,           /* for what they point to */
    ENTRY_ROOM_BYTES = 2 * 1 << 14, /* the most that one needs: a poll of 256 choices */
    ALIGNMENT = 16,
};
_Static_assert(sizeof(struct sheet_poll) + ALIGNMENT <= ENTRY_ROOM_BYTES, "room for a poll");

/* A run of entries: how many, and their hash. */
struct run {
    uint64_t count;
    unsigned char chain[SHEET_CHAIN_BYTES];
};

struct replay {
    struct store *to;
    uint64_t all;    /* how many entries there will be */
    struct run had;  /* what `to` had at the beginning */
    struct run read; /* of the other, as far as `had` goes */
    uint64_t recorded;
    struct sheet_builder sheet;
    struct entry *entries;
    size_t entry_count;
    char *room;
    size_t room_used;
    struct store_tally *tallies;
    uint32_t tally_count;
    enum replay_end end;
};

/* ---- what is there ---- */

static void run_begin(struct run *run)
{
    run->count = 0;
    sheet_chain_begin(run->chain, 0);
}

static void run_add(struct replay *replay, struct run *run, const struct entry *entry)
{
    sheet_begin(&replay->sheet, entry);
    sheet_chain(run->chain, &replay->sheet.sheet);
    run->count++;
}

static int count_entry(void *context, const struct entry *entry, char *why)
{
    struct replay *replay = context;
    (void)why;
    run_add(replay, &replay->had, entry);
    return 0;
}

static int skip_tally(void *context, const struct store_tally *tally, char *why)
{
    (void)context;
    (void)tally;
    (void)why;
    return 0;
}

int replay_begin(struct replay **begun, struct store *to, char why[STORE_WHY_MAX])
{
    struct replay *replay = must_calloc(1, sizeof *replay);
    const struct store_visitor visitor = {replay, count_entry, skip_tally};
    replay->to = to;
    replay->entries = must_calloc(BATCH_ENTRIES, sizeof *replay->entries);
    replay->room = must_calloc(ROOM_BYTES, 1);
    replay->tallies = must_calloc(POLLS_MAX, sizeof *replay->tallies);
    run_begin(&replay->had);
    run_begin(&replay->read);
    if (store_load(to, &visitor, why) != 0) {
        replay_free(replay);
        return -1;
    }
    replay->recorded = replay->had.count;
    *begun = replay;
    return 0;
}

uint64_t replay_entries(const struct replay *replay)
{
    return replay->recorded;
}

void replay_free(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->tally_count; i++)
        free((char *)(uintptr_t)replay->tallies[i].line);
    free(replay->tallies);
    free(replay->room);
    free(replay->entries);
    free(replay);
}

/* ---- recording ---- */

static int record(struct replay *replay, const struct store_batch *batch, char *why)
{
    const char *reason;
    if (store_append(replay->to, batch, &reason) != STORE_RECORDED) {
        snprintf(why, STORE_WHY_MAX, "%s", reason);
        return -1;
    }
    store_work(replay->to, STORE_BUSY);
    replay->recorded += batch->entry_count;
    return 0;
}

/* Records what was gathered, and looks for a signal. */
static int record_entries(struct replay *replay, char *why)
{
    const struct store_batch batch = {.entries = replay->entries,
                                      .entry_count = replay->entry_count};
    if (batch.entry_count > 0 && record(replay, &batch, why) != 0)
        return -1;
    replay->entry_count = 0;
    replay->room_used = 0;
    progress_show("importing entries", replay->recorded, replay->all);
    if (!interrupt_is_fatal(interrupt_take()))
        return 0;
    replay->end = REPLAY_INTERRUPTED;
    return -1;
}

/* ---- gathering ---- */

static void *take_room(struct replay *replay, size_t bytes)
{
    void *room = replay->room + replay->room_used;
    replay->room_used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return room;
}

static void keep_text(struct replay *replay, struct span *text)
{
    if (text->at)
        text->at = memcpy(take_room(replay, text->len), text->at, text->len);
}

static void keep_poll(struct replay *replay, struct entry_create *create)
{
    struct sheet_poll *poll = take_room(replay, sizeof *poll);
    poll->name = *create->name;
    poll->settings = *create->settings;
    memcpy(poll->choices, create->choices, create->choice_count * sizeof *create->choices);
    create->name = &poll->name;
    create->settings = &poll->settings;
    create->choices = poll->choices;
    if (create->lot)
        create->lot = memcpy(poll->lot, create->lot, create->choice_count);
}

static void keep_entry(struct replay *replay, const struct entry *entry)
{
    struct entry *kept = &replay->entries[replay->entry_count++];
    *kept = *entry;
    switch (entry->kind) {
    case ENTRY_BALLOT:
        keep_text(replay, &kept->ballot.name);
        keep_text(replay, &kept->ballot.spelling);
        keep_text(replay, &kept->ballot.marks);
        break;
    case ENTRY_CREATE:
        keep_poll(replay, &kept->create);
        break;
    case ENTRY_TITLE:
    case ENTRY_LABEL:
        keep_text(replay, &kept->text.text);
        break;
    case ENTRY_OPEN:
    case ENTRY_CLOSE:
        break;
    }
}

static bool is_full(const struct replay *replay)
{
    return replay->entry_count == BATCH_ENTRIES ||
           replay->room_used + ENTRY_ROOM_BYTES > ROOM_BYTES;
}

/* Whether what the database had is what the other begins with. */
static int judge_had(struct replay *replay)
{
    if (memcmp(replay->had.chain, replay->read.chain, SHEET_CHAIN_BYTES) == 0)
        return 0;
    replay->end = REPLAY_OTHER;
    return -1;
}

static int take_entry(void *context, const struct entry *entry, char *why)
{
    struct replay *replay = context;
    if (replay->read.count < replay->had.count) {
        run_add(replay, &replay->read, entry);
        return replay->read.count == replay->had.count ? judge_had(replay) : 0;
    }
    keep_entry(replay, entry);
    return is_full(replay) ? record_entries(replay, why) : 0;
}

static int take_tally(void *context, const struct store_tally *tally, char *why)
{
    struct replay *replay = context;
    (void)why;
    char *line = must_calloc(tally->len + 1, 1);
    memcpy(line, tally->line, tally->len);
    replay->tallies[replay->tally_count++] = (struct store_tally){tally->poll, line, tally->len};
    return 0;
}

/* ---- all of it ---- */

/* Records the last entries, and the tallies. */
static int record_rest(struct replay *replay, char *why)
{
    const struct store_batch batch = {.tallies = replay->tallies,
                                      .tally_count = replay->tally_count};
    if (replay->read.count < replay->had.count) /* it has more than the other */
        return judge_had(replay);
    return record_entries(replay, why) == 0 ? record(replay, &batch, why) : -1;
}

enum replay_end replay_run(struct replay *replay, struct store *from, uint64_t all,
                           char why[STORE_WHY_MAX])
{
    const struct store_visitor visitor = {replay, take_entry, take_tally};
    replay->all = all;
    replay->end = REPLAY_FAILED;
    if (store_load(from, &visitor, why) == 0 && record_rest(replay, why) == 0)
        replay->end = REPLAY_DONE;
    return replay->end;
}
