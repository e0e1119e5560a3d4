/* A connection's move from its ingest loop to a broadcast loop: it has one owner at every instant,
 * and each of its lines is answered once, in order, whatever is in flight and whoever hangs up.
 *
 * Models take_vote, take_command, must_move, pauses_for_answers, session_reply_done and on_answer of
 * src/line; client_leave, arrive and client_close of src/serve/client.c; conn_attach,
 * conn_detach, conn_find and conn_settle of src/net/conn.c; slots_take and slots_leave of
 * src/net/slots.c; worker_request, worker_wait, worker_forget, take_answers and resume_waiting of
 * src/serve/worker.c; loop_post and run_inbox of src/net/loop.c. Two workers and the
 * ledger are threads. One peer sends VOTE, SUBSCRIBE, VOTE, the other two VOTEs, at once; each may
 * hang up at any time. The second one's connection takes a free slot of the pool, also one that the
 * first has left.
 *
 * A connection's fields are not atomic: each use of them by a thread that does not know of the one
 * before is a race, and that is what a second owner would be.
 *
 * Left out: the rings' memory (they are channels here; ring.pml), sleeping (wake.pml), output, and
 * how the listener hands over new connections, which is the same loop_post and arrive.
 *
 * MUTATION LEAVE_IN_FLIGHT broken: SUBSCRIBE does not wait for the ballots in flight
 * MUTATION SAME_GENERATION broken: a slot that is left keeps its generation
 * MUTATION DETACH_LATE broken: the connection is posted before it is detached
 * MUTATION WORKER_LATE broken: the session's worker is set after it was posted
 * MUTATION POST_RELAXED race: it is posted without the mutex, by a flag that orders nothing
 * MUTATION ARRIVE_PAUSED broken: the new worker does not go on with the unread line
 * MUTATION PAUSE_FORGOTTEN broken: answers do not resume a connection that waits for them
 * MUTATION WAITING_KEPT broken: one that closes stays on the list of those that wait for room
 * MUTATION ROOM_LOST broken: an answer to one that is gone gives no room in the ring back */

#ifndef ROOM
#define ROOM 2 /* requests in flight of a worker: PORT_SLOTS */
#endif
#define SLOTS 2 /* of each pool */
#define CONNS 2
#define NOBODY 255

#define THREADS 2
#define INGEST 0
#define BROADCAST 1
#define ATOMICS 1
#define INBOX_FILLED 0 /* of the broadcast worker's loop */
#define PLACES (2 + CONNS)
#define INBOX 1
#define CONN(c) (2 + (c))
#define STORES 6
#define CARRIERS 1
#define BY_MUTEX 0
#define USES(thread, place) 1
#include "memory.pml"

#define VOTE 0
#define SUBSCRIBE 1
#define LINE(c, n) ((c) == 0 && (n) == 1 -> SUBSCRIBE : VOTE)
#define LINES(c) ((c) == 0 -> 3 : 2)

#define ACCEPTED 0
#define OPEN 1
#define MOVING 2
#define GONE 3

typedef connection {
    byte state;
    byte owner;   /* who must be the only one to touch it; for assertions */
    byte worker;  /* session->worker */
    byte slot;    /* conn->ref */
    byte generation;
    byte line;    /* the next one to execute: the unread input */
    byte replies; /* lines that were replied to */
    byte in_flight;
    bit paused;
    bit waiting; /* for room in the ring */
};

typedef slots {
    byte holds[SLOTS]; /* a connection or NOBODY */
    byte generations[SLOTS];
    byte in_flight;
};

connection conns[CONNS];
slots pools[2];
bit mutex;
byte inbox = NOBODY; /* the connection whose arrival is posted */
bit may_reset[CONNS];

/* slot, generation; and for assertions whose line it was */
chan requests[2] = [ROOM + 1] of { byte, byte, byte, byte };
chan answers[2] = [ROOM + 1] of { byte, byte, byte, byte };

/* ---- src/net/conn.c ---- */

inline touch(self, c)
{
    assert(conns[c].state != GONE);
    access(self, CONN(c))
}

inline conn_attach(self, c, at)
{
    touch(self, c);
    d_step {
        assert(conns[c].worker == self && conns[c].owner == NOBODY);
        conns[c].owner = self;
        conns[c].state = OPEN;
        conns[c].slot = at;
        conns[c].generation = pools[self].generations[at];
        pools[self].holds[at] = c
    }
}

