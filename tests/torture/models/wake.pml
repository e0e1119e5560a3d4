/* Sleeping and waking: no wake-up is lost between a loop, the ledger and the main thread, and a stop
 * leaves nothing unanswered.
 *
 * Models waker_prepare, waker_cancel, waker_finish, waker_sleep and waker_wake of src/base/waker.c;
 * loop_run, prepare_to_sleep, loop_is_awake, run_inbox, has_work and loop_post of
 * src/net/loop.c; worker_work, worker_pending, note_quiet,
 * run_stop, on_stop_deadline, run_finish, worker_stop and worker_finish of src/serve/worker.c; ledger_run,
 * gather_batch, has_work, wait_for_work and ledger_stop of src/ledger/ledger.c; ports_send and
 * ports_flush of src/ledger/ports.c; all with their memory orders. Three threads: a loop whose peers send lines, each of which becomes a
 * request; the ledger; and the main thread, which posts a task, stops the worker and the ledger, and
 * ends the loop, as a stopping server does.
 *
 * Left out: what the rings carry but its number (ring.pml), and that they can be full: a loop never
 * has more in flight than they hold. An eventfd is a bit that the kernel keeps; that it orders other
 * memory is not relied upon. A backup's thread wakes the ledger as a loop does. The ledger's sleep ends by itself
 * after a second, to look after its files; here it does not, so that a lost wake-up shows.
 *
 * A stop, and its deadline, wake threads that had better been awake already. So there are runs without
 * a deadline, and runs in which the stop comes only when every line is answered.
 *
 * A lost wake-up leaves everybody waiting: an invalid end state.
 *
 * MUTATION PREPARE_STORES stuck: the sleeper's flag is stored, not exchanged
 * MUTATION PREPARE_RELAXED stuck: the sleeper's exchange orders nothing
 * MUTATION WAKE_RELAXED stuck: the waker's exchange orders nothing
 * MUTATION PREPARE_LATE stuck: the ledger looks for work before it raises the flag
 * MUTATION NO_SECOND_LOOK stuck: the loop does not look again after raising the flag
 * MUTATION WAKE_EARLY stuck: the ledger is woken before the requests are published
 * MUTATION SECOND_SEND_FORGOTTEN stuck: what the answers gave rise to is not sent before sleeping
 * MUTATION ANSWERS_UNWOKEN stuck: the answers are published without a wake
 * MUTATION INBOX_CLEARED_LATE stuck: the inbox's flag is cleared after the mutex is released
 * MUTATION INBOX_UNWOKEN stuck: a task is posted without a wake
 * MUTATION STOP_SEEN_LATE broken: the ledger looks for the stop after it has gathered
 * MUTATION STOP_UNLOOKED stuck: the ledger's second look passes over the stop */

#ifndef LINES
#define LINES 2
#endif

#define THREADS 3
#define LOOP 0
#define LEDGER 1
#define MAIN 2
#define ATOMICS 4
#define REQUESTS 0     /* the tail of the ring to the ledger */
#define ANSWERS 1      /* the tail of the ring back */
#define INBOX_FILLED 2 /* of the loop */
#define STOPPING 3     /* of the ledger */
#define PLACES 5
#define INBOX 4 /* the loop's list of tasks: not atomic, under the mutex */
#define STORES 8
#define CARRIERS 4 /* the sleepers' flags by their threads, and */
#define BY_INBOX_MUTEX 2
#define BY_QUIET 3
#define USES(thread, place)                                                                        \
    ((place) == REQUESTS || (place) == ANSWERS ? (thread) != MAIN                                  \
     : (place) == STOPPING                     ? (thread) != LOOP                                  \
                                               : (thread) != LEDGER)
#include "memory.pml"

#ifdef PREPARE_RELAXED
#define PREPARE_ORDER RELAXED
#else
#define PREPARE_ORDER ACQ_REL
#endif
#ifdef WAKE_RELAXED
#define WAKE_ORDER RELAXED
#else
#define WAKE_ORDER ACQ_REL
#endif

#define TASK_HELLO 1 /* bits */
#define TASK_STOP 2
#define TASK_FINISH 4

