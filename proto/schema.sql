-- The database of tallycast, version 2. It is read with plain SQL: the view `tally` recounts every poll from
-- the ballots alone, and `last_tally` holds what the server last showed, so that the two can be compared:
--
--     SELECT t.line, l.line FROM tally t JOIN last_tally l USING (poll) WHERE t.line <> l.line;
--
-- Every ballot and every change of a poll is one entry with a sequence number `seq`. All share one numbering from 1
-- without a gap, so the entries of `sheet`, `named_ballot` and `poll_event` together are in total order.
-- Times are integers: nanoseconds since 1970-01-01 00:00 UTC. Rows are only ever added, but in last_tally, ledger and
-- orderly_stop.
--
-- `chain` ties each row of these three tables to all before it, across the three: a hash of the bytes that LEDGER.md
-- gives to the row's entries, and of the chain of the row before in the order of the sequences.

PRAGMA application_id = 0x54414c59; -- "TALY"
PRAGMA user_version = 2;

-- One row. `key_check` is the keyed hash of a fixed text: it tells whether the key file beside the database
-- (FILE.key) is the one that the voters were hashed with.
CREATE TABLE server (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    created_ns INTEGER NOT NULL,
    key_check  BLOB NOT NULL
);

-- One row: which ledger this is.
--   identity  for those who remember something of this ledger: random. A copy that is put in its place (a backup that is
--             restored) gets another one at its first start
--   origin    random, and stays. The chain begins with it
--   log       counts the logs (FILE-wal) that were begun, by two, from a random number. It is counted up in each one's
--             first transaction, so that a log of another database, or of another time, is told from the file's own. It is
--             odd while a server has the file: one that is odd beside no log tells that a log is lacking
--   file      the file that has this identity: its birth in nanoseconds, or from its inode where that is not known
-- All of them take 8 bytes, so that the row stays where it is: it can be read in a file that a checkpoint was
-- writing to when the power was cut.
CREATE TABLE ledger (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    identity INTEGER NOT NULL,
    origin   INTEGER NOT NULL,
    log      INTEGER NOT NULL,
    file     INTEGER NOT NULL
);

-- One row after the first orderly stop: the last entry then, and its chain. The entries must reach it, whatever became
-- of the log. It stands apart from `ledger`, whose row must stay where it is.
CREATE TABLE orderly_stop (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    seq   INTEGER NOT NULL,
    chain BLOB NOT NULL
);

-- A poll as CREATE made it. None of this changes later. Ids count from 1 in the order of creation. `code` is the
-- number as three bytes, big-endian, by which a sheet names it; the same is true of a choice's.
CREATE TABLE poll (
    id      INTEGER PRIMARY KEY,
    code    BLOB NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE,
    ballots TEXT NOT NULL CHECK (ballots IN ('changeable', 'once', 'unlimited')),
    voters  TEXT NOT NULL CHECK (voters IN ('connection', 'named', 'address')),
    reveal  TEXT NOT NULL CHECK (reveal IN ('live', 'closed')),
    record  TEXT NOT NULL CHECK (record IN ('pseudonym', 'name'))
);

-- The choices of a poll, numbered from 1 in the order of creation. A ballot's value is the number of its choice.
CREATE TABLE choice (
    poll   INTEGER NOT NULL REFERENCES poll (id),
    number INTEGER NOT NULL,
    code   BLOB NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (poll, number),
    UNIQUE (poll, code)
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
    text    TEXT,
    chain   BLOB NOT NULL
);

-- Ballots with consecutive sequences, from first_seq on, in one row: it fits a page. LEDGER.md says what `kind` and
-- `body` mean: the body holds for each ballot its poll, value, voter, and, as bit 0 and bit 1 of the kind say, key and
-- weight. There is no index on voters on purpose: the server holds the electorate in memory.
CREATE TABLE sheet (
    first_seq INTEGER PRIMARY KEY,
    time_ns   INTEGER NOT NULL,
    kind      INTEGER NOT NULL,
    ballots   INTEGER NOT NULL,
    body      BLOB NOT NULL,
    chain     BLOB NOT NULL
);

-- A ballot of a poll that says record = 'name'.
--   voter     the name, folded as PROTOCOL.md says: the same for all its spellings
--   spelling  the name as it was written, if that is not the same
--   key       as in the view `ballot`
CREATE TABLE named_ballot (
    seq      INTEGER PRIMARY KEY,
    time_ns  INTEGER NOT NULL,
    poll     INTEGER NOT NULL,
    value    INTEGER NOT NULL,
    weight   INTEGER NOT NULL,
    voter    TEXT NOT NULL,
    spelling TEXT,
    key      BLOB,
    chain    BLOB NOT NULL
);

-- The places in a sheet, from 0.
CREATE TABLE slot (
    n INTEGER PRIMARY KEY
);
WITH RECURSIVE place (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM place WHERE n < 182)
INSERT INTO slot SELECT n FROM place;

-- The tally of each poll as it was last shown, in the words of the line protocol. It is written in the
-- transaction of the entries that made it so.
CREATE TABLE last_tally (
    poll INTEGER PRIMARY KEY REFERENCES poll (id),
    line TEXT NOT NULL
);

