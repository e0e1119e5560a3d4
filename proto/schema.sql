-- The database of tallycast, version 1. It is read with plain SQL: the view `tally` recounts every poll from
-- the ballots alone, and `last_tally` holds what the server last showed, so that the two can be compared:
--
--     SELECT t.line, l.line FROM tally t JOIN last_tally l USING (poll) WHERE t.line <> l.line;
--
-- Every ballot and every change of a poll is one entry with a sequence number `seq`. Both kinds share one
-- strictly rising numbering, so the entries of `ballot` and `poll_event` together are in total order.
-- Times are integers: nanoseconds since 1970-01-01 00:00 UTC. Rows are only ever added, but in last_tally and ledger.

PRAGMA application_id = 0x54414c59; -- "TALY"
PRAGMA user_version = 1;

-- One row. `key_check` is the keyed hash of a fixed text: it tells whether the key file beside the database
-- (FILE.key) is the one that the voters were hashed with.
CREATE TABLE server (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    created_ns INTEGER NOT NULL,
    key_check  BLOB NOT NULL
);

-- One row: which ledger this is. The server makes table and row where they are not there yet.
--   identity  for those who remember something of this ledger: random. A copy that is put in its place (a backup that is
--             restored) gets another one at its first start
--   origin    random, and stays
--   log       counts the logs (FILE-wal) that were begun, by two, from a random number. It is counted up in each one's
--             first transaction, so that a log of another database, or of another time, is told from the file's own. It is
--             odd while a server has the file: one that is odd beside no log tells that a log is lacking
--   file      the file that has this identity: its birth in nanoseconds, or from its inode where that is not known
-- All of them take 8 bytes, so that the row stays where it is: it can be read in a file that a checkpoint was
-- writing to when the power was cut.
CREATE TABLE IF NOT EXISTS ledger (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    identity INTEGER NOT NULL,
    origin   INTEGER NOT NULL,
    log      INTEGER NOT NULL,
    file     INTEGER NOT NULL
);

-- A poll as CREATE made it. None of this changes later. Ids count from 1 in the order of creation.
CREATE TABLE poll (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE,
    ballots TEXT NOT NULL CHECK (ballots IN ('changeable', 'once', 'unlimited')),
    voters  TEXT NOT NULL CHECK (voters IN ('connection', 'named', 'address')),
    reveal  TEXT NOT NULL CHECK (reveal IN ('live', 'closed')),
    record  TEXT NOT NULL CHECK (record IN ('pseudonym', 'name'))
);

-- The choices of a poll, numbered from 1 in the order of creation.
CREATE TABLE choice (
    poll   INTEGER NOT NULL REFERENCES poll (id),
    number INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (poll, number)
) WITHOUT ROWID;

-- What an administrator did to a poll.
--   create  text is the state that the poll began in, 'open' or 'closed'
--   open, close
--   title   text is the new title
--   label   text is the new label of `choice`
CREATE TABLE poll_event (
    seq     INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    poll    INTEGER NOT NULL REFERENCES poll (id),
    kind    TEXT NOT NULL CHECK (kind IN ('create', 'open', 'close', 'title', 'label')),
    choice  INTEGER,
    text    TEXT
);

-- One ballot a row, appended. A ballot that repeats one that counts is not recorded again.
--   voter  who cast it: a 16-byte hash of the poll and the voter's name under the server's key; or the name
--          itself, as text, where the poll says record = 'name'. Either is of the name as all its spellings have it:
--          folded, as proto/PROTOCOL.md says
--   key    a 16-byte hash of the ballot's id=, or NULL if it had none; NULL too where neither ballots = 'unlimited' nor
--          voters = 'named'. In unlimited polls ballots of the same key are one; elsewhere it does not count
-- There is no index on voter on purpose: it would cost most of the speed of an insert. The server holds the
-- electorate in memory.
CREATE TABLE ballot (
    seq     INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    poll    INTEGER NOT NULL,
    choice  INTEGER NOT NULL,
    voter   NOT NULL,
    key     BLOB
);

-- How a voter whose name is recorded wrote it first, where that is not the name as `ballot` has it.
CREATE TABLE IF NOT EXISTS spelling (
    voter TEXT PRIMARY KEY,
    name  TEXT NOT NULL
) WITHOUT ROWID;

-- The tally of each poll as it was last shown, in the words of the line protocol. It is written in the
-- transaction of the entries that made it so.
CREATE TABLE last_tally (
    poll INTEGER PRIMARY KEY REFERENCES poll (id),
    line TEXT NOT NULL
);

-- The ballots that count: of each voter the latest (changeable) or the first (once); of `unlimited` polls all,
-- those with the same id= once. In SQLite a bare column beside min() or max() is of the row that has it.
CREATE VIEW counting_ballot AS
    SELECT b.poll, max(b.seq) AS seq, b.choice
      FROM ballot b JOIN poll p ON p.id = b.poll
     WHERE p.ballots = 'changeable' GROUP BY b.poll, b.voter
    UNION ALL
    SELECT b.poll, min(b.seq), b.choice
      FROM ballot b JOIN poll p ON p.id = b.poll
     WHERE p.ballots = 'once' GROUP BY b.poll, b.voter
    UNION ALL
    SELECT b.poll, min(b.seq), b.choice
      FROM ballot b JOIN poll p ON p.id = b.poll
     WHERE p.ballots = 'unlimited' AND b.key IS NOT NULL GROUP BY b.poll, b.key
    UNION ALL
    SELECT b.poll, b.seq, b.choice
      FROM ballot b JOIN poll p ON p.id = b.poll
     WHERE p.ballots = 'unlimited' AND b.key IS NULL;

-- Each poll's state, and the entry that put it in that state.
CREATE VIEW poll_state AS
    SELECT poll, max(seq) AS seq,
           CASE kind WHEN 'open' THEN 'open' WHEN 'close' THEN 'closed' ELSE text END AS state
      FROM poll_event WHERE kind IN ('create', 'open', 'close') GROUP BY poll;

-- The recount: one row a poll, from the ballots and the poll's events alone. `seq` is the last entry that
-- changed the tally, `line` the tally in the words of the line protocol.
CREATE VIEW tally AS
    WITH counted AS (
        SELECT poll, choice, count(*) AS n FROM counting_ballot GROUP BY poll, choice
    ), last_ballot AS (
        SELECT poll, max(seq) AS seq FROM ballot GROUP BY poll
    ), vector AS (
        SELECT c.poll, sum(coalesce(n, 0)) AS ballots,
               group_concat(c.name || '=' || coalesce(n, 0), ' ') AS counts
          FROM (SELECT poll, number, name FROM choice ORDER BY poll, number) c
          LEFT JOIN counted ON counted.poll = c.poll AND counted.choice = c.number
         GROUP BY c.poll
    )
    SELECT p.id AS poll, p.name, s.state, max(s.seq, coalesce(b.seq, 0)) AS seq, v.ballots, v.counts,
           p.name || ' ' || s.state || ' ' || max(s.seq, coalesce(b.seq, 0)) || ' ' || v.ballots || ' ' ||
               v.counts AS line
      FROM poll p
      JOIN poll_state s ON s.poll = p.id
      JOIN vector v ON v.poll = p.id
      LEFT JOIN last_ballot b ON b.poll = p.id;
