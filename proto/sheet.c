/* Sheets (see sheet.h; the format is in LEDGER.md). What is written comes from a judge, so an entry
 * that can't be encoded is our own fault and aborts. What is read may be anything. */
#include "proto/sheet.h"

#include "base/big_endian.h"
#include "proto/line.h"
#include "proto/lot.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Every entry begins with its poll. Where what follows is at, by what it belongs to. */
enum {
    POLL_BYTES = 3,
    VALUE_BYTES = 3,
    WEIGHT_BYTES = 4,
    CHOICE_BYTES = 2,
    VALUE_AT = POLL_BYTES, /* of any ballot */
    VOTER_AT = VALUE_AT + VALUE_BYTES,
    KEY_AT = SHEET_BALLOT_BYTES, /* and then the weight, if there are such */
    NAMED_WEIGHT_AT = VALUE_AT + VALUE_BYTES,
    NAMED_KEY_AT = NAMED_WEIGHT_AT + WEIGHT_BYTES,
    NAMED_NAME_AT = NAMED_KEY_AT + HASH_BYTES,
    CREATE_AT = POLL_BYTES,
    TEXT_CHOICE_AT = POLL_BYTES,
    TEXT_AT = TEXT_CHOICE_AT + CHOICE_BYTES,
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- numbers and bytes ---- */

static unsigned char *put(unsigned char *at, uint64_t number, unsigned bytes)
{
    big_endian_put(at, number, bytes);
    return at + bytes;
}

static unsigned char *put_hash(unsigned char *at, struct hash hash)
{
    hash_to_bytes(hash, at);
    return at + HASH_BYTES;
}

static unsigned char *put_span(unsigned char *at, struct span span)
{
    if (span.len > 0)
        memcpy(at, span.at, span.len);
    return at + span.len;
}

static uint32_t get(const unsigned char *at, unsigned bytes)
{
    return (uint32_t)big_endian_get(at, bytes);
}

static bool hash_is_none(struct hash hash)
{
    return (hash.high | hash.low) == 0;
}

/* ---- marks ---- */

static bool holds_ballots(unsigned kind)
{
    return (kind & ~(unsigned)(SHEET_KEYS | SHEET_WEIGHTS | SHEET_MARKS)) == SHEET_BALLOTS;
}

static bool is_named(unsigned kind)
{
    return (kind & ~(unsigned)SHEET_MARKS) == SHEET_NAMED;
}

static bool has_marks(unsigned kind)
{
    return (holds_ballots(kind) || is_named(kind)) && kind & SHEET_MARKS;
}

/* Whether a ballot of this value can be defined by so many marks. */
static bool can_define(uint32_t value, size_t marks_len)
{
    return value != VALUE_ABSTAIN && marks_len >= PROTO_CHOICES_MIN &&
           marks_len <= PROTO_CHOICES_MAX;
}

unsigned char *sheet_put_marks(unsigned char *at, struct span marks)
{
    const struct span none = {NULL, 0};
    at = put(at, marks.at ? marks.len : 0, SHEET_MARKS_LENGTH_BYTES);
    return put_span(at, marks.at ? marks : none);
}

static void append_marks(struct sheet_builder *builder, const struct entry_ballot *ballot)
{
    struct sheet *sheet = &builder->sheet;
    if (!has_marks(sheet->kind))
        return;
    require(!ballot->marks.at || can_define(ballot->value, ballot->marks.len));
    unsigned char *end = sheet_put_marks(builder->marks + sheet->marks_len, ballot->marks);
    sheet->marks_len = (size_t)(end - builder->marks);
}

/* Takes the marks of the next ballot, if the sheet has any. */
static bool take_marks(struct sheet_reader *reader, struct entry_ballot *ballot)
{
    if (!has_marks(reader->sheet.kind))
        return true;
    size_t len = get(reader->marks, SHEET_MARKS_LENGTH_BYTES);
    const unsigned char *at = reader->marks + SHEET_MARKS_LENGTH_BYTES;
    reader->marks = at + len;
    if (len == 0)
        return true;
    ballot->marks = (struct span){(const char *)at, len};
    return can_define(ballot->value, len);
}

/* Whether there are marks for each entry, or their lack, and nothing more. */
static bool marks_fit(const struct sheet *sheet)
{
    const unsigned char *at = sheet->marks;
    size_t left = sheet->marks_len;
    for (unsigned i = 0; has_marks(sheet->kind) && i < sheet->entries; i++) {
        if (left < SHEET_MARKS_LENGTH_BYTES)
            return false;
        size_t taken = SHEET_MARKS_LENGTH_BYTES + get(at, SHEET_MARKS_LENGTH_BYTES);
        if (taken > left)
            return false;
        at += taken;
        left -= taken;
    }
    return left == 0;
}

/* ---- ballots ---- */

/* Bytes of a ballot in the body of a sheet of this kind. */
static size_t ballot_width(unsigned kind)
{
    return SHEET_BALLOT_BYTES + (kind & SHEET_KEYS ? (size_t)HASH_BYTES : 0) +
           (kind & SHEET_WEIGHTS ? (size_t)WEIGHT_BYTES : 0);
}

/* The kind of the sheet that this ballot would begin. */
static unsigned kind_of_ballot(const struct entry_ballot *ballot)
{
    const unsigned marks = ballot->marks.at ? SHEET_MARKS : 0;
    if (ballot->name.at)
        return SHEET_NAMED | marks;
    return SHEET_BALLOTS | (ballot->has_key && !hash_is_none(ballot->key) ? SHEET_KEYS : 0) |
           (ballot->weight != 1 ? SHEET_WEIGHTS : 0) | marks;
}

static const struct hash no_key;

static void append_ballot(struct sheet_builder *builder, const struct entry *entry)
{
    const struct entry_ballot *ballot = &entry->ballot;
    unsigned char *at = builder->body + builder->sheet.body_len;
    at = put(at, entry->poll, POLL_BYTES);
    at = put(at, ballot->value, VALUE_BYTES);
    at = put_hash(at, ballot->voter);
    if (builder->sheet.kind & SHEET_KEYS)
        at = put_hash(at, ballot->has_key ? ballot->key : no_key);
    if (builder->sheet.kind & SHEET_WEIGHTS)
        at = put(at, ballot->weight, WEIGHT_BYTES);
    builder->sheet.body_len = (size_t)(at - builder->body);
    append_marks(builder, ballot);
    builder->sheet.entries++;
}

static bool read_ballot(const struct sheet *sheet, unsigned place, struct entry *entry)
{
    const unsigned char *at = sheet->body + place * ballot_width(sheet->kind);
    const unsigned char *weight_at = at + KEY_AT + (sheet->kind & SHEET_KEYS ? HASH_BYTES : 0);
    struct hash key = sheet->kind & SHEET_KEYS ? hash_from_bytes(at + KEY_AT) : no_key;
    entry->kind = ENTRY_BALLOT;
    entry->poll = get(at, POLL_BYTES);
    entry->ballot = (struct entry_ballot){
        .value = get(at + VALUE_AT, VALUE_BYTES),
        .weight = sheet->kind & SHEET_WEIGHTS ? get(weight_at, WEIGHT_BYTES) : 1,
        .has_key = !hash_is_none(key),
        .voter = hash_from_bytes(at + VOTER_AT),
        .key = key,
    };
    return entry->poll > 0 && entry->ballot.value > 0 && entry->ballot.weight > 0;
}

/* ---- ballots with names ---- */

static bool is_voter(struct span name)
{
    return name.len > 0 && name.len <= PROTO_VOTER_MAX && line_is_text(name.at, name.len);
}

static unsigned char *put_named(unsigned char *at, const struct entry *entry)
{
    const struct entry_ballot *ballot = &entry->ballot;
    require(ballot->name.len <= PROTO_VOTER_MAX && ballot->spelling.len <= PROTO_VOTER_MAX);
    at = put(at, ballot->value, VALUE_BYTES);
    at = put(at, ballot->weight, WEIGHT_BYTES);
    at = put_hash(at, ballot->has_key ? ballot->key : no_key);
    at = put(put_span(at, ballot->name), '\0', 1);
    return put(put_span(at, ballot->spelling), '\0', 1);
}

/* How much of the bytes, at most `len`, is the body of a named ballot: up to the end of its second
 * name. */
static size_t named_len(const unsigned char *body, size_t len)
{
    if (len < NAMED_NAME_AT)
        return len;
    struct span rest = {(const char *)body + NAMED_NAME_AT, len - NAMED_NAME_AT};
    (void)span_cut(&rest, '\0');
    (void)span_cut(&rest, '\0');
    return len - rest.len;
}

static bool read_named(const struct sheet *sheet, struct entry *entry)
{
    const size_t len = sheet->body_len - NAMED_NAME_AT - 1; /* without the last NUL */
    struct span rest = {(const char *)sheet->body + NAMED_NAME_AT, len};
    struct hash key = hash_from_bytes(sheet->body + NAMED_KEY_AT);
    struct span name = span_cut(&rest, '\0'), spelling = {rest.len > 0 ? rest.at : NULL, rest.len};
    entry->kind = ENTRY_BALLOT;
    entry->ballot = (struct entry_ballot){
        .value = get(sheet->body + VALUE_AT, VALUE_BYTES),
        .weight = get(sheet->body + NAMED_WEIGHT_AT, WEIGHT_BYTES),
        .has_key = !hash_is_none(key),
        .key = key,
        .name = name,
        .spelling = spelling,
    };
    bool same =
        spelling.at && name.len == spelling.len && memcmp(name.at, spelling.at, name.len) == 0;
    return entry->ballot.value > 0 && entry->ballot.weight > 0 && name.len < len &&
           sheet->body[sheet->body_len - 1] == '\0' && is_voter(name) &&
           (!spelling.at || (is_voter(spelling) && !same));
}

/* ---- polls ---- */

static unsigned char *put_name(unsigned char *at, const struct name *name)
{
    require(name->len <= PROTO_NAME_MAX);
    return put_span(put(at, name->len, 1), (struct span){name->text, name->len});
}

static unsigned setting_bytes(enum setting setting)
{
    return setting == SETTING_MIN || setting == SETTING_MAX ? 2 : 1;
}

static unsigned char *put_lot(unsigned char *at, const struct entry_create *create)
{
    for (unsigned i = 0; i < create->choice_count; i++)
        at = put(at, create->lot ? create->lot[i] : i, 1);
    return at;
}

static unsigned char *put_create(unsigned char *at, const struct entry_create *create)
{
    require(create->choice_count <= PROTO_CHOICES_MAX);
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        at = put(at, create->settings->value[i], setting_bytes(i));
    at = put(put_name(at, create->name), create->choice_count, CHOICE_BYTES);
    for (unsigned i = 0; i < create->choice_count; i++)
        at = put_name(at, &create->choices[i]);
    return put_lot(at, create);
}

/* Takes a name, and drops it from `rest`. Names are written folded. */
static bool take_name(struct span *rest, struct name *name)
{
    size_t len = rest->len > 0 ? (unsigned char)rest->at[0] : 0;
    if (len >= rest->len || !name_parse(rest->at + 1, len, name) ||
        memcmp(rest->at + 1, name->text, len) != 0)
        return false;
    rest->at += 1 + len;
    rest->len -= 1 + len;
    return true;
}

/* Whether they are a poll's together, is judged when all are known. */
static void take_settings(struct span *rest, struct settings *settings)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        const unsigned bytes = setting_bytes(i);
        settings->value[i] = (uint16_t)get((const unsigned char *)rest->at, bytes);
        rest->at += bytes;
        rest->len -= bytes;
    }
}