-- All ballots one by one, with poll and value as their codes. A weight is four bytes: eight digits, of which instr()
-- tells the values, added up by their places.
CREATE VIEW coded_ballot AS
    SELECT first_seq + n AS seq, time_ns,
           substr(body, 1 + width * n, 3) AS poll_code,
           substr(body, 4 + width * n, 3) AS value_code,
           substr(body, 7 + width * n, 16) AS voter,
           CASE WHEN kind & 1 THEN nullif(substr(body, 23 + width * n, 16), zeroblob(16)) END AS key,
           CASE WHEN kind & 2 THEN (
               SELECT sum(instr('123456789ABCDEF', substr(hex(substr(body, width * slot.n + width - 3, 4)), 8 - d.n, 1))
                          << (4 * d.n))
                 FROM slot d WHERE d.n < 8) ELSE 1 END AS weight,
           NULL AS spelling
      FROM (SELECT *, 22 + 16 * (kind & 1) + 2 * (kind & 2) AS width FROM sheet)
      CROSS JOIN slot ON n < ballots
    UNION ALL
    SELECT b.seq, b.time_ns, p.code, c.code, b.voter, b.key, b.weight, b.spelling
      FROM named_ballot b
      LEFT JOIN poll p ON p.id = b.poll
      LEFT JOIN choice c ON c.poll = b.poll AND c.number = b.value;

-- All ballots one by one. A ballot that repeats one that counts is not recorded again.
--   voter  who cast it: a 16-byte hash of the poll and the voter's name under the server's key; or the name
--          itself, as text, where the poll says record = 'name'. Either is of the name as all its spellings have it:
--          folded, as PROTOCOL.md says
--   key    a 16-byte hash of the ballot's id=, or NULL if it had none; NULL too where neither ballots = 'unlimited' nor
--          voters = 'named'. In unlimited polls ballots of the same key are one; elsewhere it does not count
--   weight for how many it counts
CREATE VIEW ballot AS
    SELECT b.seq, b.time_ns, p.id AS poll, c.number AS choice, b.voter, b.key, b.weight, b.spelling
      FROM coded_ballot b
      LEFT JOIN poll p ON p.code = b.poll_code
      LEFT JOIN choice c ON c.poll = p.id AND c.code = b.value_code;

-- The ballots that count: of each voter the latest (changeable) or the first (once); of `unlimited` polls all,
-- those with the same id= once. In SQLite a bare column beside max() is of the row that has it. The limit, which is
-- none, keeps the two queries apart: made one, they would have SQLite sort whole sheets, a copy for each ballot. As
-- text, hashes are compared faster.
CREATE VIEW counting_coded_ballot AS
    SELECT poll, abs(max(rank)) AS seq, value_code, weight
      FROM (SELECT p.id AS poll, b.value_code, b.weight,
                   CAST(CASE p.ballots WHEN 'unlimited' THEN coalesce(b.key, b.seq) ELSE b.voter END AS TEXT) AS one,
                   CASE p.ballots WHEN 'changeable' THEN b.seq ELSE -b.seq END AS rank
              FROM coded_ballot b CROSS JOIN poll p ON p.code = b.poll_code
             LIMIT -1)
     GROUP BY one, poll;

-- The same, with choices as numbers.
CREATE VIEW counting_ballot AS
    SELECT b.poll, b.seq, c.number AS choice, b.weight
      FROM counting_coded_ballot b
      LEFT JOIN choice c ON c.poll = b.poll AND c.code = b.value_code;

-- Each poll's state, and the entry that put it in that state.
CREATE VIEW poll_state AS
    SELECT poll, max(seq) AS seq,
           CASE kind WHEN 'open' THEN 'open' WHEN 'close' THEN 'closed' ELSE text END AS state
      FROM poll_event WHERE kind IN ('create', 'open', 'close') GROUP BY poll;

-- The recount: one row a poll, from the ballots and the poll's events alone. `seq` is the last entry that
-- changed the tally, `line` the tally in the words of the line protocol.
CREATE VIEW tally AS
    WITH counted AS MATERIALIZED (
        SELECT poll, value_code, sum(weight) AS n, max(seq) AS seq
          FROM counting_coded_ballot GROUP BY poll, value_code
    ), vector AS (
        SELECT c.poll, sum(coalesce(n, 0)) AS ballots, max(coalesce(c.seq, 0)) AS seq,
               group_concat(c.name || '=' || coalesce(n, 0), ' ') AS counts
          FROM (SELECT choice.poll, choice.name, counted.n, counted.seq
                  FROM choice
                  LEFT JOIN counted ON counted.poll = choice.poll AND counted.value_code = choice.code
                 ORDER BY choice.poll, choice.number) c
         GROUP BY c.poll
    )
    SELECT p.id AS poll, p.name, s.state, max(s.seq, v.seq) AS seq, v.ballots, v.counts,
           p.name || ' ' || s.state || ' ' || max(s.seq, v.seq) || ' ' || v.ballots || ' ' || v.counts AS line
      FROM poll p
      JOIN poll_state s ON s.poll = p.id
      JOIN vector v ON v.poll = p.id;
