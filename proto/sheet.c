/* Sheets (see sheet.h; the format is in LEDGER.md). What is written comes from a judge, so an entry
 * that can't be encoded is our own fault and aborts. What is read may be anything. */
#include "proto/sheet.h"

#include "base/big_endian.h"
#include "proto/line.h"

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

/* ---- ballots ---- */

/* Bytes of a ballot in a sheet of this kind. */
static size_t ballot_width(unsigned kind)
{
    return SHEET_BALLOT_BYTES + (kind & SHEET_KEYS ? (size_t)HASH_BYTES : 0) +
           (kind & SHEET_WEIGHTS ? (size_t)WEIGHT_BYTES : 0);
}

static bool holds_ballots(unsigned kind)
{
    return (kind & ~(unsigned)(SHEET_KEYS | SHEET_WEIGHTS)) == SHEET_BALLOTS;
}

/* The kind of the sheet that this ballot would begin. */
static unsigned kind_of_ballot(const struct entry_ballot *ballot)
{
    if (ballot->name.at)
        return SHEET_NAMED;
    return SHEET_BALLOTS | (ballot->has_key && !hash_is_none(ballot->key) ? SHEET_KEYS : 0) |
           (ballot->weight != 1 ? SHEET_WEIGHTS : 0);
}

static const struct hash no_key;

static void append_ballot(struct sheet_builder *builder, const struct entry *entry)
{
    const struct entry_ballot *ballot = &entry->ballot;
    unsigned char *at = builder->bytes + builder->sheet.body_len;
    at = put(at, entry->poll, POLL_BYTES);
    at = put(at, ballot->value, VALUE_BYTES);
    at = put_hash(at, ballot->voter);
    if (builder->sheet.kind & SHEET_KEYS)
        at = put_hash(at, ballot->has_key ? ballot->key : no_key);
    if (builder->sheet.kind & SHEET_WEIGHTS)
        at = put(at, ballot->weight, WEIGHT_BYTES);
    builder->sheet.body_len = (size_t)(at - builder->bytes);
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
    return put_span(at, ballot->spelling);
}

static bool read_named(const struct sheet *sheet, struct entry *entry)
{
    struct span rest = {(const char *)sheet->body + NAMED_NAME_AT, sheet->body_len - NAMED_NAME_AT};
    const size_t len = rest.len;
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
           is_voter(name) && (!spelling.at || (is_voter(spelling) && !same));
}

/* ---- polls ---- */

static unsigned char *put_name(unsigned char *at, const struct name *name)
{
    require(name->len <= PROTO_NAME_MAX);
    return put_span(put(at, name->len, 1), (struct span){name->text, name->len});
}

static unsigned char *put_create(unsigned char *at, const struct entry_create *create)
{
    require(create->choice_count <= PROTO_CHOICES_MAX);
    for (enum setting i = 0; i < SETTING_KIND; i++)
        at = put(at, create->settings->value[i], 1);
    at = put(put_name(at, create->name), create->choice_count, CHOICE_BYTES);
    for (unsigned i = 0; i < create->choice_count; i++)
        at = put_name(at, &create->choices[i]);
    return at;
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

static bool take_settings(struct span *rest, struct settings *settings)
{
    *settings = (struct settings){{0}};
    for (enum setting i = 0; i < SETTING_KIND; i++) {
        settings->value[i] = (uint8_t)rest->at[i];
        if (!setting_has_value(i, settings->value[i]))
            return false;
    }
    rest->at += SETTING_KIND;
    rest->len -= SETTING_KIND;
    return true;
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
    return rest->len == 0;
}

static bool read_create(const struct sheet *sheet, struct entry *entry, struct sheet_poll *poll)
{
    struct span rest = {(const char *)sheet->body + CREATE_AT, sheet->body_len - CREATE_AT};
    unsigned count;
    if (!take_settings(&rest, &poll->settings) || !take_name(&rest, &poll->name) ||
        !take_choices(&rest, poll, &count))
        return false;
    entry->kind = ENTRY_CREATE;
    entry->create = (struct entry_create){.name = &poll->name,
                                          .settings = &poll->settings,
                                          .choices = poll->choices,
                                          .choice_count = count};
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
                                    .body = builder->bytes};
    if (holds_ballots(kind)) {
        append_ballot(builder, entry);
        return;
    }
    builder->sheet.body_len = (size_t)(put_alone(builder->bytes, kind, entry) - builder->bytes);
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

bool sheet_parse(const unsigned char *bytes, size_t len, struct sheet *sheet)
{
    if (len < SHEET_HEAD_BYTES)
        return false;
    *sheet = (struct sheet){
        .kind = bytes[0],
        .first_seq = big_endian_get(bytes + 1, 8),
        .time_ns = big_endian_get(bytes + 9, 8),
        .entries = (uint16_t)get(bytes + 17, 2),
        .body = bytes + SHEET_HEAD_BYTES,
        .body_len = len - SHEET_HEAD_BYTES,
    };
    return sheet_is_valid(sheet);
}

/* Ballots fill the body, and the first one needs the kind. */
static bool ballots_are_valid(const struct sheet *sheet)
{
    struct entry first;
    return sheet->body_len <= SHEET_BALLOTS_BYTES &&
           sheet->body_len == sheet->entries * ballot_width(sheet->kind) &&
           read_ballot(sheet, 0, &first) && kind_of_ballot(&first.ballot) == sheet->kind;
}

/* Whether the one entry's body has the length of its kind, as far as that is fixed. */
static bool length_is_valid(const struct sheet *sheet)
{
    switch (sheet->kind) {
    case SHEET_NAMED:
        return sheet->body_len > NAMED_NAME_AT;
    case SHEET_CREATE:
        return sheet->body_len > CREATE_AT + SETTING_KIND;
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

bool sheet_is_valid(const struct sheet *sheet)
{
    if (sheet->entries == 0 || sheet->first_seq == 0 ||
        sheet->first_seq > ENTRY_SEQ_MAX - (sheet->entries - 1u) || sheet->time_ns > INT64_MAX)
        return false;
    if (holds_ballots(sheet->kind))
        return ballots_are_valid(sheet);
    return sheet->entries == 1 && length_is_valid(sheet);
}

static bool read_alone(const struct sheet *sheet, struct entry *entry, struct sheet_poll *poll)
{
    entry->poll = get(sheet->body, POLL_BYTES);
    if (entry->poll == 0)
        return false;
    switch (sheet->kind) {
    case SHEET_NAMED:
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

bool sheet_read(const struct sheet *sheet, unsigned place, struct entry *entry,
                struct sheet_poll *poll)
{
    entry->seq = sheet->first_seq + place;
    entry->time_ns = sheet->time_ns;
    if (holds_ballots(sheet->kind))
        return read_ballot(sheet, place, entry);
    return read_alone(sheet, entry, poll);
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
    crypto_generichash_final(&state, chain, SHEET_CHAIN_BYTES);
}