static bool take_choices(struct span *rest, struct sheet_poll *poll, unsigned *count)
{
    if (rest->len < CHOICE_BYTES)
        return false;
    *count = get((const unsigned char *)rest->at, CHOICE_BYTES);
    rest->at += CHOICE_BYTES;
    rest->len -= CHOICE_BYTES;
    if (*count < PROTO_CHOICES_MIN || *count > PROTO_CHOICES_MAX)
        return false;
    for (unsigned i = 0; i < *count; i++)
        if (!take_name(rest, &poll->choices[i]))
            return false;
    return true;
}

/* Takes the lot, which is the rest. */
static bool take_lot(struct span rest, struct sheet_poll *poll, unsigned count)
{
    if (rest.len != count)
        return false;
    memcpy(poll->lot, rest.at, count);
    return lot_is_valid(poll->lot, count);
}

static bool read_create(const struct sheet *sheet, struct entry *entry, struct sheet_poll *poll)
{
    struct span rest = {(const char *)sheet->body + CREATE_AT, sheet->body_len - CREATE_AT};
    unsigned count;
    take_settings(&rest, &poll->settings);
    if (!take_name(&rest, &poll->name) || !take_choices(&rest, poll, &count) ||
        !take_lot(rest, poll, count) || !settings_are_valid(&poll->settings, count))
        return false;
    entry->kind = ENTRY_CREATE;
    entry->create = (struct entry_create){.name = &poll->name,
                                          .settings = &poll->settings,
                                          .choices = poll->choices,
                                          .choice_count = count,
                                          .lot = poll->lot};
    return true;
}