inline conn_detach(self, c)
{
    touch(self, c);
    d_step {
        assert(conns[c].owner == self);
        conns[c].owner = NOBODY;
        conns[c].state = MOVING;
        pools[self].holds[conns[c].slot] = NOBODY;
#ifndef SAME_GENERATION
        pools[self].generations[conns[c].slot]++;
#endif
    }
}

/* ---- src/net/loop.c: the broadcast worker's inbox ---- */

inline loop_post(self, c)
{
#ifdef POST_RELAXED
    inbox = c;
    put(self, INBOX_FILLED, RELAXED, 1);
#else
    lock(self, mutex, BY_MUTEX);
    access(self, INBOX);
    inbox = c;
    put(self, INBOX_FILLED, RELEASE, 1);
    unlock(self, mutex, BY_MUTEX);
#endif
}

/* ---- src/line/line_protocol.c ---- */

inline reply(c, n)
{
    assert(conns[c].replies == n); /* in the order of the lines, and none twice */
    conns[c].replies++
}

inline arrive(self, c)
{
    if /* any free slot; there is one at the broadcast worker, which only one connection moves to */
    :: pools[self].holds[0] == NOBODY -> conn_attach(self, c, 0)
    :: pools[self].holds[SLOTS - 1] == NOBODY -> conn_attach(self, c, SLOTS - 1)
    fi;
#ifndef ARRIVE_PAUSED
    conns[c].paused = 0
#endif
}

inline run_inbox()
{
    load(BROADCAST, INBOX_FILLED, ACQUIRE, filled);
    if
    :: filled ->
#ifdef POST_RELAXED
        c = inbox;
        put(BROADCAST, INBOX_FILLED, RELAXED, 0);
#else
        lock(BROADCAST, mutex, BY_MUTEX);
        access(BROADCAST, INBOX);
        c = inbox;
        inbox = NOBODY;
        put(BROADCAST, INBOX_FILLED, RELAXED, 0);
        unlock(BROADCAST, mutex, BY_MUTEX);
#endif
        arrive(BROADCAST, c)
    :: else
    fi;
    filled = 0
}

inline leave(self, c)
{
#ifdef DETACH_LATE
    touch(self, c);
    conns[c].worker = BROADCAST;
    loop_post(self, c);
    conn_detach(self, c);
#else
    conn_detach(self, c);
#ifdef WORKER_LATE
    loop_post(self, c);
    touch(self, c);
    conns[c].worker = BROADCAST;
#else
    touch(self, c);
    conns[c].worker = BROADCAST;
    loop_post(self, c);
#endif
#endif
}

/* The next line of an open connection that is not paused; and conn_settle, where it leaves. */
inline take_line(self, c)
{
    touch(self, c);
    if
    :: LINE(c, conns[c].line) == VOTE ->
        if
        :: pools[self].in_flight == ROOM -> /* worker_wait */
            d_step {
                conns[c].waiting = 1;
                conns[c].paused = 1
            }
        :: else -> /* execute_vote */
            d_step {
                pools[self].in_flight++;
                conns[c].in_flight++;
                requests[self] ! conns[c].slot, conns[c].generation, c, conns[c].line;
                conns[c].line++
            }
        fi
#ifndef LEAVE_IN_FLIGHT
    :: LINE(c, conns[c].line) == SUBSCRIBE && conns[c].in_flight > 0 ->
        conns[c].paused = 1 /* pauses_for_answers */
    :: LINE(c, conns[c].line) == SUBSCRIBE && conns[c].in_flight == 0 ->
#else
    :: LINE(c, conns[c].line) == SUBSCRIBE ->
#endif
        if
        :: self == INGEST ->
            conns[c].paused = 1;
            leave(self, c)
        :: else ->
            d_step {
                reply(c, conns[c].line);
                conns[c].line++
            }
        fi
    fi
}

/* A peer hung up: conn_doom, and what conn_settle then does, client_close first. */
inline close(self, c)
{
    touch(self, c);
#ifndef WAITING_KEPT
    conns[c].waiting = 0;
#endif
    conn_detach(self, c);
    conns[c].state = GONE
}

/* ---- src/serve/worker.c ---- */

