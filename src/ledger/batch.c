/* The memory of a batch. The ledger's thread, or the main thread before that starts. Only
 * batch_init can fail. */
#include "ledger/batch.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int batch_init(struct batch *batch)
{
    const struct {
        void *array;
        size_t count, size;
    } arrays[] = {
        {&batch->requests, BATCH_MAX, sizeof *batch->requests},
        {&batch->request_ports, BATCH_MAX, sizeof *batch->request_ports},
        {&batch->verdicts, BATCH_MAX, sizeof *batch->verdicts},
        {&batch->entries, BATCH_MAX, sizeof *batch->entries},
        {&batch->undos, BATCH_MAX, sizeof *batch->undos},
        {&batch->counted, BATCH_MAX, sizeof *batch->counted},
        {&batch->sampled, BATCH_MAX, sizeof *batch->sampled},
        {&batch->created, BATCH_MAX, sizeof *batch->created},
        {&batch->drafts, POLLS_MAX, sizeof *batch->drafts},
        {&batch->touched, POLLS_MAX, sizeof *batch->touched},
        {&batch->changes, POLLS_MAX, sizeof *batch->changes},
        {&batch->tallies, POLLS_MAX, sizeof *batch->tallies},
    };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        void *array = calloc(arrays[i].count, arrays[i].size);
        if (!array)
            return -1;
        memcpy(arrays[i].array, &array, sizeof array);
    }
    return 0;
}

void batch_destroy(struct batch *batch)
{
    batch_drop_drafts(batch);
    void *const arrays[] = {batch->requests, batch->request_ports, batch->verdicts, batch->entries,
                            batch->undos,    batch->counted,       batch->sampled,  batch->created,
                            batch->drafts,   batch->touched,       batch->changes,  batch->tallies,
                            batch->lines};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
}

void batch_reset(struct batch *batch)
{
    batch->request_count = 0;
    batch->entry_count = 0;
    batch->undo_count = 0;
    batch->counted_count = 0;
    batch->sampled_count = 0;
    batch->created_count = 0;
}

void batch_undo_last(struct batch *batch, struct electorate *electorate)
{
    const struct undo *undo = &batch->undos[--batch->undo_count];
    int error = electorate_set(electorate, undo->voter, undo->before, NULL);
    INVARIANT(error == 0); /* the voter is there: that needs no memory */
}

void batch_undo_counted(struct batch *batch)
{
    const struct counted *counted = &batch->counted[--batch->counted_count];
    int error = profile_count(counted->profile, counted->value, counted->before, 1);
    INVARIANT(error == 0); /* no view was taken since: that needs no memory */
}

void batch_undo_values(struct batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++) {
        const struct draft *draft = &batch->drafts[batch->touched[i] - 1];
        if (draft->snapshot && draft->snapshot->poll->values)
            values_truncate(draft->snapshot->poll->values, draft->value_count);
    }
}

struct draft *batch_draft(struct batch *batch, uint32_t poll)
{
    struct draft *draft = &batch->drafts[poll - 1];
    if (!draft->touched) {
        draft->touched = true;
        batch->touched[batch->touched_count++] = poll;
    }
    return draft;
}

void batch_forget_drafts(struct batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++)
        batch->drafts[batch->touched[i] - 1] = (struct draft){0};
    batch->touched_count = 0;
}

void batch_drop_drafts(struct batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++)
        snapshot_unref(batch->drafts[batch->touched[i] - 1].snapshot);
    batch_forget_drafts(batch);
}

size_t batch_list_changes(struct batch *batch)
{
    size_t changes = 0;
    for (size_t i = 0; i < batch->touched_count; i++) {
        struct snapshot *snapshot = batch->drafts[batch->touched[i] - 1].snapshot;
        if (snapshot)
            batch->changes[changes++] = snapshot;
    }
    return changes;
}