/* A title is the text of choice 0. */
static unsigned char *put_text(unsigned char *at, const struct entry *entry)
{
    require(entry->text.text.len <= PROTO_TEXT_MAX);
    at = put(at, entry->kind == ENTRY_LABEL ? entry->text.choice + 1 : 0, CHOICE_BYTES);
    return put_span(at, entry->text.text);
}

static bool read_text(const struct sheet *sheet, struct entry *entry)
{
    const bool label = sheet->kind == SHEET_LABEL;
    unsigned choice = get(sheet->body + TEXT_CHOICE_AT, CHOICE_BYTES);
    struct span text = {(const char *)sheet->body + TEXT_AT, sheet->body_len - TEXT_AT};
    entry->kind = label ? ENTRY_LABEL : ENTRY_TITLE;
    entry->text = (struct entry_text){.choice = label ? choice - 1 : 0, .text = text};
    return (label ? choice >= 1 && choice <= PROTO_CHOICES_MAX : choice == 0) &&
           line_is_text(text.at, text.len);
}

/* ---- writing ---- */

static unsigned kind_of(const struct entry *entry)
{
    switch (entry->kind) {
    case ENTRY_BALLOT:
        return kind_of_ballot(&entry->ballot);
    case ENTRY_CREATE:
        return SHEET_CREATE;
    case ENTRY_OPEN:
        return SHEET_OPEN;
    case ENTRY_CLOSE:
        return SHEET_CLOSE;
    case ENTRY_TITLE:
        return SHEET_TITLE;
    case ENTRY_LABEL:
        return SHEET_LABEL;
    }
    abort();
}

