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
-- number as three bytes, big-endian, by which a sheet names it; the same is true of a choice's. `method` has the
-- version of its rule. A setting that means nothing for the kind or method is NULL.
CREATE TABLE poll (
    id      INTEGER PRIMARY KEY,
    code    BLOB NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE,
    ballots TEXT NOT NULL CHECK (ballots IN ('changeable', 'once', 'unlimited')),
    voters  TEXT NOT NULL CHECK (voters IN ('connection', 'named', 'address')),
    reveal  TEXT NOT NULL CHECK (reveal IN ('live', 'closed')),
    record  TEXT NOT NULL CHECK (record IN ('pseudonym', 'name')),
    kind    TEXT NOT NULL CHECK (kind IN ('single', 'approval', 'score', 'ranked')),
    method  TEXT NOT NULL,
    equal   TEXT CHECK (equal IN ('yes', 'no')),
    abstain TEXT NOT NULL CHECK (abstain IN ('yes', 'no')),
    seats   INTEGER,
    min     INTEGER,
    max     INTEGER,
    scores  INTEGER
);

-- The choices of a poll, numbered from 1 in the order of creation. `lot` is a choice's place in the poll's lot, from 1:
-- what nothing else decides, the lot does.
CREATE TABLE choice (
    poll   INTEGER NOT NULL REFERENCES poll (id),
    number INTEGER NOT NULL,
    code   BLOB NOT NULL,
    name   TEXT NOT NULL,
    lot    INTEGER NOT NULL,
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
-- weight. Bit 2 says that there are rows of `value` for some of them. There is no index on voters on purpose: the server holds the electorate in memory.
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

-- The values of all polls but those of single choice, in which value n is choice n: what the distinct ballots of a poll
-- say, numbered from 1. `seq` is the first ballot that said it. `marks` has a byte for each choice, in the order of their
-- numbers: 0 or 1 (approval); the score; or the rank, from 1, and 0 for a choice that the ballot does not name (ranked).
-- 16777215 is not here: in any poll, it is an abstention.
CREATE TABLE value (
    seq    INTEGER PRIMARY KEY,
    poll   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    marks  BLOB NOT NULL,
    UNIQUE (poll, number)
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

-- All bytes, each behind as many as its number says, by which instr() tells what a byte is.
CREATE VIEW byte AS
    SELECT x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' AS every;

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
    SELECT b.seq, b.time_ns, p.code,
           CAST(substr(every, 1 + (b.value >> 16), 1) || substr(every, 1 + (b.value >> 8 & 255), 1)
                || substr(every, 1 + (b.value & 255), 1) AS BLOB),
           b.voter, b.key, b.weight, b.spelling
      FROM named_ballot b
      CROSS JOIN byte
      LEFT JOIN poll p ON p.id = b.poll;

-- All ballots one by one. A ballot that repeats one that counts is not recorded again.
--   value  what it says: the number of a row of `value`; 16777215 for an abstention; or as `choice`
--   choice the number of the choice, in polls of single choice; elsewhere, and for an abstention, NULL
--   voter  who cast it: a 16-byte hash of the poll and the voter's name under the server's key; or the name
--          itself, as text, where the poll says record = 'name'. Either is of the name as all its spellings have it:
--          folded, as PROTOCOL.md says
--   key    a 16-byte hash of the ballot's id=, or NULL if it had none; NULL too where neither ballots = 'unlimited' nor
--          voters = 'named'. In unlimited polls ballots of the same key are one; elsewhere it does not count
--   weight for how many it counts
CREATE VIEW ballot AS
    SELECT b.seq, b.time_ns, p.id AS poll,
           (instr(every, substr(b.value_code, 1, 1)) - 1 << 16) + (instr(every, substr(b.value_code, 2, 1)) - 1 << 8)
           + instr(every, substr(b.value_code, 3, 1)) - 1 AS value,
           c.number AS choice, b.voter, b.key, b.weight, b.spelling
      FROM coded_ballot b
      CROSS JOIN byte
      LEFT JOIN poll p ON p.code = b.poll_code
      LEFT JOIN choice c ON c.poll = p.id AND c.code = b.value_code AND p.kind = 'single';

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

-- The same, with numbers as in `ballot`.
CREATE VIEW counting_ballot AS
    SELECT b.poll, b.seq,
           (instr(every, substr(b.value_code, 1, 1)) - 1 << 16) + (instr(every, substr(b.value_code, 2, 1)) - 1 << 8)
           + instr(every, substr(b.value_code, 3, 1)) - 1 AS value,
           c.number AS choice, b.weight
      FROM counting_coded_ballot b
      CROSS JOIN byte
      JOIN poll p ON p.id = b.poll
      LEFT JOIN choice c ON c.poll = b.poll AND c.code = b.value_code AND p.kind = 'single';

-- What each value says of each choice, as a number. With `counting_ballot`, anybody can compute a result by himself:
--
--     SELECT m.choice, sum(b.weight * m.mark) FROM counting_ballot b JOIN mark m USING (poll, value)
--      WHERE poll = 1 GROUP BY m.choice;
CREATE VIEW mark AS
    SELECT v.poll, v.number AS value, c.number AS choice, instr(every, substr(v.marks, c.number, 1)) - 1 AS mark
      FROM value v
      CROSS JOIN byte
      JOIN choice c ON c.poll = v.poll;

-- Each poll's state, and the entry that put it in that state.
CREATE VIEW poll_state AS
    SELECT poll, max(seq) AS seq,
           CASE kind WHEN 'open' THEN 'open' WHEN 'close' THEN 'closed' ELSE text END AS state
      FROM poll_event WHERE kind IN ('create', 'open', 'close') GROUP BY poll;

-- The recount: one row a poll, from the ballots and the poll's events alone. `seq` is the last entry that
-- changed the tally, `line` the tally in the words of the line protocol. A choice's count is how many chose it (single),
-- approved it, or ranked it first; or the sum of its scores. Abstentions are among the ballots, and for no choice. That each value
-- is above 0 is said so that SQLite's index of them has it in the second place: then it is written in order.
CREATE VIEW tally AS
    WITH counted AS MATERIALIZED (
        SELECT poll, value_code, sum(weight) AS n, max(seq) AS seq
          FROM counting_coded_ballot GROUP BY poll, value_code
    ), total AS MATERIALIZED (
        SELECT poll, sum(n) AS ballots, max(seq) AS seq FROM counted GROUP BY poll
    ), marked AS MATERIALIZED (
        SELECT v.poll, v.number AS value, v.marks, counted.n
          FROM counted
          CROSS JOIN byte
          JOIN value v ON v.poll = counted.poll AND v.number =
               (instr(every, substr(value_code, 1, 1)) - 1 << 16) + (instr(every, substr(value_code, 2, 1)) - 1 << 8)
               + instr(every, substr(value_code, 3, 1)) - 1
    ), vector AS (
        SELECT c.poll, group_concat(c.name || '=' || c.n, ' ') AS counts
          FROM (SELECT choice.poll, choice.name,
                       coalesce(CASE p.kind
                                WHEN 'single' THEN counted.n
                                WHEN 'ranked' THEN sum(marked.n * (substr(marks, choice.number, 1) = x'01'))
                                ELSE sum(marked.n * (instr(every, substr(marks, choice.number, 1)) - 1))
                                END, 0) AS n
                  FROM choice
                  CROSS JOIN byte
                  JOIN poll p ON p.id = choice.poll
                  LEFT JOIN counted ON counted.poll = choice.poll AND counted.value_code = choice.code
                  LEFT JOIN marked ON marked.poll = choice.poll AND marked.value > 0
                 GROUP BY choice.poll, choice.number
                 ORDER BY choice.poll, choice.number) c
         GROUP BY c.poll
    )
    SELECT p.id AS poll, p.name, s.state, max(s.seq, coalesce(t.seq, 0)) AS seq, coalesce(t.ballots, 0) AS ballots,
           v.counts,
           p.name || ' ' || s.state || ' ' || max(s.seq, coalesce(t.seq, 0)) || ' ' || coalesce(t.ballots, 0) || ' '
           || v.counts AS line
      FROM poll p
      JOIN poll_state s ON s.poll = p.id
      JOIN vector v ON v.poll = p.id
      LEFT JOIN total t ON t.poll = p.id;