/* One answer: take_answers, with conn_find, on_answer and session_reply_done. */
inline take_answer(self, c)
{
    answers[self] ? slot, generation, whose, line;
    d_step {
        c = (pools[self].generations[slot] == generation -> pools[self].holds[slot] : NOBODY);
#ifdef ROOM_LOST
        if
        :: c != NOBODY -> pools[self].in_flight--
        :: else
        fi
#else
        pools[self].in_flight--
#endif
    }
    if
    :: c != NOBODY ->
        touch(self, c);
        d_step {
            assert(c == whose); /* not another's answer */
            reply(c, line);
            conns[c].in_flight--;
#ifndef PAUSE_FORGOTTEN
            if
            :: conns[c].paused && !conns[c].waiting && conns[c].in_flight == 0 ->
                conns[c].paused = 0
            :: else
            fi
#endif
        }
    :: else
    fi;
    d_step {
        slot = 0;
        generation = 0;
        whose = 0;
        line = 0
    }
}

inline resume_waiting(self, c)
{
    touch(self, c);
    d_step {
        conns[c].waiting = 0;
        conns[c].paused = 0
    }
}

#define HAS_ROOM(self) (pools[self].holds[0] == NOBODY || pools[self].holds[SLOTS - 1] == NOBODY)
#define ARRIVES(self, c) (self == INGEST && conns[c].state == ACCEPTED && HAS_ROOM(self))
#define OWNED(self, c) (conns[c].owner == self && conns[c].state == OPEN)
#define HAS_LINE(self, c) (OWNED(self, c) && !conns[c].paused && conns[c].line < LINES(c))
#define WAITS(self, c)                                                                             \
    (conns[c].waiting && conns[c].worker == self && pools[self].in_flight < ROOM)
#define RESETS(self, c) (OWNED(self, c) && may_reset[c])

proctype loop(byte self)
{
    byte c, slot, generation, whose, line, filled;

end_wait: /* the waits for whatever comes next */
    do
    :: ARRIVES(self, 0) -> c = 0; arrive(self, c); goto next
    :: ARRIVES(self, 1) -> c = 1; arrive(self, c); goto next
    :: self == BROADCAST && newest(INBOX_FILLED) -> run_inbox(); goto next
    :: HAS_LINE(self, 0) -> c = 0; take_line(self, c); goto next
    :: HAS_LINE(self, 1) -> c = 1; take_line(self, c); goto next
    :: WAITS(self, 0) -> c = 0; resume_waiting(self, c); goto next
    :: WAITS(self, 1) -> c = 1; resume_waiting(self, c); goto next
    :: RESETS(self, 0) -> c = 0; close(self, c); goto next
    :: RESETS(self, 1) -> c = 1; close(self, c); goto next
    :: nempty(answers[self]) -> take_answer(self, c); goto next
    od;
next:
    c = 0;
    goto end_wait
}

/* Each port's requests in order; the ports in any. */
proctype ledger()
{
    byte slot, generation, whose, line;
end_wait:
    do
    :: requests[INGEST] ? slot, generation, whose, line ->
        answers[INGEST] ! slot, generation, whose, line
    :: requests[BROADCAST] ? slot, generation, whose, line ->
        answers[BROADCAST] ! slot, generation, whose, line
    od
}

/* When nothing happens any more, everything has happened. */
active proctype monitor()
{
    timeout;
    assert(conns[0].state == GONE || (conns[0].replies == LINES(0) && conns[0].owner == BROADCAST));
    assert(conns[1].state == GONE || (conns[1].replies == LINES(1) && conns[1].owner == INGEST));
    assert(pools[INGEST].in_flight == 0 && pools[BROADCAST].in_flight == 0)
}

init {
    byte i;
    atomic {
        begin(INBOX_FILLED, 0);
        for (i : 0 .. CONNS - 1) {
            conns[i].owner = NOBODY;
            conns[i].worker = INGEST;
            if
            :: may_reset[i] = 0
            :: may_reset[i] = 1
            fi
        }
        for (i : 0 .. SLOTS - 1) {
            pools[INGEST].holds[i] = NOBODY;
            pools[BROADCAST].holds[i] = NOBODY
        }
        run loop(INGEST);
        run loop(BROADCAST);
        run ledger()
    }
}