/* The one entry of a sheet that holds no more. Returns the end of the body. */
static unsigned char *put_alone(unsigned char *at, unsigned kind, const struct entry *entry)
{
    at = put(at, entry->poll, POLL_BYTES);
    switch (kind) {
    case SHEET_NAMED:
    case SHEET_NAMED | SHEET_MARKS:
        return put_named(at, entry);
    case SHEET_CREATE:
        return put_create(at, &entry->create);
    case SHEET_TITLE:
    case SHEET_LABEL:
        return put_text(at, entry);
    default: /* OPEN, CLOSE */
        return at;
    }
}

void sheet_begin(struct sheet_builder *builder, const struct entry *entry)
{
    unsigned kind = kind_of(entry);
    builder->sheet = (struct sheet){.first_seq = entry->seq,
                                    .time_ns = entry->time_ns,
                                    .kind = (uint8_t)kind,
                                    .body = builder->body,
                                    .marks = builder->marks};
    if (holds_ballots(kind)) {
        append_ballot(builder, entry);
        return;
    }
    builder->sheet.body_len = (size_t)(put_alone(builder->body, kind, entry) - builder->body);
    if (is_named(kind))
        append_marks(builder, &entry->ballot);
    builder->sheet.entries = 1;
}

bool sheet_append(struct sheet_builder *builder, const struct entry *entry)
{
    const struct sheet *sheet = &builder->sheet;
    if (sheet->entries == 0 || !holds_ballots(sheet->kind) || entry->kind != ENTRY_BALLOT ||
        (kind_of_ballot(&entry->ballot) | sheet->kind) != sheet->kind ||
        sheet->body_len + ballot_width(sheet->kind) > SHEET_BALLOTS_BYTES ||
        entry->seq != sheet->first_seq + sheet->entries || entry->time_ns != sheet->time_ns)
        return false;
    append_ballot(builder, entry);
    return true;
}

void sheet_put_head(const struct sheet *sheet, unsigned char head[SHEET_HEAD_BYTES])
{
    put(put(put(put(head, sheet->kind, 1), sheet->first_seq, 8), sheet->time_ns, 8), sheet->entries,
        2);
}

/* ---- reading ---- */

/* How many of the bytes behind the head are the body. */
static size_t body_len(const struct sheet *sheet, size_t len)
{
    if (!has_marks(sheet->kind))
        return len;
    size_t body = holds_ballots(sheet->kind) ? sheet->entries * ballot_width(sheet->kind)
                                             : named_len(sheet->body, len);
    return body < len ? body : len;
}

bool sheet_parse(const unsigned char *bytes, size_t len, struct sheet *sheet)
{
    if (len < SHEET_HEAD_BYTES)
        return false;
    len -= SHEET_HEAD_BYTES;
    *sheet = (struct sheet){
        .kind = bytes[0],
        .first_seq = big_endian_get(bytes + 1, 8),
        .time_ns = big_endian_get(bytes + 9, 8),
        .entries = (uint16_t)get(bytes + 17, 2),
        .body = bytes + SHEET_HEAD_BYTES,
    };
    sheet->body_len = body_len(sheet, len);
    sheet->marks = sheet->body + sheet->body_len;
    sheet->marks_len = len - sheet->body_len;
    return sheet_is_valid(sheet);
}