bit asleep[2];    /* of LOOP and LEDGER */
bit readable[2];  /* their eventfds */
bit inbox_mutex;
byte inbox;       /* tasks */
bit quiet;        /* the semaphore on which the main thread waits */
bit has_deadline; /* the stop's deadline passes in this run */
bit patient;      /* the stop comes when everything is answered, so nothing but an answer wakes */
byte answered;
bit ledger_ended, loop_ended;

/* ---- src/base/waker.c ---- */

inline waker_prepare(self)
{
#ifdef PREPARE_STORES
    d_step {
        asleep[self] = 1;
        each = 0;
        do
        :: each < PLACES ->
            carried[self].at[each] = knows[self].at[each];
            each++
        :: else -> break
        od;
        each = 0
    }
#else
    exchange(self, asleep[self], self, PREPARE_ORDER, 1, was)
#endif
}

inline waker_cancel(self)
{
    exchange(self, asleep[self], self, ACQ_REL, 0, was)
}

inline waker_finish(self)
{
    exchange(self, asleep[self], self, ACQ_REL, 0, was);
    readable[self] = 0
}

inline waker_wake(self, sleeper)
{
    exchange(self, asleep[sleeper], sleeper, WAKE_ORDER, 0, was);
    if
    :: was -> readable[sleeper] = 1
    :: else
    fi;
    was = 0
}

/* ---- src/net/loop.c ---- */

inline loop_post(self, task)
{
    lock(self, inbox_mutex, BY_INBOX_MUTEX);
    access(self, INBOX);
    inbox = inbox | task;
    put(self, INBOX_FILLED, RELEASE, 1);
    unlock(self, inbox_mutex, BY_INBOX_MUTEX);
#ifndef INBOX_UNWOKEN
    waker_wake(self, LOOP)
#endif
}

/* ---- src/ledger/ports.c, src/ledger/ledger.c ---- */

inline ports_send()
{
    if
    :: sent < filled ->
#ifdef WAKE_EARLY
        waker_wake(LOOP, LEDGER);
        put(LOOP, REQUESTS, RELEASE, filled);
#else
        put(LOOP, REQUESTS, RELEASE, filled);
        waker_wake(LOOP, LEDGER);
#endif
        sent = filled
    :: else
    fi
}

/* ledger.c's has_work */
inline look_for_work()
{
    load(LEDGER, REQUESTS, ACQUIRE, tail);
    work = tail > head;
#ifndef STOP_UNLOOKED
    if
    :: !work ->
        load(LEDGER, STOPPING, ACQUIRE, stop);
        work = stop
    :: else
    fi
#endif
}

proctype ledger()
{
    byte head, tail, stop; /* requests taken; answers are as many */
    bit was, work;

    do
    ::
#ifndef STOP_SEEN_LATE
        load(LEDGER, STOPPING, ACQUIRE, stop);
#endif
        /* gather_batch: some or all of what is there */
        load(LEDGER, REQUESTS, ACQUIRE, tail);
#ifdef STOP_SEEN_LATE
        load(LEDGER, STOPPING, ACQUIRE, stop);
#endif
        if
        :: tail > head -> /* process_batch */
            if
            :: head++
            :: head = tail
            fi;
            put(LEDGER, ANSWERS, RELEASE, head);
#ifndef ANSWERS_UNWOKEN
            waker_wake(LEDGER, LOOP)
#endif
        :: else ->
            if
            :: stop -> break
            :: else
            fi;
            /* wait_for_work */
#ifdef PREPARE_LATE
            look_for_work();
            waker_prepare(LEDGER);
#else
            waker_prepare(LEDGER);
            look_for_work();
#endif
            if
            :: work -> waker_cancel(LEDGER)
            :: else ->
                readable[LEDGER]; /* waker_sleep */
                waker_finish(LEDGER)
            fi;
            was = 0
        fi;
        tail = 0;
        stop = 0;
        work = 0
    od;
    /* What was sent before the stop began is answered. */
    assert(head == newest(REQUESTS));
    ledger_ended = 1
}

/* ---- src/net/loop.c, src/serve/worker.c ---- */

#define RUNNING 0
#define STOPS 1
#define QUIET 2
#define QUITS 3

