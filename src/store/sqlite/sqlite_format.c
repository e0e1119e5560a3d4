/* The formats of a database: how each version of the schema says what a load asks. Only the present
 * one is served; the others are read to be imported.
 *
 * Version 1 has a row for each ballot, with the number of its choice, which is its value; the voter
 * is a hash, or a name. How a name was first written is in a table of its own, since names are
 * folded. Its polls are of single choice and take no abstention, and their lots are in the order of
 * the choices. Whatever order an index of the file gives, the loader checks it. */
#include "store/sqlite/sqlite_internal.h"

#define CREATED "(SELECT poll FROM poll_event WHERE kind = 'create' AND seq >= ?1)"

const struct sqlite_format sqlite_format_now = {
    .has_ballots = "SELECT 1 FROM sheet UNION ALL SELECT 1 FROM named_ballot LIMIT 1",
    .polls = "SELECT id, code, name, ballots, voters, reveal, record, kind, method, equal, abstain,"
             " seats, min, max, scores FROM poll"
             " WHERE ?1 < 0 OR id IN " CREATED " ORDER BY id",
    .choices = "SELECT poll, number, code, name, lot FROM choice"
               " WHERE ?1 < 0 OR poll IN " CREATED " ORDER BY poll, number",
    .events = "SELECT seq, time_ns, poll, kind, choice, text, chain FROM poll_event"
              " WHERE seq >= ?1 ORDER BY seq",
    .sheets = "SELECT first_seq, time_ns, kind, ballots, body, chain FROM sheet"
              " WHERE first_seq >= ?1 ORDER BY first_seq",
    .ballots = "SELECT seq, time_ns, poll, value, weight, voter, spelling, key, chain"
               " FROM named_ballot WHERE seq >= ?1 ORDER BY seq",
    .values = "SELECT seq, poll, number, marks FROM value WHERE seq >= ?1 ORDER BY seq",
};

#define POLLS_1                                                                              \
    "SELECT id, NULL, name, ballots, voters, reveal, record, 'single', 'plurality/1', NULL," \
    " 'no', NULL, NULL, NULL, NULL FROM poll ORDER BY id"
#define CHOICES_1 "SELECT poll, number, NULL, name, number FROM choice ORDER BY poll, number"
#define EVENTS_1  "SELECT seq, time_ns, poll, kind, choice, text, NULL FROM poll_event ORDER BY seq"

const struct sqlite_format sqlite_format_1 = {
    .is_old = true,
    .has_ballots = "SELECT 1 FROM ballot LIMIT 1",
    .polls = POLLS_1,
    .choices = CHOICES_1,
    .events = EVENTS_1,
    .ballots = "SELECT b.seq, b.time_ns, b.poll, b.choice, 1, b.voter, CASE typeof(b.voter) WHEN"
               " 'text' THEN (SELECT s.name FROM spelling s WHERE s.voter = b.voter) END, b.key,"
               " NULL FROM ballot b NOT INDEXED ORDER BY b.seq",
};

const struct sqlite_format sqlite_format_1_unspelt = {
    .is_old = true,
    .has_ballots = "SELECT 1 FROM ballot LIMIT 1",
    .polls = POLLS_1,
    .choices = CHOICES_1,
    .events = EVENTS_1,
    .ballots = "SELECT seq, time_ns, poll, choice, 1, voter, NULL, key, NULL"
               " FROM ballot NOT INDEXED ORDER BY seq",
};