/* Whether the one entry's body has the length of its kind, as far as that is fixed. */
static bool length_is_valid(const struct sheet *sheet)
{
    switch (sheet->kind) {
    case SHEET_NAMED:
    case SHEET_NAMED | SHEET_MARKS:
        return sheet->body_len > NAMED_NAME_AT;
    case SHEET_CREATE:
        return sheet->body_len > CREATE_AT + SHEET_SETTINGS_BYTES;
    case SHEET_OPEN:
    case SHEET_CLOSE:
        return sheet->body_len == POLL_BYTES;
    case SHEET_TITLE:
    case SHEET_LABEL:
        return sheet->body_len >= TEXT_AT && sheet->body_len <= TEXT_AT + PROTO_TEXT_MAX;
    default:
        return false;
    }
}

/* Whether the body can be one of its kind. */
static bool body_fits(const struct sheet *sheet)
{
    if (!holds_ballots(sheet->kind))
        return sheet->entries == 1 && length_is_valid(sheet);
    return sheet->body_len <= SHEET_BALLOTS_BYTES &&
           sheet->body_len == sheet->entries * ballot_width(sheet->kind);
}

/* Whether the first ballot needs what the kind has. */
static bool kind_is_needed(const struct sheet *sheet)
{
    struct sheet_reader reader;
    struct entry first;
    sheet_read_begin(&reader, sheet);
    return sheet_read(&reader, &first) && kind_of_ballot(&first.ballot) == sheet->kind;
}

bool sheet_is_valid(const struct sheet *sheet)
{
    if (sheet->entries == 0 || sheet->first_seq == 0 ||
        sheet->first_seq > ENTRY_SEQ_MAX - (sheet->entries - 1u) || sheet->time_ns > INT64_MAX ||
        !body_fits(sheet) || !marks_fit(sheet))
        return false;
    return !(holds_ballots(sheet->kind) || is_named(sheet->kind)) || kind_is_needed(sheet);
}

void sheet_read_begin(struct sheet_reader *reader, const struct sheet *sheet)
{
    reader->sheet = *sheet;
    reader->place = 0;
    reader->marks = sheet->marks;
}

static bool read_alone(const struct sheet *sheet, struct entry *entry, struct sheet_poll *poll)
{
    entry->poll = get(sheet->body, POLL_BYTES);
    if (entry->poll == 0)
        return false;
    switch (sheet->kind) {
    case SHEET_NAMED:
    case SHEET_NAMED | SHEET_MARKS:
        return read_named(sheet, entry);
    case SHEET_CREATE:
        return read_create(sheet, entry, poll);
    case SHEET_TITLE:
    case SHEET_LABEL:
        return read_text(sheet, entry);
    default:
        entry->kind = sheet->kind == SHEET_OPEN ? ENTRY_OPEN : ENTRY_CLOSE;
        return true;
    }
}

bool sheet_read(struct sheet_reader *reader, struct entry *entry)
{
    const struct sheet *sheet = &reader->sheet;
    const unsigned place = reader->place++;
    entry->seq = sheet->first_seq + place;
    entry->time_ns = sheet->time_ns;
    bool is_read = holds_ballots(sheet->kind) ? read_ballot(sheet, place, entry)
                                              : read_alone(sheet, entry, &reader->poll);
    return is_read && take_marks(reader, &entry->ballot);
}

/* ---- the chain ---- */

void sheet_chain_begin(unsigned char chain[SHEET_CHAIN_BYTES], uint64_t origin)
{
    unsigned char bytes[sizeof origin];
    put(bytes, origin, 8);
    crypto_generichash(chain, SHEET_CHAIN_BYTES, bytes, sizeof bytes, NULL, 0);
}

void sheet_chain(unsigned char chain[SHEET_CHAIN_BYTES], const struct sheet *sheet)
{
    unsigned char head[SHEET_HEAD_BYTES];
    crypto_generichash_state state;
    sheet_put_head(sheet, head);
    crypto_generichash_init(&state, NULL, 0, SHEET_CHAIN_BYTES);
    crypto_generichash_update(&state, chain, SHEET_CHAIN_BYTES);
    crypto_generichash_update(&state, head, sizeof head);
    crypto_generichash_update(&state, sheet->body, sheet->body_len);
    crypto_generichash_update(&state, sheet->marks, sheet->marks_len);
    crypto_generichash_final(&state, chain, SHEET_CHAIN_BYTES);
}