inline run_inbox()
{
    load(LOOP, INBOX_FILLED, ACQUIRE, filled_flag);
    if
    :: filled_flag ->
        lock(LOOP, inbox_mutex, BY_INBOX_MUTEX);
        access(LOOP, INBOX);
        tasks = inbox;
        inbox = 0;
#ifdef INBOX_CLEARED_LATE
        unlock(LOOP, inbox_mutex, BY_INBOX_MUTEX);
        put(LOOP, INBOX_FILLED, RELAXED, 0);
#else
        put(LOOP, INBOX_FILLED, RELAXED, 0);
        unlock(LOOP, inbox_mutex, BY_INBOX_MUTEX);
#endif
        if
        :: tasks & TASK_STOP ->
            stage = STOPS;
            if /* run_stop reads once more what is there */
            :: true
            :: filled < LINES -> filled++
            fi
        :: else
        fi;
        if
        :: tasks & TASK_FINISH -> stage = QUITS
        :: else
        fi;
        tasks = 0
    :: else
    fi;
    filled_flag = 0
}

/* receive_answers between two sendings; and note_quiet */
inline worker_work()
{
    ports_send();
    load(LOOP, ANSWERS, ACQUIRE, tail);
    if /* an answer lets a connection go on with a line that waited for it */
    :: tail > answered && stage == RUNNING && filled < LINES -> filled++
    :: true
    fi;
    answered = tail;
    tail = 0;
#ifndef SECOND_SEND_FORGOTTEN
    ports_send();
#endif
    if
    :: stage == STOPS && (answered == filled || overdue) ->
        stage = QUIET;
        d_step {
            join(carried[BY_QUIET], knows[LOOP]);
            quiet = 1
        }
    :: else
    fi
}

/* loop.c's has_work, with worker_pending */
inline look_again()
{
    load(LOOP, INBOX_FILLED, ACQUIRE, filled_flag);
    work = filled_flag;
    if
    :: !work ->
        load(LOOP, ANSWERS, ACQUIRE, tail);
        work = tail > answered
    :: else
    fi;
    filled_flag = 0;
    tail = 0
}

/* Before an event's work is done. (Where there was work already, the flag is down.) */
inline loop_is_awake()
{
    if
    :: !work -> waker_cancel(LOOP)
    :: else
    fi
}

proctype loop()
{
    byte filled, sent, tail, filled_flag, tasks, stage = RUNNING;
    bit was, work, overdue;

    do
    ::
        run_inbox();
        worker_work();
        if
        :: stage == QUITS -> break
        :: else
        fi;
        waker_prepare(LOOP); /* prepare_to_sleep; a round that has more to do leaves it out */
#ifndef NO_SECOND_LOOK
        look_again();
#endif
        if
        :: work -> waker_cancel(LOOP)
        :: else
        fi;
        if /* event_base_loop: on_wake, an input event, the stop's timer, or only a look */
        :: readable[LOOP] -> waker_finish(LOOP)
        :: stage == RUNNING && filled < LINES ->
            loop_is_awake();
            filled++
        :: stage == STOPS && has_deadline && !overdue ->
            loop_is_awake();
            overdue = 1
        :: work
        fi;
        work = 0;
        was = 0
    od;
    assert(overdue || answered == filled);
    loop_ended = 1
}

/* ---- src/main.c's stop ---- */

proctype main_thread()
{
    bit was;
    loop_post(MAIN, TASK_HELLO);
    !patient || answered == LINES;
    loop_post(MAIN, TASK_STOP); /* worker_stop */
    atomic {
        quiet;
        join(knows[MAIN], carried[BY_QUIET])
    }
    put(MAIN, STOPPING, RELEASE, 1); /* ledger_stop */
    waker_wake(MAIN, LEDGER);
    ledger_ended;
    loop_post(MAIN, TASK_FINISH); /* worker_finish */
    loop_ended
}

init {
    atomic {
        begin(REQUESTS, 0);
        begin(ANSWERS, 0);
        begin(INBOX_FILLED, 0);
        begin(STOPPING, 0);
        if
        :: has_deadline = 0
        :: has_deadline = 1
        fi;
        if
        :: patient = 0
        :: patient = 1
        fi;
        run loop();
        run ledger();
        run main_thread()
    }
}
